from __future__ import annotations

from itertools import product

import pytest

from voxaffect.simulation.plan import TreePlan
from voxaffect.simulation.plans import PLANS, URDU
from voxaffect.taxonomy import EMOTION, EMOTION_OF_LABEL

GAPS = {"aibo": {"sad"}, "enterface": {"neutral"}}
EVERY = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())


@EVERY
def test_no_two_slots_collide(plan: TreePlan) -> None:
    places = [
        (slot.path, what, slot.sentence) if plan.corpus == "ldc" else slot.path
        for who, what in product(plan.cast, plan.roles)
        for slot in plan.slots(who, what)
    ]
    assert len(places) == len(set(places))


@EVERY
def test_every_class_is_planned_for_both_sexes(plan: TreePlan) -> None:
    labels = {EMOTION_OF_LABEL[role.expression.label] for role in plan.roles.values()}
    assert labels - {None} == set(EMOTION.classes) - GAPS.get(plan.corpus, set())
    sexes = {member.group.gender.split()[0] for member in plan.cast.values()}
    assert sexes == {"female", "male"}


@EVERY
def test_sizes_stay_small_and_grow_with_the_scale(plan: TreePlan) -> None:
    assert 60 <= plan.size() <= 120
    assert plan.size(0.01) == len(plan.cast) * len(plan.roles)
    assert plan.size(0.01) < plan.size() < plan.size(2.0)


@EVERY
def test_no_scale_asks_for_more_files_than_there_are_names(plan: TreePlan) -> None:
    slots = sum(len(plan.slots(*pair)) for pair in product(plan.cast, plan.roles))
    assert plan.size(1000.0) == slots


def test_talk_is_uneven() -> None:
    takes = [URDU.n_takes(speaker, "Angry", 1.0) for speaker in URDU.cast]
    assert max(takes) >= 6 * min(takes)
