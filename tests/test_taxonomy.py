from __future__ import annotations

from pathlib import Path

import pytest

from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import CorpusError
from voxaffect.taxonomy import EMOTION, GENDER, MISSING, NATURALNESS, Taxonomy


def utterance(label: str, **more: str) -> Utterance:
    return Utterance("c/1", "c", Path("1"), label, "c/s", **more)  # type: ignore[arg-type]


def test_class_order_is_that_of_the_paper() -> None:
    assert EMOTION.classes == ("neutral", "happy", "sad", "angry")
    assert GENDER.classes == ("female", "male", "female child", "male child")
    assert NATURALNESS.classes == ("natural", "acted")


def test_unknown_labels_are_missing() -> None:
    encoded = Taxonomy().encode(utterance("joy"))
    assert encoded == {"emotion": 1, "gender": MISSING, "naturalness": MISSING}
    encoded = Taxonomy().encode(utterance("Anger", gender="male", naturalness="acted"))
    assert encoded == {"emotion": 3, "gender": 1, "naturalness": 1}


def test_calm_is_excluded_unless_mapped_to_neutral() -> None:
    assert Taxonomy().emotion(utterance("calm")) is None
    mapped = Taxonomy(per_corpus={"c": {"calm": "neutral"}})
    assert mapped.emotion(utterance("calm")) == "neutral"


def test_unknown_label_error_suggests_the_nearest_and_what_to_do() -> None:
    with pytest.raises(CorpusError) as fault:
        Taxonomy().emotion(utterance("anggry"))
    for word in ("c/1", "'anggry'", "'angry'", "[taxonomy.c]"):
        assert word in str(fault.value)


def test_unknown_classes_are_refused() -> None:
    with pytest.raises(CorpusError, match="'furious' is not a valid emotion; use one of neutral"):
        Taxonomy(per_corpus={"c": {"hot": "furious"}})
    with pytest.raises(CorpusError, match="'robot' is not a valid gender; use one of female"):
        Taxonomy().encode(utterance("joy", gender="robot"))
