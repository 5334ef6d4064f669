from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.recordings import record_tree
from voxaffect.corpora.loaders import emovdb
from voxaffect.errors import CorpusError


@pytest.mark.parametrize("folder", ["josh_Sleepy", "josh/Sleepy", "EmoV-DB/sorted/Josh/sleepy"])
def test_the_folder_is_the_speaker_in_both_layouts(tmp_path: Path, folder: str) -> None:
    root = record_tree(tmp_path, [f"{folder}/sleepiness_113_140_0127.wav"])
    (utterance,) = emovdb.parse(root).utterances
    assert utterance.speaker == "emovdb/josh"
    assert utterance.gender == "male"
    assert utterance.label == "sleepiness"
    assert utterance.sentence == "0127"


def test_the_root_may_be_the_speakers_folder(tmp_path: Path) -> None:
    root = record_tree(tmp_path / "bea_Angry", ["anger_1-28_0001.wav"])
    assert emovdb.parse(root).speakers == ("emovdb/bea",)


def test_one_name_of_two_speakers_and_one_sentence_of_two_names_are_not_copies(
    tmp_path: Path,
) -> None:
    names = [
        "bea_Amused/amused_1-15_0001.wav",
        "sam_Amused/amused_1-15_0001.wav",
        "sam_Amused/amused_1-28_0001.wav",
    ]
    corpus = emovdb.parse(record_tree(tmp_path, names))
    assert len(corpus.utterances) == 3
    assert not corpus.problems


def test_a_recording_below_no_speaker_is_a_fault(tmp_path: Path) -> None:
    names = ["bea/Angry/anger_1-28_0001.wav", "Angry/anger_1-28_0001.wav"]
    (problem,) = emovdb.parse(record_tree(tmp_path, names)).problems
    assert (problem.kind, problem.is_fault) == ("unknown speaker", True)
    with pytest.raises(
        CorpusError, match=r"is not in a folder of a speaker \(bea, jenie, josh, sam\)"
    ):
        emovdb.parse(tmp_path / "Angry")


def test_the_card_adds_up_to_the_whole_corpus() -> None:
    assert sum(emovdb.CARD.labels.values()) == 7_000
