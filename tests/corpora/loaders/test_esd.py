from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.recordings import record_tree
from voxaffect.corpora.loaders import esd

MALE = {4, 5, 6, 8, 10, 11, 12, 13, 14, 20}


@pytest.mark.parametrize("folder", ["0011/Angry", "0011/Angry/train", "Emotion Speech Dataset"])
def test_a_number_is_speaker_emotion_sentence_in_every_layout(tmp_path: Path, folder: str) -> None:
    (utterance,) = esd.parse(record_tree(tmp_path, [f"{folder}/0011_000353.wav"])).utterances
    assert utterance.speaker == "esd/0011"
    assert utterance.label == "angry"
    assert utterance.sentence == "English 3"
    assert utterance.language == "English"


@pytest.mark.parametrize(
    ("number", "label"),
    [
        *[(1, "neutral"), (350, "neutral"), (351, "angry"), (700, "angry"), (701, "happy")],
        *[(1050, "happy"), (1051, "sad"), (1400, "sad"), (1401, "surprise"), (1750, "surprise")],
    ],
)
def test_each_emotion_has_350_numbers(tmp_path: Path, number: int, label: str) -> None:
    (utterance,) = esd.parse(record_tree(tmp_path, [f"0001_{number:06d}.wav"])).utterances
    assert utterance.label == label
    assert utterance.language == "Mandarin"


def test_a_folder_that_contradicts_the_number_is_a_fault(tmp_path: Path) -> None:
    names = ["0001/Sad/0001_001051.wav", "0001/Happy/test/0001_001052.wav"]
    corpus = esd.parse(record_tree(tmp_path, names))
    assert [u.label for u in corpus.utterances] == ["sad"]
    (problem,) = corpus.problems
    assert (problem.kind, problem.is_fault) == ("contradicting label", True)
    assert problem.detail == "is sad by its number, happy by its folder; left out"


def test_sex_of_every_speaker(tmp_path: Path) -> None:
    root = record_tree(tmp_path, [f"{speaker:04d}_000001.wav" for speaker in range(1, 21)])
    men = {int(u.path.stem[:4]) for u in esd.parse(root).utterances if u.gender == "male"}
    assert men == MALE


def test_numbers_out_of_range_do_not_match(tmp_path: Path) -> None:
    names = ["0001_000001.wav", "0001_000000.wav", "0001_001751.wav", "0021_000001.wav"]
    corpus = esd.parse(record_tree(tmp_path, names))
    assert [p.kind for p in corpus.problems] == ["unmatched name"] * 3
