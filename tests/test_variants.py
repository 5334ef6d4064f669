from __future__ import annotations

from dataclasses import fields, replace

import pytest

from voxaffect.classifier import NetClassifier, NetSettings
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import DnnSettings
from voxaffect.variants import VARIANTS

BASE = NetSettings(
    DnnSettings(hidden=8, context=1),
    {"emotion": 1.0, "gender": 0.1, "naturalness": 0.1},
    TrainingSettings(learning_rate=2e-3, batch_size=7),
)


def changed(name: str) -> dict[str, object]:
    """Settings, dotted, in which a variant differs from its base, and their values there."""
    variant = VARIANTS[name](BASE)
    found: dict[str, object] = {}
    for part in ("training", "elm"):
        ours, theirs = getattr(variant, part), getattr(BASE, part)
        for f in fields(ours):
            if getattr(ours, f.name) != getattr(theirs, f.name):
                found[f"{part}.{f.name}"] = getattr(ours, f.name)
    if variant.private_layers != BASE.private_layers:
        found["private_layers"] = variant.private_layers
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rates", {"training.task_learning_rates": {"gender": 2e-4, "naturalness": 2e-4}}),
        ("private", {"private_layers": 1}),
        ("extended", {"elm.subtasks": True}),
        ("uncertainty", {"training.task_weighting": "uncertainty"}),
        ("gradnorm", {"training.task_weighting": "gradnorm"}),
    ],
)
def test_a_variant_changes_one_thing(name: str, expected: dict[str, object]) -> None:
    assert changed(name) == expected
    assert VARIANTS[name](BASE).trunk == BASE.trunk
    assert VARIANTS[name](BASE).task_weights == BASE.task_weights


def test_every_variant_is_looked_at() -> None:
    assert set(VARIANTS) == {"rates", "private", "extended", "uncertainty", "gradnorm"}


def test_private_layers_come_on_top_of_the_runs_own() -> None:
    assert VARIANTS["private"](replace(BASE, private_layers=2)).private_layers == 3
    heads = [
        sum(p.numel() for p in MultiTaskNet(NetClassifier(s).shape(5)).heads.parameters())
        for s in (BASE, VARIANTS["private"](BASE))
    ]
    assert heads[1] > heads[0]
