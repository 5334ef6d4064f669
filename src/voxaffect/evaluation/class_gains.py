"""Gain in recall of each emotion class by multi-task learning over the single-task net.

The paper leaves it to future work ("how MTL affects discrimination of specific emotional
categories"). Letters: D folds in which a class is tested, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from voxaffect.evaluation.comparisons import DECIMALS
from voxaffect.evaluation.intervals import bootstrap_mean
from voxaffect.evaluation.metrics import Floats, recalls
from voxaffect.evaluation.results import ScoreTable, single_task_of
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS

FEWEST_FOLDS = 6
"""Least folds for an interval: a bootstrap of fewer is too narrow, and even if all agreed, a sign
test would not reach .05 (2 / 2^5 = .063)."""

SUBTASKS: Mapping[str, str] = {
    "gender": GENDER.name,
    "naturalness": NATURALNESS.name,
    "mtl": "both",
}
"""Suffix of a multi-task net -> its subtasks."""


@dataclass(frozen=True)
class ClassGain:
    """Change of one class's recall.

    Args:
        n_folds: folds that test the class and that both systems have.
        mean: mean difference over these folds, None where there is none.
        low: lower end of the confidence interval, None with fewer than FEWEST_FOLDS folds.
    """

    n_folds: int
    mean: float | None
    low: float | None
    high: float | None

    @property
    def excludes_zero(self) -> bool:
        """Whether there is an interval and 0 is outside."""
        return self.low is not None and self.high is not None and self.low * self.high > 0


@dataclass(frozen=True)
class ClassGains:
    """Gains of one multi-task net (`system`) over the single-task net of its trunk (`reference`).

    Args:
        subtasks: of the former: gender, naturalness or both.
        n_folds: folds that both have.
        gains: class -> change of its recall, in the order of classes.
    """

    protocol: str
    system: str
    reference: str
    subtasks: str
    n_folds: int
    gains: Mapping[str, ClassGain]


def class_gains(table: ScoreTable, *, seed: int = 0) -> tuple[ClassGains, ...]:
    """Gains of every multi-task net over its single-task net, on all test sets of a protocol.

    A fold's recall is the mean over its seeds; every fold weighs the same. Intervals are percentile
    bootstraps over folds, with the same seed for every gain.
    """
    found = []
    for system in table.systems:
        reference = single_task_of(system)
        if reference == system or reference not in table.systems:
            continue
        ours, theirs = _recalls(table, system), _recalls(table, reference)
        folds = sorted(ours.keys() & theirs.keys())
        if folds:
            by_class = np.array([ours[fold] - theirs[fold] for fold in folds]).T  # (C, D)
            gains = {c: _gain(d, seed) for c, d in zip(EMOTION.classes, by_class, strict=True)}
            subtasks = SUBTASKS[system.rpartition("-")[2]]
            found.append(ClassGains(table.protocol, system, reference, subtasks, len(folds), gains))
    return tuple(found)


def _recalls(table: ScoreTable, system: str) -> dict[str, Floats]:
    """Fold -> recall of each class (C,), mean over seeds; NaN for a class that is not tested."""
    return {
        fold: np.mean([recalls(matrix) for matrix in seeds.values()], axis=0)
        for test in table.tests
        if (score := table.get(test, system)) is not None
        for fold, seeds in score.matrices.items()
    }


def _gain(differences: Floats, seed: int) -> ClassGain:
    """Gain from differences (D,), NaN where the class is not tested."""
    known = np.round(differences[~np.isnan(differences)], DECIMALS)
    mean = round(float(known.mean()), DECIMALS) if known.size else None
    if known.size < FEWEST_FOLDS:
        return ClassGain(known.size, mean, None, None)
    low, high = (round(end, DECIMALS) for end in bootstrap_mean(known, seed))
    return ClassGain(known.size, mean, low, high)
