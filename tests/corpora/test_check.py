from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.audio.films import film
from tests.audio.spheres import pcm, sphere
from tests.corpora.recordings import record
from voxaffect.audio.decode import DecodeLimits, decode
from voxaffect.corpora import check as module
from voxaffect.corpora.check import Count, Examined, Verdict, check, examine
from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem, Utterance, utterance_id
from voxaffect.errors import AudioError

NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, 8_000)
BOTH = pytest.mark.parametrize("samples", [True, False], ids=["samples", "headers"])


def utterance(
    path: Path,
    speaker: str = "1",
    start_s: float = 0.0,
    end_s: float | None = None,
    gender: str | None = "female",
) -> Utterance:
    return Utterance(
        id=utterance_id("mine", PurePath(path.name), start_s, end_s),
        corpus="mine",
        path=path,
        label="joy",
        speaker=f"mine/{speaker}",
        gender=gender,
        start_s=start_s,
        end_s=end_s,
    )


def encoded(
    samples: Sequence[float] | NDArray[np.floating],
    rate_hz: int = 16_000,
    kind: str = "WAV",
    subtype: str | None = None,
) -> bytes:
    file = io.BytesIO()
    sf.write(file, np.asarray(samples), rate_hz, format=kind, subtype=subtype)
    return file.getvalue()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def one(path: Path, start_s: float = 0.0, end_s: float | None = None) -> Examined:
    (examined,) = examine([utterance(path, start_s=start_s, end_s=end_s)])
    return examined


def kinds(examined: Examined) -> list[tuple[str, bool]]:
    return [(problem.kind, problem.is_fault) for problem in examined.problems]


UNREADABLE = {
    "empty": b"",
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "text": b"not audio" * 99,
    "truncated": encoded(NOISE)[:9_000],
    "truncated SPHERE": sphere(pcm(NOISE), 16_000, count=9_000),
    "shorten": sphere(b"ajkg", 16_000, coding="pcm,embedded-shorten-v2.00", count=9),
    "too many channels": encoded(np.zeros((800, 17))),
    "impossible rate": encoded(NOISE, 900),
    "truncated film": film(NOISE, 16_000, "avi")[:9_000],
}
"""Faults that headers, or a video's sound, reveal."""

DAMAGED = {
    "not finite": encoded([0.1, np.nan] * 400, subtype="FLOAT"),
    "broken off": encoded(np.tile(NOISE, 100), kind="FLAC")[:-2_000],
}


class TestOneFault:
    @BOTH
    def test_missing(self, tmp_path: Path, samples: bool) -> None:
        (gone,) = examine([utterance(tmp_path / "gone.wav")], samples=samples)
        assert kinds(gone) == [("missing", True)]
        assert (gone.duration_s, gone.content) == (0.0, None)

    @BOTH
    @pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE.keys())
    def test_unreadable_recordings_have_the_message_of_decode(
        self, tmp_path: Path, content: bytes, samples: bool
    ) -> None:
        path = write(tmp_path / "a.wav", content)
        (examined,) = examine([utterance(path)], samples=samples)
        with pytest.raises(AudioError) as refusal:
            decode(path)
        assert kinds(examined) == [("unreadable", True)]
        assert examined.problems[0].detail == str(refusal.value)
        assert examined.problems[0].path == "mine/a"
        assert (examined.duration_s, examined.content) == (0.0, None)

    @pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
    def test_damage_that_headers_do_not_reveal(self, tmp_path: Path, content: bytes) -> None:
        path = write(tmp_path / "a.wav", content)
        with pytest.raises(AudioError) as refusal:
            decode(path)
        assert one(path).problems[0].detail == str(refusal.value)
        (by_header,) = examine([utterance(path)], samples=False)
        assert not by_header.problems

    @BOTH
    @pytest.mark.parametrize("start_s", [3.0, -1.0])
    def test_a_segment_outside_its_file(
        self, tmp_path: Path, start_s: float, samples: bool
    ) -> None:
        path = record(tmp_path / "a.wav")
        (examined,) = examine([utterance(path, start_s=start_s)], samples=samples)
        assert kinds(examined) == [("unreadable", True)]

    @BOTH
    @pytest.mark.parametrize(("n_samples", "is_short"), [(0, True), (399, True), (400, False)])
    def test_shorter_than_a_frame(
        self, tmp_path: Path, n_samples: int, is_short: bool, samples: bool
    ) -> None:
        path = write(tmp_path / "a.wav", encoded(np.full(n_samples, 0.1)))
        (examined,) = examine([utterance(path)], samples=samples)
        assert kinds(examined) == ([("too short", True)] if is_short else [])

    @pytest.mark.parametrize(("level", "is_silent"), [(0.0, True), (9e-6, True), (2e-5, False)])
    def test_silence(self, tmp_path: Path, level: float, is_silent: bool) -> None:
        path = write(tmp_path / "a.wav", encoded([level, -level] * 800, subtype="FLOAT"))
        assert kinds(one(path)) == ([("silent", True)] if is_silent else [])

    @pytest.mark.parametrize(("n_clipped", "is_clipped"), [(10, False), (11, True)])
    def test_clipping_of_more_than_a_hundredth(
        self, tmp_path: Path, n_clipped: int, is_clipped: bool
    ) -> None:
        path = write(tmp_path / "a.wav", encoded([1.0] * n_clipped + [0.1] * (1_000 - n_clipped)))
        assert kinds(one(path)) == ([("clipped", False)] if is_clipped else [])

    @pytest.mark.parametrize("level", [0.9989, 0.9991])
    def test_full_scale_is_that_of_a_waveform(self, tmp_path: Path, level: float) -> None:
        path = write(tmp_path / "a.wav", encoded([level, -level] * 800, subtype="FLOAT"))
        assert bool(one(path).problems) == bool(decode(path).clipped_share())

    def test_clipping_is_measured_at_the_rate_of_the_recording(self, tmp_path: Path) -> None:
        square = np.sign(np.sin(2 * np.pi * 9_000 * np.arange(48_000) / 48_000 + 0.1))
        path = write(tmp_path / "a.wav", encoded(square, 48_000))
        assert decode(path).clipped_share() == 0  # its one partial below 8 kHz is none
        assert kinds(one(path)) == [("clipped", False)]

    @BOTH
    def test_limits(self, tmp_path: Path, samples: bool) -> None:
        limits = DecodeLimits(max_duration_s=0.05)
        (examined,) = examine(
            [utterance(record(tmp_path / "a.wav"))], samples=samples, limits=limits
        )
        assert "more than the limit of 0.05 s" in examined.problems[0].detail


class TestDuration:
    @BOTH
    @given(
        n_samples=st.integers(6, 4_000),  # decode refuses fewer, which resampling may remove
        rate_hz=st.sampled_from([8_000, 11_025, 22_050, 44_100, 48_000]),
    )
    @settings(max_examples=20, deadline=None)
    def test_at_any_rate_a_recording_is_too_short_where_decode_has_no_frame(
        self, tmp_path_factory: pytest.TempPathFactory, samples: bool, n_samples: int, rate_hz: int
    ) -> None:
        path = tmp_path_factory.mktemp("any") / "a.wav"
        write(path, encoded(np.full(n_samples, 0.1), rate_hz))
        (examined,) = examine([utterance(path)], samples=samples)
        assert examined.duration_s == pytest.approx(n_samples / rate_hz)
        n_at_16_khz = n_samples * 16_000 / rate_hz
        if abs(n_at_16_khz - 399.5) > 0.5:  # where rounding does not decide
            assert bool(examined.problems) == (decode(path).samples.size < 400)

    @BOTH
    @pytest.mark.parametrize("kind", ["FLAC", "AIFF", "CAF", "NIST", "OGG"])
    def test_of_every_format(self, tmp_path: Path, kind: str, samples: bool) -> None:
        path = write(tmp_path / "a.any", encoded(NOISE, kind=kind))
        (examined,) = examine([utterance(path)], samples=samples)
        assert (examined.duration_s, examined.problems) == (0.5, ())

    @BOTH
    @pytest.mark.parametrize("container", ["avi", "mov", "matroska"])
    def test_of_films(self, tmp_path: Path, container: str, samples: bool) -> None:
        path = write(tmp_path / "a.avi", film(NOISE, 16_000, container))
        whole, part = examine(
            [utterance(path), utterance(path, start_s=0.1, end_s=0.3)],
            samples=samples,
        )
        assert whole.duration_s == 0.5
        assert part.duration_s == pytest.approx(0.2)
        assert not whole.problems + part.problems


class TestContent:
    def test_is_of_the_samples_in_any_format(self, tmp_path: Path) -> None:
        wav = one(record(tmp_path / "a.wav"))
        flac = one(record(tmp_path / "b.flac"))
        other = one(record(tmp_path / "c.wav", seed=1))
        assert wav.content == flac.content
        assert wav.content != other.content

    def test_of_a_film_is_that_of_its_sound(self, tmp_path: Path) -> None:
        avi = one(write(tmp_path / "a.avi", film(NOISE, 48_000, "avi")))
        pcm_16 = np.round(NOISE * 32_767).astype(np.int16)
        file = io.BytesIO()
        sf.write(file, pcm_16, 48_000, format="WAV")
        assert one(write(tmp_path / "a.wav", file.getvalue())).content == avi.content

    def test_two_channels_of_one_sound_are_that_sound(self, tmp_path: Path) -> None:
        mono = one(write(tmp_path / "a.wav", encoded(NOISE)))
        stereo = one(write(tmp_path / "b.wav", encoded(np.stack([NOISE, NOISE], axis=1))))
        assert mono.content == stereo.content

    def test_a_segment_has_that_of_the_same_samples_in_a_file(self, tmp_path: Path) -> None:
        session = write(tmp_path / "a.wav", encoded(np.tile(NOISE, 30)))  # of several blocks
        part = one(session, start_s=0.25, end_s=14.75)
        cut = one(write(tmp_path / "b.wav", encoded(np.tile(NOISE, 30)[4_000:236_000])))
        assert part.content == cut.content
        assert part.duration_s == cut.duration_s == 14.5

    def test_of_headers_is_hashed_only_for_similar_files(self, tmp_path: Path) -> None:
        a, b = (record(tmp_path / name, duration_s=1.0) for name in ("a.wav", "b.wav"))
        other = record(tmp_path / "c.wav", seed=1, duration_s=1.0)
        flac = record(tmp_path / "d.flac", duration_s=1.0)
        examined = examine([utterance(p) for p in (a, b, other, flac)], samples=False)
        contents = [each.content for each in examined]
        assert contents[0] == contents[1] is not None
        assert contents[2:] == [None, None]

    def test_files_that_only_seem_alike_are_read_whole(self, tmp_path: Path) -> None:
        same_middle = np.tile(NOISE, 2)
        a = write(tmp_path / "a.wav", encoded(same_middle))
        same_middle[:5] = 0.5
        b = write(tmp_path / "b.wav", encoded(same_middle))
        first, second = examine([utterance(a), utterance(b)], samples=False)
        assert None not in {first.content, second.content}
        assert first.content != second.content

    def test_of_headers_distinguishes_segments(self, tmp_path: Path) -> None:
        a, b = (record(tmp_path / name, duration_s=1.0) for name in ("a.wav", "b.wav"))
        parts = [utterance(p, start_s=s, end_s=s + 0.3) for p in (a, b) for s in (0.0, 0.5)]
        contents = [each.content for each in examine(parts, samples=False)]
        assert contents[:2] == contents[2:]
        assert contents[0] != contents[1]


def test_segments_are_examined_by_themselves(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", encoded(np.concatenate([NOISE, np.zeros(8_000)])))
    loud, silent = one(path, end_s=0.5), one(path, start_s=0.5, end_s=1.0)
    assert not loud.problems
    assert kinds(silent) == [("silent", True)]


@BOTH
def test_a_long_recording_is_read_in_blocks(tmp_path: Path, samples: bool) -> None:
    quiet = np.random.default_rng(0).integers(-99, 99, (2_000_000, 2)).astype(np.int16)
    path = tmp_path / "a.wav"
    sf.write(path, quiet, 48_000)  # 16 MB as float32
    tracemalloc.start()
    (examined,) = examine([utterance(path)], samples=samples)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert examined.duration_s == pytest.approx(41.667, abs=1e-3)
    assert peak < 4e6


@BOTH
def test_processes_change_nothing_and_progress_reaches_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: bool
) -> None:
    monkeypatch.setattr(module, "BATCH", 3)
    all_of_them = [utterance(record(tmp_path / f"{n}.wav", n % 7)) for n in range(20)]
    all_of_them.append(utterance(tmp_path / "gone.wav"))
    calls: list[tuple[int, int]] = []
    alone = examine(all_of_them, samples=samples)
    shared = examine(
        all_of_them, samples=samples, n_jobs=2, progress=lambda *done: calls.append(done)
    )
    assert shared == alone
    assert [each.utterance for each in shared] == all_of_them
    assert calls == [(n, 21) for n in range(1, 22)]


@BOTH
def test_no_utterances_give_no_findings(samples: bool) -> None:
    assert examine([], samples=samples, n_jobs=4) == []


def card(n_speakers: int = 1, **labels: int) -> CorpusCard:
    return CorpusCard("mine", "Mine", "Dutch", "mixed", "", "", "", labels, n_speakers)


def corpus(of: CorpusCard, *utterances: Utterance) -> Corpus:
    return Corpus(of, Path(), utterances)


class TestCounts:
    def test_a_corpus_that_matches_its_card_is_ok(self, tmp_path: Path) -> None:
        report = check(corpus(card(joy=1), utterance(record(tmp_path / "a.wav"))))
        assert report.verdict == "ok"
        assert report.by_label == (Count("joy", 1, 1, "ok"),)
        assert report.speakers == Count("speakers", 1, 1, "ok")
        assert report.by_speaker == (Count("1", 1, None, None),)
        assert report.by_gender == (Count("female", 1, None, None),)
        assert report.by_style == (Count("unknown", 1, None, None),)
        assert report.duration_s == pytest.approx(0.1)

    def test_a_label_that_is_wholly_absent_is_a_note(self, tmp_path: Path) -> None:
        report = check(corpus(card(joy=1, fear=9), utterance(record(tmp_path / "a.wav"))))
        assert report.verdict == "notes"
        assert report.kinds() == {"absent label": 1}
        assert {c.name: c.found for c in report.by_label} == {"joy": 1, "fear": 0}

    @pytest.mark.parametrize("expected", [2, 0])
    def test_another_count_of_a_label_is_a_fault(self, tmp_path: Path, expected: int) -> None:
        of = card(fear=9, **({"joy": expected} if expected else {}))
        report = check(corpus(of, utterance(record(tmp_path / "a.wav"))))
        assert report.verdict == "faults"
        assert report.kinds() == {"absent label": 1, "label count": 1}

    @pytest.mark.parametrize(("expected", "verdict"), [(1, "faults"), (2, "ok"), (3, "notes")])
    def test_more_speakers_than_there_are_is_a_fault_and_fewer_a_note(
        self, tmp_path: Path, expected: int, verdict: str
    ) -> None:
        both = [utterance(record(tmp_path / f"{n}.wav", n), speaker=str(n)) for n in range(2)]
        assert check(corpus(card(expected, joy=2), *both)).verdict == verdict

    def test_a_card_without_a_number_of_speakers_accepts_any(self, tmp_path: Path) -> None:
        assert check(corpus(card(0, joy=1), utterance(record(tmp_path / "a.wav")))).verdict == "ok"

    @pytest.mark.parametrize(("expected", "verdict"), [(1, "faults"), (2, "ok"), (3, "notes")])
    def test_speakers_are_compared_though_labels_are_not_known(
        self, tmp_path: Path, expected: int, verdict: str
    ) -> None:
        both = [utterance(record(tmp_path / f"{n}.wav", n), speaker=str(n)) for n in range(2)]
        assert check(corpus(card(expected), *both)).verdict == verdict

    def test_a_card_without_labels_expects_nothing(self, tmp_path: Path) -> None:
        assert check(corpus(card(0), utterance(record(tmp_path / "a.wav")))).verdict == "ok"

    def test_what_the_loader_found_is_part_of_the_report(self, tmp_path: Path) -> None:
        found = Problem("unmatched name", "x.wav", "is not named like a.wav; left out")
        one = utterance(record(tmp_path / "a.wav"))
        assert check(Corpus(card(joy=1), tmp_path, (one,), (found,))).problems == (found,)


class TestSpeakersGendersAndStyles:
    """Two recordings of a woman and one of a man, as on the card."""

    card = replace(
        card(2, joy=3),
        speakers={"1": 2, "2": 1},
        genders={"female": 2, "male": 1},
        styles={"acted": 3},
    )

    def whole(self, folder: Path) -> list[Utterance]:
        known = [("1", "female"), ("1", "female"), ("2", "male")]
        return [
            replace(
                utterance(record(folder / f"{n}.wav", n), speaker, gender=gender),
                naturalness="acted",
            )
            for n, (speaker, gender) in enumerate(known)
        ]

    def verdicts(self, counts: tuple[Count, ...]) -> dict[str, Verdict | None]:
        return {count.name: count.verdict for count in counts}

    def test_a_whole_corpus_is_ok_in_each(self, tmp_path: Path) -> None:
        report = check(corpus(self.card, *self.whole(tmp_path)))
        assert report.by_speaker == (Count("1", 2, 2, "ok"), Count("2", 1, 1, "ok"))
        assert report.by_gender == (Count("female", 2, 2, "ok"), Count("male", 1, 1, "ok"))
        assert report.by_style == (Count("acted", 3, 3, "ok"),)
        assert report.verdict == "ok"

    def test_another_count_of_any_is_a_fault_that_names_it(self, tmp_path: Path) -> None:
        first, second, third = self.whole(tmp_path)
        changed = replace(second, speaker="mine/2", gender="male", naturalness="natural")
        report = check(corpus(self.card, first, changed, third))
        faults = {(p.kind, p.path) for p in report.problems if p.is_fault}
        assert faults == {
            ("count by speaker", "1"),
            ("count by speaker", "2"),
            ("count by gender", "female"),
            ("count by gender", "male"),
            ("count by style", "acted"),
            ("count by style", "natural"),
        }
        assert self.verdicts(report.by_style) == {"acted": "faults", "natural": "faults"}

    def test_a_speaker_that_the_card_does_not_have_is_a_fault(self, tmp_path: Path) -> None:
        *others, last = self.whole(tmp_path)
        report = check(corpus(self.card, *others, replace(last, speaker="mine/3")))
        assert ("count by speaker", "3") in {(p.kind, p.path) for p in report.problems}
        assert report.speakers.verdict == "ok"
        assert report.verdict == "faults"

    def test_an_absent_speaker_is_named_and_not_a_fault(self, tmp_path: Path) -> None:
        report = check(corpus(replace(self.card, labels={"joy": 2}), *self.whole(tmp_path)[:2]))
        assert report.speakers == Count("speakers", 1, 2, "notes")
        assert self.verdicts(report.by_speaker) == {"1": "ok", "2": "notes"}
        assert "count by speaker" not in report.kinds()
        assert report.kinds()["speaker count"] == 1
        (absent,) = [p for p in report.problems if p.kind == "absent speaker"]
        assert (absent.path, absent.is_fault) == ("2", False)
        assert absent.detail.startswith("none of 1 utterances")

    def test_of_a_subset_of_classes_only_an_absent_speaker_is_noted(self, tmp_path: Path) -> None:
        half = replace(self.card, labels={"joy": 2, "fear": 1})
        report = check(corpus(half, *self.whole(tmp_path)[:2]))
        shown = (*report.by_speaker, *report.by_gender, *report.by_style)
        assert {(c.name, c.found, c.expected) for c in shown} == {
            ("1", 2, 2),
            ("2", 0, 1),
            ("female", 2, 2),
            ("male", 0, 1),
            ("acted", 2, 3),
        }
        assert {count.name for count in shown if count.verdict} == {"2"}
        assert report.kinds() == {"absent label": 1, "speaker count": 1, "absent speaker": 1}

    def test_an_unknown_gender_is_a_note(self, tmp_path: Path) -> None:
        first, *others = self.whole(tmp_path)
        report = check(corpus(self.card, replace(first, gender=None), *others))
        assert report.kinds() == {"gender unknown": 1}
        assert report.verdict == "notes"
        assert self.verdicts(report.by_gender) == {"female": None, "male": "ok", "unknown": "notes"}

    def test_too_high_a_count_is_a_fault_even_with_unknown_values(self, tmp_path: Path) -> None:
        first, second, third = self.whole(tmp_path)
        genders = [replace(first, gender="male"), replace(second, gender=None), third]
        report = check(corpus(self.card, *genders))
        assert {p.path for p in report.problems if p.is_fault} == {"male"}

    def test_a_label_named_unknown_is_a_label(self, tmp_path: Path) -> None:
        one = replace(self.whole(tmp_path)[0], label="unknown")
        assert check(corpus(card(unknown=1), one)).verdict == "ok"
        assert check(corpus(card(unknown=2), one)).kinds() == {"label count": 1}

    @given(st.lists(st.sampled_from(["female", "male", None]), min_size=1, max_size=6))
    def test_every_utterance_is_counted_once_in_each_group(self, genders: list[str | None]) -> None:
        gone = Path("gone.wav")
        of = replace(self.card, genders={"female": 3, "male": 3})
        report = check(corpus(of, *(utterance(gone, gender=g) for g in genders)))
        groups = (report.by_label, report.by_speaker, report.by_gender, report.by_style)
        assert {sum(count.found for count in group) for group in groups} == {len(genders)}


class TestRecordings:
    """What `examine` finds is in the report; other tests of it are above."""

    def test_a_missing_recording(self, tmp_path: Path) -> None:
        report = check(corpus(card(joy=1), utterance(tmp_path / "gone.wav")))
        assert (report.verdict, report.kinds()) == ("faults", {"missing": 1})

    def test_the_same_samples_in_two_formats_are_duplicates(self, tmp_path: Path) -> None:
        paths = [record(tmp_path / "a.wav"), record(tmp_path / "b.flac")]
        report = check(corpus(card(joy=2), *map(utterance, paths)))
        (problem,) = report.problems
        assert (problem.kind, problem.path) == ("duplicated content", "mine/b")
        assert "mine/a" in problem.detail
        assert report.verdict == "notes"

    @pytest.mark.parametrize("samples", [True, False])
    def test_every_copy_after_the_first_is_named(self, tmp_path: Path, samples: bool) -> None:
        paths = [record(tmp_path / f"{name}.wav") for name in "abc"]
        report = check(corpus(card(joy=3), *map(utterance, paths)), samples=samples)
        assert [p.path for p in report.problems] == ["mine/b", "mine/c"]
        assert all("mine/a" in p.detail for p in report.problems)

    def test_headers_do_not_reveal_silence_and_the_report_states_it(self, tmp_path: Path) -> None:
        silent = corpus(card(joy=1), utterance(record(tmp_path / "a.wav", level=0.0)))
        assert check(silent).kinds() == {"silent": 1}
        report = check(silent, samples=False)
        assert report.verdict == "ok"
        assert not report.samples
        assert report.duration_s == pytest.approx(0.1)

    def test_limits_are_passed_on(self, tmp_path: Path) -> None:
        one = corpus(card(joy=1), utterance(record(tmp_path / "a.wav")))
        assert check(one, limits=DecodeLimits(max_bytes=99)).kinds() == {"unreadable": 1}


def test_a_report_is_plain_values(tmp_path: Path) -> None:
    report = check(corpus(card(joy=1, fear=2), utterance(record(tmp_path / "a.wav"))))
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["verdict"] == "notes"
    assert plain["problems"][0]["kind"] == "absent label"
    assert plain["by_label"] == [
        {"name": "joy", "found": 1, "expected": 1, "verdict": "ok"},
        {"name": "fear", "found": 0, "expected": 2, "verdict": "notes"},
    ]
