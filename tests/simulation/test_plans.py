from __future__ import annotations

from itertools import product

import pytest

from voxaffect.simulation.plans import PLANS, URDU, TreePlan
from voxaffect.taxonomy import EMOTION, WORDS

EVERY = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())


@EVERY
def test_no_two_slots_collide(plan: TreePlan) -> None:
    paths = [s.path for who, what in product(plan.cast, plan.roles) for s in plan.slots(who, what)]
    assert len(paths) == len(set(paths))


@EVERY
def test_every_class_is_planned_for_both_sexes(plan: TreePlan) -> None:
    labels = {WORDS[role.expression.label] for role in plan.roles.values()}
    assert labels - {None} == set(EMOTION.classes)
    assert {member.group.gender for member in plan.cast.values()} == {"female", "male"}


@EVERY
def test_sizes_stay_small_and_grow_with_the_scale(plan: TreePlan) -> None:
    assert 60 <= plan.size() <= 110
    assert plan.size(0.01) == len(plan.cast) * len(plan.roles)
    assert plan.size(0.01) < plan.size() < plan.size(2.0)


@EVERY
def test_no_scale_asks_for_more_files_than_there_are_names(plan: TreePlan) -> None:
    slots = sum(len(plan.slots(*pair)) for pair in product(plan.cast, plan.roles))
    assert plan.size(1000.0) == slots


def test_talk_is_uneven() -> None:
    takes = [URDU.n_takes(speaker, "Angry", 1.0) for speaker in URDU.cast]
    assert max(takes) >= 6 * min(takes)
