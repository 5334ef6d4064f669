from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluation.people import SOMEBODY
from voxaffect.evaluation.groups.kinds import UNKNOWN, Kind, kinds_of, speakers_of


def kind(name: str, field: str, values: Sequence[Any]) -> Kind:
    facts = [replace(SOMEBODY, **{field: value}) for value in values]
    return next(k for k in kinds_of(facts) if k.name == name)


def test_names_stand_in_the_order_of_the_classes_and_the_unknown_last() -> None:
    found = kind("gender", "gender", ["male", None, "female", "male"])
    assert found.groups == ("female", "male", UNKNOWN)
    assert found.members.tolist() == [1, 2, 0, 1]


def test_groups_without_anybody_are_not_there() -> None:
    assert kind("language", "language", ["Urdu", "German"]).groups == ("German", "Urdu")
    assert kind("style", "style", [None]).groups == (UNKNOWN,)


def test_thirds_are_named_by_their_borders() -> None:
    found = kind("length", "duration_s", [6.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.groups == ("up to 2.00 s", "2.00 s to 4.00 s", "over 4.00 s")
    assert found.members.tolist() == [2, 0, 0, 1, 1, 2]


def test_equal_values_are_one_group_and_unknown_ones_another() -> None:
    assert kind("length", "duration_s", [2.0] * 5).groups == ("up to 2.00 s",)
    found = kind("SNR", "snr_db", [None, 10.0, 20.0, 30.0])
    assert found.groups == ("up to 10.0 dB", "10.0 dB to 20.0 dB", "over 20.0 dB", UNKNOWN)
    assert found.members.tolist() == [3, 0, 1, 2]
    assert kind("SNR", "snr_db", [None, None]).groups == (UNKNOWN,)


@given(st.lists(st.floats(0.1, 100), min_size=3, max_size=40, unique=True))
def test_thirds_of_different_values_have_nearly_one_size_and_rise(values: list[float]) -> None:
    found = kind("length", "duration_s", values)
    sizes = np.bincount(found.members)
    assert sizes.size == 3
    assert sizes.max() - sizes.min() <= 2
    assert np.all(np.diff(found.members[np.argsort(values)]) >= 0)


def test_every_speaker_is_a_group() -> None:
    facts = [replace(SOMEBODY, speaker=s) for s in ("north/b", "north/a", "north/b")]
    assert speakers_of(facts).groups[:2] == ("north/a", "north/b")
    assert speakers_of(facts).members.tolist() == [1, 0, 1]
