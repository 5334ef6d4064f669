from __future__ import annotations

from itertools import product

import pytest

from voxaffect.simulation.plans import PLANS, URDU, TreePlan
from voxaffect.simulation.trees import plan_takes
from voxaffect.taxonomy import EMOTION, EMOTION_OF_LABEL

GAPS = {"aibo": {"sad"}, "enterface": {"neutral"}}


def size(plan: TreePlan, scale: float = 1.0) -> int:
    return len(plan_takes(plan, 0, scale))


EVERY = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())


@EVERY
def test_slots_are_unique(plan: TreePlan) -> None:
    places = [
        (path, what, sentence) if plan.corpus == "ldc" else path
        for who, what in product(plan.speakers, plan.labels)
        for path, sentence in plan.slots(who, what)
    ]
    assert len(places) == len(set(places))


@EVERY
def test_classes_and_genders_are_complete(plan: TreePlan) -> None:
    labels = {EMOTION_OF_LABEL[label.emotion] for label in plan.labels.values()}
    assert labels - {None} == set(EMOTION.classes) - GAPS.get(plan.corpus, set())
    sexes = {group.gender.split()[0] for group in plan.speakers.values()}
    assert sexes == {"female", "male"}


@EVERY
def test_sizes_are_small_and_grow_with_the_scale(plan: TreePlan) -> None:
    assert 60 <= size(plan) <= 120
    assert size(plan, 0.01) == len(plan.speakers) * len(plan.labels)
    assert size(plan, 0.01) < size(plan) < size(plan, 2.0)


@EVERY
def test_size_is_limited_by_the_number_of_slots(plan: TreePlan) -> None:
    slots = sum(len(plan.slots(*pair)) for pair in product(plan.speakers, plan.labels))
    assert size(plan, 1000.0) == slots


def test_urdu_speakers_are_uneven() -> None:
    takes = [URDU.n_takes(speaker, "Angry", 1.0) for speaker in URDU.speakers]
    assert max(takes) >= 6 * min(takes)
