from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.recordings import record_tree
from voxaffect.corpora.loaders import savee


@pytest.mark.parametrize("name", ["AudioData/JK/sa03.wav", "ALL/JK_sa03.wav", "JKsa03.wav"])
def test_all_layouts_give_the_same(tmp_path: Path, name: str) -> None:
    (utterance,) = savee.parse(record_tree(tmp_path, [name])).utterances
    assert utterance.speaker == "savee/JK"
    assert utterance.label == "sadness"
    assert utterance.gender == "male"


@pytest.mark.parametrize(("code", "label"), [("sa", "sadness"), ("su", "surprise"), ("a", "anger")])
def test_sa_and_su_are_not_single_letters(tmp_path: Path, code: str, label: str) -> None:
    corpus = savee.parse(record_tree(tmp_path, [f"DC/{code}01.wav", "DC/s01.wav", "DC/u01.wav"]))
    assert [u.label for u in corpus.utterances] == [label]
    assert [p.kind for p in corpus.problems] == ["unmatched name", "unmatched name"]


def test_one_name_of_two_speakers_is_not_a_copy(tmp_path: Path) -> None:
    names = [f"AudioData/{speaker}/su01.wav" for speaker in ("DC", "JE", "JK", "KL")]
    corpus = savee.parse(record_tree(tmp_path, names))
    assert len(corpus.speakers) == 4
    assert corpus.count(lambda u: u.label) == {"surprise": 4}
    assert not corpus.problems


def test_both_layouts_at_once_count_nothing_twice(tmp_path: Path) -> None:
    names = ["ALL/DC_a01.wav", "AudioData/DC/a01.wav", "AudioData/JE/a01.wav", "DCa01.wav"]
    corpus = savee.parse(record_tree(tmp_path, names))
    assert [u.id for u in corpus.utterances] == ["savee/AudioData/JE/a01", "savee/DCa01"]
    assert [p.kind for p in corpus.problems] == ["duplicate", "duplicate"]


def test_the_root_may_be_a_speakers_folder(tmp_path: Path) -> None:
    root = record_tree(tmp_path / "AudioData" / "KL", ["a01.wav"])
    assert savee.parse(root).speakers == ("savee/KL",)


def test_a_recording_without_a_speaker_is_a_fault(tmp_path: Path) -> None:
    (problem,) = savee.parse(record_tree(tmp_path, ["DC/a01.wav", "a02.wav"])).problems
    assert (problem.kind, problem.path, problem.is_fault) == ("unknown speaker", "a02.wav", True)


def test_the_card_adds_up_to_the_whole_corpus() -> None:
    assert sum(savee.CARD.labels.values()) == 480
