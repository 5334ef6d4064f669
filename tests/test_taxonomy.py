from __future__ import annotations

from pathlib import Path

import pytest

from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import CorpusError
from voxaffect.taxonomy import EMOTION, GENDER, MISSING, NATURALNESS, Taxonomy


def utterance(label: str, **more: str) -> Utterance:
    return Utterance("c/1", "c", Path("1"), label, "c/s", **more)  # type: ignore[arg-type]


def test_the_order_of_classes_is_the_papers() -> None:
    assert EMOTION.classes == ("neutral", "happy", "sad", "angry")
    assert GENDER.classes == ("female", "male", "female child", "male child")
    assert NATURALNESS.classes == ("natural", "acted")


def test_what_a_corpus_does_not_say_is_missing() -> None:
    encoded = Taxonomy().encode(utterance("joy"))
    assert encoded == {"emotion": 1, "gender": MISSING, "naturalness": MISSING}
    encoded = Taxonomy().encode(utterance("Anger", gender="male", naturalness="acted"))
    assert encoded == {"emotion": 3, "gender": 1, "naturalness": 1}


def test_calm_is_excluded_and_may_be_neutral() -> None:
    assert Taxonomy().emotion(utterance("calm")) is None
    mapped = Taxonomy(per_corpus={"c": {"calm": "neutral"}})
    assert mapped.emotion(utterance("calm")) == "neutral"


def test_an_unknown_label_is_named_with_the_nearest_and_what_to_do() -> None:
    with pytest.raises(CorpusError) as fault:
        Taxonomy().emotion(utterance("anggry"))
    for word in ("c/1", "'anggry'", "'angry'", "[taxonomy.c]"):
        assert word in str(fault.value)


def test_a_class_that_is_none_is_refused() -> None:
    with pytest.raises(CorpusError, match="furious"):
        Taxonomy(per_corpus={"c": {"hot": "furious"}})
    with pytest.raises(CorpusError, match="robot"):
        Taxonomy().encode(utterance("joy", gender="robot"))
