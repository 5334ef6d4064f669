"""Nets that train as one stack come out as if each had been trained alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from tests.model.examples import make_examples, make_lesson, make_shape
from voxaffect.errors import TrainingError
from voxaffect.features.standardize import Standardizer
from voxaffect.model.data import Examples, Parts, banks
from voxaffect.model.losses import Kind
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.training import TrainedNet, TrainingTask, fit
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings

TRUNKS: dict[str, TrunkSettings] = {
    "dnn": DnnSettings(hidden=16, layers=2, context=2),
    "lstm": LstmSettings(hidden=8),
    "blstm": LstmSettings(hidden=5, bidirectional=True),
}
RATES = {"emotion": 2e-2, "gender": 1e-3}
WAYS = {
    "fixed": (TrainingSettings(), 0),
    "uncertainty, private layers": (TrainingSettings(task_weighting="uncertainty"), 1),
    "gradnorm": (TrainingSettings(task_weighting="gradnorm"), 0),
    "rates, private layers": (TrainingSettings(task_learning_rates=RATES), 1),
}
SYSTEMS: tuple[dict[str, float], ...] = (
    {"emotion": 1.0, "gender": 0.1, "naturalness": 0.1},
    {"emotion": 1.0},
    {"emotion": 1.0, "naturalness": 0.1},
    {"emotion": 1.0, "gender": 0.1},
)


@dataclass(frozen=True)
class Task:
    """What one net of a stack learns from."""

    train: Examples
    dev: Examples
    weights: dict[str, float]
    seed: int


def speech() -> Examples:
    """With some labels of naturalness."""
    examples = make_examples(40)
    return Examples(
        examples.frames, {**examples.targets, "naturalness": (np.arange(40) % 3 - 1).astype(int)}
    )


def tasks() -> list[Task]:
    """Folds of different size over the same utterances.

    The first is tested on a class that it never sees: it gets worse the more it learns, and so
    stops before the others.
    """
    every, found = speech(), []
    for k, weights in enumerate(SYSTEMS):
        inside = np.arange(40 - 5 * k)
        is_held = inside % 5 == k if k else every.targets["emotion"] == 3
        train, dev = (every.select(inside[is_held == held]) for held in (False, True))
        found.append(Task(train, dev, weights, seed=7 + k))
    return found


def lessons_alone(
    trunk: TrunkSettings, several: Sequence[Task], private: int
) -> list[TrainingTask]:
    return [
        make_lesson(
            make_shape(trunk, *task.weights, private_layers=private),
            task.train,
            task.dev,
            task.weights,
            task.seed,
        )
        for task in several
    ]


def on_one_pool(lessons: Sequence[TrainingTask], clean: Sequence[Task]) -> list[TrainingTask]:
    """The lessons with all training frames in one pool, and all dev frames in another."""
    statistics = [Standardizer.fit(task.train.frames) for task in clean]
    train = [lesson.train.examples for lesson in lessons]
    dev = [lesson.dev.examples for lesson in lessons]
    pools = [[*map(Parts.of_bank, banks(own, statistics), own)] for own in (train, dev)]
    return [
        replace(lesson, train=own, dev=held)
        for lesson, own, held in zip(lessons, *pools, strict=True)
    ]


def settings_for(trunk: TrunkSettings, way: TrainingSettings) -> TrainingSettings:
    batch_size = 100 if isinstance(trunk, DnnSettings) else 8
    quick = replace(way, learning_rate=1e-2, max_epochs=4, patience=2)
    return replace(quick, batch_size=batch_size, crop_frames=20)


def check_equal(found: TrainedNet | TrainingError, expected: TrainedNet | TrainingError) -> None:
    assert isinstance(found, TrainedNet), found
    assert isinstance(expected, TrainedNet), expected
    assert found.history.best == expected.history.best
    for one, other in zip(found.history.epochs, expected.history.epochs, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-5)
        assert one.dev_loss == pytest.approx(other.dev_loss, rel=1e-5)
        assert one.dev_ua == other.dev_ua
    own, alone = found.net.state_dict(), expected.net.state_dict()
    assert own.keys() == alone.keys()
    for name, value in alone.items():
        torch.testing.assert_close(own[name], value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("way", "private"), WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("trunk", TRUNKS.values(), ids=TRUNKS)
def test_a_stack_gives_the_nets_that_training_one_by_one_gives(
    trunk: TrunkSettings, way: TrainingSettings, private: int
) -> None:
    settings, several = settings_for(trunk, way), tasks()
    alone = lessons_alone(trunk, several, private)
    together = fit(on_one_pool(alone, several), settings)
    lengths = set()
    for lesson, found in zip(alone, together, strict=True):
        (expected,) = fit([lesson], settings)
        check_equal(found, expected)
        assert isinstance(found, TrainedNet)
        lengths.add(len(found.history.epochs))
    assert min(lengths) < max(lengths)  # the first stopped before another


@pytest.mark.parametrize("kind", ["fixed", "uncertainty", "gradnorm"])
@pytest.mark.parametrize("trunk", [TRUNKS["dnn"], TRUNKS["lstm"]], ids=["dnn", "lstm"])
def test_a_net_that_diverges_fails_alone(trunk: TrunkSettings, kind: Kind) -> None:
    way = TrainingSettings(task_weighting=kind)
    settings, several = replace(settings_for(trunk, way), max_epochs=2), tasks()[:3]
    alone = lessons_alone(trunk, several, private=0)
    ill = several[1].train
    frames = [values.copy() for values in ill.frames]
    frames[5][2] = math.nan
    planted = Parts(Examples(frames, ill.targets), Standardizer.fit(ill.frames))
    lessons = [alone[0], replace(alone[1], train=planted), alone[2]]
    together = fit(on_one_pool(lessons, several), settings)
    assert isinstance(together[1], TrainingError)
    assert "learning_rate" in str(together[1])
    for k in (0, 2):
        (expected,) = fit([alone[k]], settings)
        check_equal(together[k], expected)


def test_nets_of_other_seeds_on_the_same_data_differ() -> None:
    several = [replace(tasks()[0], seed=seed) for seed in (1, 2)]
    lessons = lessons_alone(TRUNKS["lstm"], several, private=0)
    settings = replace(settings_for(TRUNKS["lstm"], TrainingSettings()), max_epochs=1)
    first, second = fit(on_one_pool(lessons, several), settings)
    assert isinstance(first, TrainedNet)
    assert isinstance(second, TrainedNet)
    assert first.history.epochs[0].train_loss != second.history.epochs[0].train_loss
