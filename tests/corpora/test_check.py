from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.corpora.recordings import record
from voxaffect.audio.decode import DecodeLimits
from voxaffect.corpora.check import Count, Verdict, check
from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem, Utterance, utterance_id


def card(n_speakers: int = 1, **labels: int) -> CorpusCard:
    return CorpusCard("mine", "Mine", "Dutch", "acted", "", "", "", labels, n_speakers)


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


def corpus(of: CorpusCard, *utterances: Utterance) -> Corpus:
    return Corpus(of, Path(), utterances)


class TestCounts:
    def test_a_corpus_that_is_what_its_card_says_is_ok(self, tmp_path: Path) -> None:
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
        assert report.labels == {"joy": 1, "fear": 0}

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

    def test_a_card_that_does_not_know_its_speakers_expects_any(self, tmp_path: Path) -> None:
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
    """Two women and a man, of whom the card knows two, one and no more."""

    card = replace(
        card(2, joy=3),
        speakers={"1": 2, "2": 1},
        genders={"female": 2, "male": 1},
        styles={"acted": 3},
    )

    def whole(self, folder: Path) -> list[Utterance]:
        said = [("1", "female"), ("1", "female"), ("2", "male")]
        return [
            replace(
                utterance(record(folder / f"{n}.wav", n), speaker, gender=gender),
                naturalness="acted",
            )
            for n, (speaker, gender) in enumerate(said)
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

    def test_a_speaker_who_is_absent_is_named_and_no_fault(self, tmp_path: Path) -> None:
        report = check(corpus(replace(self.card, labels={"joy": 2}), *self.whole(tmp_path)[:2]))
        assert report.speakers == Count("speakers", 1, 2, "notes")
        assert self.verdicts(report.by_speaker) == {"1": "ok", "2": "notes"}
        assert "count by speaker" not in report.kinds()
        assert report.kinds()["speaker count"] == 1
        (absent,) = [p for p in report.problems if p.kind == "absent speaker"]
        assert (absent.path, absent.is_fault) == ("2", False)
        assert absent.detail.startswith("none of 1 utterances")

    def test_of_a_subset_of_classes_only_a_speaker_who_is_absent_is_noted(
        self, tmp_path: Path
    ) -> None:
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

    def test_a_gender_that_is_not_told_is_a_note(self, tmp_path: Path) -> None:
        first, *others = self.whole(tmp_path)
        report = check(corpus(self.card, replace(first, gender=None), *others))
        assert report.kinds() == {"gender unknown": 1}
        assert report.verdict == "notes"
        assert self.verdicts(report.by_gender) == {"female": None, "male": "ok", "unknown": "notes"}

    def test_more_than_there_should_be_are_too_many_whatever_is_not_told(
        self, tmp_path: Path
    ) -> None:
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
    """What `examine` finds is in the report; the rest of its truths are told with it."""

    def test_a_recording_that_is_gone(self, tmp_path: Path) -> None:
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

    def test_headers_hear_no_silence_and_the_report_says_so(self, tmp_path: Path) -> None:
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
