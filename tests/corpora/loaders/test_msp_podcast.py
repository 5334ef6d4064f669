from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.recordings import record_tree
from voxaffect.corpora.corpus import Corpus
from voxaffect.corpora.loaders import msp_podcast

HEADER = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set\n"


def row(name: str, emotion: str = "H", speaker: str = "97", gender: str = "Female") -> str:
    return f"{name}.wav,{emotion},4.2,3.8,4.0,{speaker},{gender},Test1\n"


def parse(root: Path, *rows: str, names: list[str], file: str = "labels_consensus.csv") -> Corpus:
    (root / "Labels").mkdir()
    (root / "Labels" / file).write_text(HEADER + "".join(rows))
    return msp_podcast.parse(record_tree(root, [f"Audios/{name}.wav" for name in names]))


@pytest.mark.parametrize("file", ["labels_consensus.csv", "labels_concensus.csv"])
@pytest.mark.parametrize("name", ["MSP-PODCAST_1023_0235", "MSP-PODCAST_1023_0235_0001"])
def test_a_segment_has_the_metadata_of_its_row(tmp_path: Path, name: str, file: str) -> None:
    corpus = parse(tmp_path, row(name), names=[name], file=file)
    (utterance,) = corpus.utterances
    assert not corpus.problems
    assert utterance.id == f"msp_podcast/Audios/{name}"
    assert utterance.speaker == "msp_podcast/97"
    assert utterance.label == "happiness"
    assert utterance.gender == "female"
    assert utterance.session == "1023"
    assert utterance.naturalness == "natural"


@pytest.mark.parametrize(
    ("act", "val", "arousal", "valence"),
    [
        ("1", "7", 0.0, 1.0),
        ("4.0", "5.5", 0.5, 0.75),
        ("", "4", None, 0.5),
        ("nan", "4", None, 0.5),
    ],
)
def test_ratings_are_on_seven_points(
    tmp_path: Path, act: str, val: str, arousal: float | None, valence: float | None
) -> None:
    name = "MSP-PODCAST_0001_0001"
    line = f"{name}.wav,H,{act},{val},4.0,97,Female,Test1\n"
    (utterance,) = parse(tmp_path, line, names=[name]).utterances
    assert (utterance.arousal, utterance.valence) == (arousal, valence)


def test_a_release_without_ratings_has_none(tmp_path: Path) -> None:
    name = "MSP-PODCAST_0001_0001"
    root = record_tree(tmp_path, [f"Audios/{name}.wav"])
    header = "FileName,EmoClass,SpkrID,Gender\n"
    (root / "labels_consensus.csv").write_text(f"{header}{name}.wav,H,97,Female\n")
    corpus = msp_podcast.parse(root)
    (utterance,) = corpus.utterances
    assert (utterance.arousal, utterance.valence) == (None, None)
    assert not corpus.problems


def test_unknown_speakers_share_one_name_without_a_sex(tmp_path: Path) -> None:
    names = ["MSP-PODCAST_0001_0001", "MSP-PODCAST_0002_0001"]
    rows = (row(name, speaker="Unknown", gender="Unknown") for name in names)
    corpus = parse(tmp_path, *rows, names=names)
    assert corpus.speakers == ("msp_podcast/?",)
    assert [u.gender for u in corpus.utterances] == [None, None]


def test_a_segment_that_is_not_yet_labeled_is_reported(tmp_path: Path) -> None:
    names = ["MSP-PODCAST_0001_0001", "MSP-PODCAST_0001_0002"]
    corpus = parse(tmp_path, row(names[0]), row(names[1], emotion=""), names=names)
    assert len(corpus.utterances) == 1
    assert [(p.kind, p.is_fault) for p in corpus.problems] == [("no label", False)]


@pytest.mark.parametrize(
    ("broken", "detail"),
    [
        (row("MSP-PODCAST_0001_0002", emotion="Z"), "unknown emotion 'Z'; known are A, C, D"),
        (row("MSP-PODCAST_0001_0002", gender="x"), "unknown gender 'x'; known are Female"),
        (row("podcast 12"), "'podcast 12.wav' is not the name of a segment"),
        ("MSP-PODCAST_0001_0002.wav,A\n", "has 2 values for 8 columns"),
    ],
)
def test_broken_rows_are_reported(tmp_path: Path, broken: str, detail: str) -> None:
    name = "MSP-PODCAST_0001_0001"
    (problem,) = parse(tmp_path, row(name), broken, names=[name]).problems
    assert (problem.kind, problem.path) == ("broken line", "Labels/labels_consensus.csv line 3")
    assert detail in problem.detail
