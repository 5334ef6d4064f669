from __future__ import annotations

import io
import json
from pathlib import Path, PurePath

import numpy as np
import pytest
import soundfile as sf

from tests.corpora.recordings import record
from voxaffect.corpora.check import check
from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem, Utterance, utterance_id


def card(n_speakers: int = 1, **labels: int) -> CorpusCard:
    return CorpusCard("mine", "Mine", "Dutch", "acted", "", "", "", labels, n_speakers)


def utterance(
    path: Path, speaker: str = "1", start_s: float = 0.0, end_s: float | None = None
) -> Utterance:
    return Utterance(
        id=utterance_id("mine", PurePath(path.name), start_s, end_s),
        corpus="mine",
        path=path,
        label="joy",
        speaker=f"mine/{speaker}",
        gender="female",
        start_s=start_s,
        end_s=end_s,
    )


def corpus(of: CorpusCard, *utterances: Utterance) -> Corpus:
    return Corpus(of, Path(), utterances)


def write(path: Path, samples: object) -> Path:
    sf.write(path, np.asarray(samples), 16_000, subtype="FLOAT")
    return path


class TestCounts:
    def test_a_corpus_that_is_what_its_card_says_is_ok(self, tmp_path: Path) -> None:
        report = check(corpus(card(joy=1), utterance(record(tmp_path / "a.wav"))))
        assert report.verdict == "ok"
        assert report.labels == report.expected_labels == {"joy": 1}
        assert report.genders == {"female": 1}
        assert report.naturalness == {"unknown": 1}
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

    def test_a_card_without_labels_expects_nothing(self, tmp_path: Path) -> None:
        assert check(corpus(card(0), utterance(record(tmp_path / "a.wav")))).verdict == "ok"

    def test_what_the_loader_found_is_part_of_the_report(self, tmp_path: Path) -> None:
        found = Problem("unmatched name", "x.wav", "is not named like a.wav; left out")
        one = utterance(record(tmp_path / "a.wav"))
        assert check(Corpus(card(joy=1), tmp_path, (one,), (found,))).problems == (found,)


class TestRecordings:
    """One planted fault each, in a corpus that is otherwise as its card says."""

    def kinds(self, path: Path, start_s: float = 0.0) -> tuple[str, dict[str, int]]:
        report = check(corpus(card(joy=1), utterance(path, start_s=start_s)))
        return report.verdict, dict(report.kinds())

    def test_missing(self, tmp_path: Path) -> None:
        assert self.kinds(tmp_path / "gone.wav") == ("faults", {"missing": 1})

    @pytest.mark.parametrize("content", [b"", b"version https://git-lfs", b"not audio" * 99])
    def test_unreadable(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "a.wav"
        path.write_bytes(content)
        assert self.kinds(path) == ("faults", {"unreadable": 1})

    def test_segment_past_the_end(self, tmp_path: Path) -> None:
        path = record(tmp_path / "a.wav")
        assert self.kinds(path, start_s=3.0) == ("faults", {"unreadable": 1})

    @pytest.mark.parametrize(("n_samples", "is_short"), [(1, True), (399, True), (400, False)])
    def test_shorter_than_a_frame(self, tmp_path: Path, n_samples: int, is_short: bool) -> None:
        path = write(tmp_path / "a.wav", np.full(n_samples, 0.1))
        assert self.kinds(path) == (("faults", {"too short": 1}) if is_short else ("ok", {}))

    @pytest.mark.parametrize(("level", "is_silent"), [(0.0, True), (9e-6, True), (2e-5, False)])
    def test_silence(self, tmp_path: Path, level: float, is_silent: bool) -> None:
        path = write(tmp_path / "a.wav", np.tile([level, -level], 800))
        assert self.kinds(path) == (("faults", {"silent": 1}) if is_silent else ("ok", {}))

    @pytest.mark.parametrize(("n_clipped", "is_clipped"), [(10, False), (11, True)])
    def test_clipping_of_more_than_a_hundredth(
        self, tmp_path: Path, n_clipped: int, is_clipped: bool
    ) -> None:
        path = write(tmp_path / "a.wav", [1.0] * n_clipped + [0.1] * (1_000 - n_clipped))
        assert self.kinds(path) == (("notes", {"clipped": 1}) if is_clipped else ("ok", {}))

    def test_the_same_samples_in_two_formats_are_duplicates(self, tmp_path: Path) -> None:
        paths = [record(tmp_path / "a.wav"), record(tmp_path / "b.flac")]
        report = check(corpus(card(joy=2), *map(utterance, paths)))
        (problem,) = report.problems
        assert (problem.kind, problem.path) == ("duplicated content", "mine/b")
        assert "mine/a" in problem.detail
        assert report.verdict == "notes"

    def test_segments_are_judged_by_themselves(self, tmp_path: Path) -> None:
        speech = record(tmp_path / "a.wav", duration_s=1.0).read_bytes()
        samples, _ = sf.read(io.BytesIO(speech))
        path = write(tmp_path / "b.wav", np.concatenate([samples, np.zeros(16_000)]))
        halves = [utterance(path, end_s=1.0), utterance(path, start_s=1.0, end_s=2.0)]
        report = check(corpus(card(joy=2), *halves))
        assert [(p.kind, p.path) for p in report.problems] == [("silent", halves[1].id)]


def test_threads_change_nothing(tmp_path: Path) -> None:
    all_of_them = [utterance(record(tmp_path / f"{n}.wav", n % 7)) for n in range(20)]
    some = corpus(card(joy=20), *all_of_them)
    assert check(some, n_jobs=2) == check(some, n_jobs=1)


def test_a_report_is_plain_values(tmp_path: Path) -> None:
    report = check(corpus(card(joy=1, fear=2), utterance(record(tmp_path / "a.wav"))))
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["verdict"] == "notes"
    assert plain["problems"][0]["kind"] == "absent label"
    assert plain["labels"] == {"joy": 1, "fear": 0}
