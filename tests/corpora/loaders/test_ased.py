from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.recordings import record_tree
from voxaffect.corpora.loaders import ased


def test_a_name_is_emotion_sentence_repetition_sex_speaker(tmp_path: Path) -> None:
    root = record_tree(tmp_path, ["0kEmotion/02Fearful/f2-04-01-02-17.wav"])
    (utterance,) = ased.parse(root).utterances
    assert utterance.id == "ased/0kEmotion/02Fearful/f2-04-01-02-17"
    assert utterance.speaker == "ased/17"
    assert utterance.label == "fearful"
    assert utterance.gender == "male"
    assert utterance.sentence == "04"


def test_the_one_name_with_a_capital_is_read(tmp_path: Path) -> None:
    (utterance,) = ased.parse(record_tree(tmp_path, ["04Sad/S4-06-01-01-03.wav"])).utterances
    assert utterance.label == "sad"


@pytest.mark.parametrize("speaker", ["09", "15", "21", "23", "25"])
def test_speakers_of_two_sexes_have_none(tmp_path: Path, speaker: str) -> None:
    names = [f"n1-01-01-{sex}-{speaker}.wav" for sex in ("01", "02")]
    corpus = ased.parse(record_tree(tmp_path, names))
    assert [u.gender for u in corpus.utterances] == [None, None]
    assert len(corpus.speakers) == 1


def test_the_card_adds_up_to_the_whole_corpus() -> None:
    assert sum(ased.CARD.labels.values()) == 2_474
