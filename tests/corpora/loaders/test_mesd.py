from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.recordings import record_tree
from voxaffect.corpora.loaders import mesd


@pytest.mark.parametrize(
    ("name", "label", "gender", "words"),
    [
        ("Anger_F_A_tarde", "anger", "female", "tarde"),
        ("Sadness_M_B_furia", "sadness", "male", "furia"),
        ("Fear_C_B_arana", "fear", None, "arana"),
        ("Anger_C_A_basta_ya", "anger", None, "basta_ya"),
        ("Happiness_F_A_de_nada", "happiness", "female", "de_nada"),
    ],
)
def test_a_name_is_emotion_voice_list_words(
    tmp_path: Path, name: str, label: str, gender: str | None, words: str
) -> None:
    root = record_tree(tmp_path, [f"Mexican Emotional Speech Database (MESD)/{name}.wav"])
    (utterance,) = mesd.parse(root).utterances
    assert utterance.label == label
    assert utterance.gender == gender
    assert utterance.sentence == words
    assert utterance.naturalness == "acted"


def test_voices_that_are_not_distinguished_share_one_name(tmp_path: Path) -> None:
    names = [f"Neutral_{voice}_A_si.wav" for voice in "FMC"]
    corpus = mesd.parse(record_tree(tmp_path, names))
    assert len(corpus.utterances) == 3
    assert corpus.speakers == ("mesd/?",)


def test_the_card_adds_up_to_the_whole_corpus_less_two() -> None:
    assert sum(mesd.CARD.labels.values()) == 48 * 6 * 3 - 2
