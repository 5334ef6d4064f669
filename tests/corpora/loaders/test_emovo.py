from __future__ import annotations

from pathlib import Path

from tests.corpora.recordings import record_tree
from voxaffect.corpora.loaders import emovo

PHRASES = ["b1", "b2", "b3", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5", "d1", "d2"]


def test_a_name_is_emotion_actor_phrase(tmp_path: Path) -> None:
    (utterance,) = emovo.parse(record_tree(tmp_path, ["EMOVO/f2/pau-f2-n3.wav"])).utterances
    assert utterance.id == "emovo/EMOVO/f2/pau-f2-n3"
    assert utterance.speaker == "emovo/f2"
    assert utterance.label == "fear"  # paura
    assert utterance.gender == "female"
    assert utterance.sentence == "n3"


def test_fourteen_phrases_and_no_other(tmp_path: Path) -> None:
    names = [f"neu-m1-{phrase}.wav" for phrase in [*PHRASES, "b4", "l5", "n6", "d3", "b0"]]
    corpus = emovo.parse(record_tree(tmp_path, names))
    assert {u.sentence for u in corpus.utterances} == set(PHRASES)
    assert len(corpus.problems) == 5


def test_real_tree(real_corpora: Path) -> None:
    corpus = emovo.parse(real_corpora / "emovo")
    assert corpus.count(lambda u: u.label) == emovo.CARD.labels
    assert corpus.count(lambda u: u.speaker.partition("/")[2]) == emovo.CARD.speakers
    assert corpus.count(lambda u: u.gender) == emovo.CARD.genders
    assert set(corpus.count(lambda u: u.sentence)) == set(PHRASES)
