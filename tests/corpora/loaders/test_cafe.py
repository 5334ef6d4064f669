from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.recordings import record_tree
from voxaffect.corpora.loaders import cafe


@pytest.mark.parametrize("folder", ["Colère/Fort", "Col\u0160re/Fort", "Cole\u0300re/Fort", "."])
def test_a_name_is_parsed_even_if_its_folder_is_garbled(tmp_path: Path, folder: str) -> None:
    (utterance,) = cafe.parse(record_tree(tmp_path, [f"{folder}/01-C-2-3.wav"])).utterances
    assert utterance.speaker == "cafe/01"
    assert utterance.label == "anger"  # colère
    assert utterance.gender == "male"
    assert utterance.sentence == "3"
    assert utterance.naturalness == "acted"


def test_of_both_sample_rates_one_is_used(tmp_path: Path) -> None:
    names = ["CaFE_48k/Peur/Fort/02-P-2-1.wav", "CaFE_192k_1/Peur/Fort/02-P-2-1.aiff"]
    corpus = cafe.parse(record_tree(tmp_path, names))
    (utterance,) = corpus.utterances
    assert utterance.gender == "female"
    assert [p.kind for p in corpus.problems] == ["duplicate"]


def test_the_card_adds_up_to_the_whole_corpus() -> None:
    assert sum(cafe.CARD.labels.values()) == 936
