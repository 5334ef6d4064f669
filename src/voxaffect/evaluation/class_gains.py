"""What each subtask does to each class: the recall it adds to that of the single-task twin.

The paper leaves it to future work ("how MTL affects discrimination of specific emotional
categories"). Letters: D folds in which a class is tested, C classes, R resamples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.evaluation.intervals import LEVEL
from voxaffect.evaluation.metrics import recalls
from voxaffect.evaluation.results import ScoreTable, twin_of
from voxaffect.evaluation.significance import DECIMALS
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS

Floats = NDArray[np.float64]

N_RESAMPLES = 4000

FEWEST_FOLDS = 6
"""Of fewer folds no interval is given: a bootstrap of them is too narrow, and even if all of them
agreed, a test of their signs would not reach .05 (2 / 2^5 = .063)."""

SUBTASKS: Mapping[str, str] = {
    "gender": GENDER.name,
    "naturalness": NATURALNESS.name,
    "mtl": "both",
}
"""Variant of a trunk -> what it learns beside emotion."""


@dataclass(frozen=True)
class ClassGain:
    """The change of one class's recall.

    Args:
        n_folds: folds that test the class and that both systems have answered.
        mean: of the differences over these folds, None where there is none.
        low: lower end of the interval, None where there are fewer than FEWEST_FOLDS folds.
        high: upper end.
    """

    n_folds: int
    mean: float | None
    low: float | None
    high: float | None

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low is not None and self.high is not None and self.low * self.high > 0


@dataclass(frozen=True)
class ClassGains:
    """What a subtask does to the classes.

    Args:
        protocol: where it was tested.
        system: the multi-task net.
        reference: the single-task net of the same trunk.
        subtasks: what the former learns beside emotion: gender, naturalness or both.
        n_folds: folds that both have answered.
        gains: class -> change of its recall, in the order of classes.
    """

    protocol: str
    system: str
    reference: str
    subtasks: str
    n_folds: int
    gains: Mapping[str, ClassGain]


def class_gains(table: ScoreTable, *, seed: int = 0) -> tuple[ClassGains, ...]:
    """Gains of every multi-task net over its single-task twin, on all test sets of a protocol.

    A fold's recall is the mean over its seeds; then every fold counts the same. The interval is
    the percentile bootstrap over folds (Efron, Annals of Statistics 7, 1979).

    Args:
        table: scores of the protocol.
        seed: of the resampling; the same for every gain, so that none depends on the others.
    """
    found = (_of_system(table, system, reference, seed) for system, reference in _pairs(table))
    return tuple(gains for gains in found if gains.n_folds)


def _pairs(table: ScoreTable) -> Iterator[tuple[str, str]]:
    """Each multi-task net with its single-task twin."""
    for system in table.systems:
        reference = twin_of(system)
        if reference != system and reference in table.systems:
            yield system, reference


def _of_system(table: ScoreTable, system: str, reference: str, seed: int) -> ClassGains:
    ours, theirs = _recalls(table, system), _recalls(table, reference)
    folds = sorted(ours.keys() & theirs.keys())
    differences = np.array([ours[fold] - theirs[fold] for fold in folds])  # (D, C)
    by_class = differences.reshape(-1, EMOTION.n_classes).T
    return ClassGains(
        protocol=table.protocol,
        system=system,
        reference=reference,
        subtasks=SUBTASKS[system.rpartition("-")[2]],
        n_folds=len(folds),
        gains={name: _gain(d, seed) for name, d in zip(EMOTION.classes, by_class, strict=True)},
    )


def _recalls(table: ScoreTable, system: str) -> dict[str, Floats]:
    """Fold -> recall of each class (C,), mean over seeds; NaN for a class that is not tested."""
    return {
        fold: np.mean([recalls(matrix) for matrix in seeds.values()], axis=0)
        for test in table.tests
        if (score := table.get(test, system)) is not None
        for fold, seeds in score.matrices.items()
    }


def _gain(differences: Floats, seed: int) -> ClassGain:
    """Of differences (D,), NaN where the class is not tested."""
    known = np.round(differences[~np.isnan(differences)], DECIMALS)
    if not known.size:
        return ClassGain(0, None, None, None)
    low, high = bootstrap(known, seed) if known.size >= FEWEST_FOLDS else (None, None)
    return ClassGain(known.size, round(float(known.mean()), DECIMALS), low, high)


def bootstrap(values: Floats, seed: int) -> tuple[float, float]:
    """Percentile interval of the mean of values (D,), resampled R times with replacement."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(values.size, size=(N_RESAMPLES, values.size))  # (R, D)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(values[drawn].mean(axis=1), [tail, 1 - tail])
    return round(float(low), DECIMALS), round(float(high), DECIMALS)
