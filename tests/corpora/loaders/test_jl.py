from __future__ import annotations

from pathlib import Path

from tests.corpora.recordings import record_tree
from voxaffect.corpora.loaders import jl


def test_a_name_is_speaker_emotion_sentence_repetition(tmp_path: Path) -> None:
    (utterance,) = jl.parse(record_tree(tmp_path, ["JL(wav+txt)/male2_sad_10b_1.wav"])).utterances
    assert utterance.speaker == "jl/male2"
    assert utterance.label == "sad"
    assert utterance.sentence == "10b"


def test_female_is_not_male(tmp_path: Path) -> None:
    names = ["female1_happy_1a_1.wav", "male1_happy_1a_1.wav"]
    genders = {u.speaker: u.gender for u in jl.parse(record_tree(tmp_path, names)).utterances}
    assert genders == {"jl/female1": "female", "jl/male1": "male"}


def test_the_card_adds_up_to_the_whole_corpus() -> None:
    assert sum(jl.CARD.labels.values()) == 2_400
