from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.audio.spheres import pcm, sphere
from tests.corpora.recordings import record
from voxaffect.audio.decode import decode
from voxaffect.corpora.check import Count, check
from voxaffect.corpora.corpus import Corpus
from voxaffect.corpora.loaders import ldc
from voxaffect.errors import CorpusError
from voxaffect.taxonomy import Taxonomy

TRANSCRIPT = """\
0.00 0.40 A: [MISC]

0.40 0.60 A: Emotion category elation, passage one
0.60 0.80 A: elation, Two thousand one
0.80 1.00 A: (door)
1.00 1.25 A: hot anger, Two thousand one
"""


def plant(root: Path, transcript: str = TRANSCRIPT, stem: str = "cc_001") -> Path:
    """A two-channel session in SPHERE of 1.5 s at 22,050 Hz, whose second channel is silent."""
    noise = np.random.default_rng(len(stem)).uniform(-0.2, 0.2, 33_075)
    stereo = np.stack([noise, np.zeros_like(noise)], axis=1)
    for folder, suffix, content in [
        ("speech", ".sph", sphere(pcm(stereo), 22_050, n_channels=2)),
        ("transcr", ".txt", transcript.encode("latin-1")),
    ]:
        path = root / "LDC2002S28" / folder / f"{stem}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def parse(root: Path, transcript: str = TRANSCRIPT) -> Corpus:
    return ldc.parse(plant(root, transcript))


def test_a_session_is_cut_by_its_transcript(tmp_path: Path) -> None:
    first, second = parse(tmp_path).utterances
    assert first.id == "ldc/LDC2002S28/speech/cc_001#0.600-0.800"
    assert (first.start_s, first.end_s) == (0.6, 0.8)
    assert (first.label, second.label) == ("elation", "hot anger")
    assert first.sentence == second.sentence == "two thousand one"
    assert first.speaker == "ldc/cc"
    assert first.session == "cc_001"
    assert first.naturalness == "acted"


def test_both_channels_of_a_sphere_file_are_averaged(tmp_path: Path) -> None:
    _, utterance = parse(tmp_path).utterances
    waveform = decode(utterance.path, start_s=utterance.start_s, end_s=utterance.end_s)
    assert waveform.duration_s == pytest.approx(0.25, abs=1e-3)
    noise = 0.2 / np.sqrt(3)
    assert waveform.rms() == pytest.approx(noise / 2 * np.sqrt(16_000 / 22_050), rel=0.05)
    assert check(parse(tmp_path)).duration_s == pytest.approx(0.45, abs=1e-3)


def test_lines_without_an_utterance_are_left_out_and_counted(tmp_path: Path) -> None:
    text = f"Speaker CC\n{TRANSCRIPT}1.30 1.40 A: [MISC] chat\n1.40 1.45 A: neutral, (laughs)\n"
    reported = {p.kind: p.detail for p in parse(tmp_path, text).problems}
    assert reported == {
        "line without times": "1 lines have no times; left out",
        "miscellaneous": "2 lines are marked [MISC]; left out",
        "announcement": "1 lines are the announcement of an emotion; left out",
        "remark": "2 lines are a remark in brackets; left out",
    }


@pytest.mark.parametrize("name", ["cold-anger", "Cold Anger", "COLD  ANGER", " cold anger "])
def test_emotions_are_read_however_they_are_spelled(tmp_path: Path, name: str) -> None:
    (utterance,) = parse(tmp_path, f"0.1 0.2 A: {name}, May first\r\n").utterances
    assert utterance.label == "cold anger"


@pytest.mark.parametrize("speaker", ["cc", "cl", "gg", "jg", "mf", "mk", "mm"])
def test_every_speaker_has_a_sex(tmp_path: Path, speaker: str) -> None:
    (utterance,) = ldc.parse(
        plant(tmp_path, "0.1 0.2 A: shame, May\n", f"{speaker}_001")
    ).utterances
    is_male = speaker in {"cc", "cl", "mf"}
    assert utterance.gender == ("male" if is_male else "female")


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        ("0.1 0.2 A: joy, May first", "unknown emotion 'joy'; known are anxiety"),
        ("0.2 0.1 A: panic, May first", "ends at 0.1 s, not after its start at 0.2 s"),
        ("0.2 A: panic, May first", "is not a line of times, channel and text"),
        ("O.50 2.54 A: neutral, May first", "is not a line of times, channel and text"),
        ("(0.50 2.54 A: neutral, May first", "is not a line of times, channel and text"),
        ("A: neutral, May first", "is not a line of times, channel and text"),
    ],
)
def test_a_broken_line_is_a_fault(tmp_path: Path, line: str, detail: str) -> None:
    corpus = parse(tmp_path, f"1.0 1.2 A: pride, May first\n{line}\n")
    (problem,) = corpus.problems
    assert (problem.kind, problem.path) == ("broken line", "LDC2002S28/transcr/cc_001.txt line 2")
    assert detail in problem.detail
    assert problem.is_fault
    assert len(corpus.utterances) == 1


def test_the_same_times_twice_are_one_segment(tmp_path: Path) -> None:
    corpus = parse(tmp_path, "1.0 1.2 A: pride, May\n1.00 1.20 B: pride, May\n")
    assert len(corpus.utterances) == 1
    assert [p.kind for p in corpus.problems] == ["repeated line"]


def test_unmatched_recordings_and_transcripts_are_faults(tmp_path: Path) -> None:
    record(plant(tmp_path) / "mm_001.wav")
    (tmp_path / "gg_002.txt").write_text(TRANSCRIPT)
    found = {(p.kind, p.path) for p in ldc.parse(tmp_path).problems if p.is_fault}
    assert found == {("no transcript", "mm_001.wav"), ("no recording", "gg_002.txt")}


def test_a_compressed_session_is_reported_with_its_conversion(tmp_path: Path) -> None:
    corpus = parse(tmp_path)
    compressed = sphere(b"ajkg", 22_050, coding="pcm,embedded-shorten-v2.00", count=33_075)
    corpus.utterances[0].path.write_bytes(compressed)
    (problem, _) = [p for p in check(corpus).problems if p.kind == "unreadable"]
    assert "sph2pipe" in problem.detail


def test_lines_without_times_may_repeat(tmp_path: Path) -> None:
    text = "----\n(chat)\n----\n0.1 0.2 A: neutral, May first\n"
    (problem,) = parse(tmp_path, text).problems
    assert (problem.kind, problem.is_fault) == ("line without times", False)
    assert problem.detail.startswith("3 lines")


def test_a_comment_is_not_a_broken_line(tmp_path: Path) -> None:
    (problem,) = parse(tmp_path, "# cc_001, A: boom\n0.1 0.2 A: neutral, May first\n").problems
    assert problem.kind == "line without times"


def test_a_single_speaker_is_noted(tmp_path: Path) -> None:
    report = check(parse(tmp_path))
    assert report.speakers == Count("speakers", 1, 7, "notes")
    assert report.kinds()["speaker count"] == 1


def test_a_session_in_two_spellings_is_read_once(tmp_path: Path) -> None:
    clean = parse(tmp_path)
    record(tmp_path / "x" / "y" / "CC_001.wav")
    corpus = ldc.parse(tmp_path)
    assert corpus.utterances == clean.utterances
    assert "duplicate" in {p.kind for p in corpus.problems}


def test_names_are_read_in_any_case(tmp_path: Path) -> None:
    corpus = ldc.parse(plant(tmp_path, stem="CC_001"))
    assert {(u.speaker, u.session) for u in corpus.utterances} == {("ldc/cc", "cc_001")}


def test_one_transcript_that_cannot_be_read_leaves_the_others(tmp_path: Path) -> None:
    plant(plant(tmp_path), stem="gg_001")
    name = "LDC2002S28/transcr/cc_001.txt"
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("nowhere.txt")
    corpus = ldc.parse(tmp_path)
    assert corpus.speakers == ("ldc/gg",)
    (unreadable,) = [p for p in corpus.problems if p.is_fault]
    assert (unreadable.kind, unreadable.path) == ("unreadable label file", name)
    (tmp_path / "LDC2002S28" / "transcr" / "gg_001.txt").unlink()
    with pytest.raises(CorpusError, match=r"cc_001\.txt: cannot be read"):
        ldc.parse(tmp_path)


def test_of_two_copies_of_a_transcript_the_nearer_is_used(tmp_path: Path) -> None:
    plant(tmp_path, "0.1 0.2 A: shame, May\n")
    (tmp_path / "cc_001.txt").write_text("0.3 0.4 A: pride, May\n")
    corpus = ldc.parse(tmp_path)
    assert [u.label for u in corpus.utterances] == ["pride"]
    (copy,) = corpus.problems
    assert (copy.kind, copy.path) == ("duplicate", "LDC2002S28/transcr/cc_001.txt")


def test_transcripts_without_emotions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="its transcripts label no utterance"):
        parse(tmp_path, "0.0 1.0 A: [MISC]\n")


def test_every_emotion_has_a_class_or_is_excluded(tmp_path: Path) -> None:
    assert len(ldc.EMOTIONS) == 15
    lines = [f"0.{n:02d} 0.{n + 1:02d} A: {word}, May" for n, word in enumerate(ldc.EMOTIONS)]
    corpus = parse(tmp_path, "\n".join(lines))
    taxonomy = Taxonomy()
    classes = {u.label: taxonomy.emotion(u) for u in corpus.utterances if taxonomy.emotion(u)}
    assert classes == {
        "neutral": "neutral",
        "happy": "happy",
        "sadness": "sad",
        "hot anger": "angry",
    }
