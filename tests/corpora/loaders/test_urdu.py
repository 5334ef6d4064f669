from __future__ import annotations

from pathlib import Path

from tests.corpora.recordings import record_tree
from voxaffect.corpora.loaders import urdu


def test_a_name_is_speaker_file_emotion(tmp_path: Path) -> None:
    (utterance,) = urdu.parse(record_tree(tmp_path, ["Sad/SF10_F1_S01.wav"])).utterances
    assert utterance.id == "urdu/Sad/SF10_F1_S01"
    assert utterance.speaker == "urdu/SF10"
    assert utterance.label == "sad"
    assert utterance.gender == "female"
    assert utterance.naturalness == "natural"


def test_speakers_of_one_number_and_two_sexes_are_two(tmp_path: Path) -> None:
    corpus = urdu.parse(record_tree(tmp_path, ["Sad/SF1_F1_S01.wav", "Sad/SM1_F1_S02.wav"]))
    assert corpus.speakers == ("urdu/SF1", "urdu/SM1")


def test_a_folder_that_contradicts_the_name_is_a_fault(tmp_path: Path) -> None:
    root = record_tree(tmp_path, ["Sad/SF1_F1_S01.wav", "Happy/SM1_F1_A02.wav"])
    (problem,) = urdu.parse(root).problems
    assert problem.kind == "contradicting label"
    assert problem.is_fault
    assert problem.detail == "is angry by its name, happy by its folder; left out"


def test_real_tree(real_corpora: Path) -> None:
    corpus = urdu.parse(real_corpora / "urdu")
    assert corpus.count(lambda u: u.label) == urdu.CARD.labels
    assert corpus.count(lambda u: u.gender) == urdu.CARD.genders
    assert corpus.count(lambda u: u.speaker.partition("/")[2]) == urdu.CARD.speakers
