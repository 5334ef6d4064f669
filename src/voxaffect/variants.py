"""What the paper leaves open, one change of a system at a time.

A variant is a function of the settings of the system that it is a variant of, so that whatever else
a run sets holds for both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from voxaffect.classifier import NetSettings
from voxaffect.model.weighting import Kind
from voxaffect.taxonomy import EMOTION

Variant = Callable[[NetSettings], NetSettings]

SLOWER = 10
"""How much slower a subtask's head learns than the rest, as much as the paper's 0.1 weighs its loss
less. Adam's steps are as long whatever a loss is multiplied by, so that the weight slows no head
down, and only a rate of its own does."""


def with_rates(base: NetSettings) -> NetSettings:
    """Subtask heads learn at a tenth of the rate of trunk and emotion head."""
    slow = base.training.learning_rate / SLOWER
    rates = {task: slow for task in base.task_weights if task != EMOTION.name}
    return replace(base, training=replace(base.training, task_learning_rates=rates))


def with_private_layers(base: NetSettings) -> NetSettings:
    """One layer more of each task's own between the shared trunk and its class scores."""
    return replace(base, private_layers=base.private_layers + 1)


def with_extended_representation(base: NetSettings) -> NetSettings:
    """The utterance level sees the posteriors of the subtasks, too."""
    return replace(base, elm=replace(base.elm, subtasks=True))


def with_uncertainty(base: NetSettings) -> NetSettings:
    """Tasks are weighted by learned uncertainty (Kendall, Gal and Cipolla 2018)."""
    return _weighted(base, "uncertainty")


def with_gradnorm(base: NetSettings) -> NetSettings:
    """Tasks are weighted by the norms of their gradients (GradNorm; Chen et al. 2018)."""
    return _weighted(base, "gradnorm")


def _weighted(base: NetSettings, kind: Kind) -> NetSettings:
    return replace(base, training=replace(base.training, task_weighting=kind))


VARIANTS: Mapping[str, Variant] = {
    "rates": with_rates,
    "private": with_private_layers,
    "extended": with_extended_representation,
    "uncertainty": with_uncertainty,
    "gradnorm": with_gradnorm,
}
"""What follows the base in a variant's name, `lstm-mtl-rates` -> what is changed."""
