"""Fitted machines on rows: arrays and products. scikit-learn, slow to load, only fits them.

Letters: N rows, K numbers of a row, C classes seen in training, V support vectors, P pairs of
classes, C (C - 1) / 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from itertools import combinations
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import ArtifactError
from voxaffect.systems.nuisance import without
from voxaffect.systems.summaries import Table
from voxaffect.taxonomy import EMOTION

Classes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RowScaler:
    """Mean and deviation of the training rows; a constant number has the deviation 1.

    Raises:
        ArtifactError: shapes contradict one another.
    """

    mean: Table  # (K,)
    scale: Table  # (K,)

    def __post_init__(self) -> None:
        shapes = {"mean": (self.mean.size,), "scale": (self.mean.size,)}
        check_shapes("standardizer", shapes, mean=self.mean, scale=self.scale)

    @classmethod
    def fit(cls, rows: Table) -> Self:
        """Fit to rows (N, K)."""
        from sklearn.preprocessing import StandardScaler  # noqa: PLC0415 (slow to load)

        scaler = StandardScaler().fit(rows)
        return cls(scaler.mean_, scaler.scale_)

    def transform(self, rows: Table) -> Table:
        """Standardized rows (N, K)."""
        return (rows - self.mean) / self.scale


@dataclass(frozen=True, eq=False)
class LinearMachine:
    """A score a class, linear in the standardized row: a logistic regression, or a linear SVM.

    Of two classes the scores are opposite, and differ by the margin or the log odds.

    Raises:
        ArtifactError: shapes contradict one another.
    """

    unseen: ClassVar[None] = None  # a class missing in training scores below all others of its row

    classes: Classes  # (C,), those seen in training, sorted
    coef: Table  # (K, C)
    intercept: Table  # (C,)

    def __post_init__(self) -> None:
        n_classes = self.classes.size
        shapes = {"coef": (self.n_inputs, n_classes), "intercept": (n_classes,)}
        check_shapes("machine", shapes, coef=self.coef, intercept=self.intercept)

    @classmethod
    def of(cls, estimator: Any) -> Self:
        """What a linear classifier of scikit-learn has learned."""
        coef, intercept = estimator.coef_.T, estimator.intercept_
        if len(estimator.classes_) == 2:  # one column for both
            coef, intercept = (np.concatenate([-one, one], -1) / 2 for one in (coef, intercept))
        return cls(*map(np.ascontiguousarray, (estimator.classes_, coef, intercept)))

    def blind_to(self, directions: Table, scale: Table) -> Self:
        """The same, to which parts of rows in orthonormal directions (K, D) make no difference.

        The directions are those of rows before they are divided by a scale (K,), and the machine
        was fitted to rows without them.
        """
        coef = scale[:, None] * without((self.coef / scale[:, None]).T, directions).T
        return replace(self, coef=coef)

    @property
    def n_inputs(self) -> int:
        """K."""
        return len(self.coef)

    def scores(self, rows: Table) -> Table:
        """Scores (N, C) of standardized rows (N, K)."""
        scores: Table = rows @ self.coef + self.intercept
        return scores


UNSEEN_SCORE = -1.0
"""SVM score of a class missing in training. It never wins: the better of two classes scores at
least 0, the best of three or more wins at least one duel and scores above 2/3."""


@dataclass(frozen=True, eq=False)
class KernelMachine:
    """A support vector machine with the radial kernel exp(-gamma |x - v|^2), a duel a pair.

    A class scores the duels that it wins and, as scikit-learn adds to break ties, s / (3 |s| + 3)
    of the sum s of its margins. Of two classes the scores are the margin and its opposite.

    Raises:
        ArtifactError: shapes contradict one another.
    """

    unseen: ClassVar[float] = UNSEEN_SCORE

    classes: Classes  # (C,), those seen in training, sorted
    support: Table  # (V, K), support vectors
    coef: Table  # (V, P), dual coefficients of the duels (0, 1), (0, 2), ... (C - 2, C - 1)
    intercept: Table  # (P,)
    gamma: Table  # ()

    def __post_init__(self) -> None:
        n_pairs = self.classes.size * (self.classes.size - 1) // 2
        shapes = {
            "support": (len(self.support), self.n_inputs),
            "coef": (len(self.support), n_pairs),
            "intercept": (n_pairs,),
            "gamma": (),
        }
        check_shapes("machine", shapes, **{name: getattr(self, name) for name in shapes})

    @classmethod
    def of(cls, estimator: Any) -> Self:
        """What `sklearn.svm.SVC` has learned."""
        n_classes = len(estimator.classes_)
        owner = np.repeat(np.arange(n_classes), estimator.n_support_)
        dual, intercept = estimator.dual_coef_, estimator.intercept_
        if n_classes == 2:  # its signs are those of the second class, as of all its binary ones
            dual, intercept = -dual, -intercept
        columns = []
        for i, j in combinations(range(n_classes), 2):
            # Row r of the dual coefficients is of the duel with the r-th of the other classes.
            columns.append(np.where(owner == i, dual[j - 1], np.where(owner == j, dual[i], 0.0)))
        coef = np.ascontiguousarray(np.transpose(columns))
        gamma = np.asarray(estimator._gamma, np.float64)
        return cls(estimator.classes_, estimator.support_vectors_, coef, intercept, gamma)

    @property
    def n_inputs(self) -> int:
        """K."""
        return int(self.support.shape[-1])

    def margins(self, rows: Table) -> Table:
        """Margins (N, P) of the duels; positive where the first class wins."""
        squares = np.square(rows).sum(axis=1)[:, None] + np.square(self.support).sum(axis=1)
        distances = np.maximum(squares - 2 * rows @ self.support.T, 0.0)
        margins: Table = np.exp(-self.gamma * distances) @ self.coef + self.intercept
        return margins

    def scores(self, rows: Table) -> Table:
        """Scores (N, C) of standardized rows (N, K)."""
        margins = self.margins(rows)
        if self.classes.size == 2:
            return np.concatenate([margins, -margins], axis=1)
        sums, wins = np.zeros((2, len(rows), self.classes.size))
        for pair, (i, j) in enumerate(combinations(range(self.classes.size), 2)):
            margin = margins[:, pair]
            sums[:, i] += margin
            sums[:, j] -= margin
            wins[:, i] += margin >= 0
            wins[:, j] += margin < 0
        scores: Table = wins + sums / (3 * (np.abs(sums) + 1))
        return scores


Machine = LinearMachine | KernelMachine


def of_all_classes(scores: Table, seen: Classes, unseen: float | None = None) -> Table:
    """Scores (N, C) of all classes, given those of the classes seen, (N, K) and (K,).

    The others score `unseen`, or 1 below the least of a row.
    """
    floor = scores.min(axis=1, keepdims=True) - 1.0 if unseen is None else [[unseen]]
    every = np.array(np.broadcast_to(floor, (len(scores), EMOTION.n_classes)))
    every[:, seen] = scores
    return every


def check_classes(seen: Classes) -> None:
    """Raise ArtifactError unless classes (K,) are different emotions, in their order."""
    inside = np.isin(seen, np.arange(EMOTION.n_classes)).all()
    if seen.ndim != 1 or not seen.size or not inside or (np.diff(seen) <= 0).any():
        raise ArtifactError(f"{seen.tolist()} are no classes of emotion; save the recognizer again")


def arrays_of(part: RowScaler | Machine) -> dict[str, NDArray[Any]]:
    """Arrays of a fitted part by their names."""
    return {field.name: np.asarray(getattr(part, field.name)) for field in fields(part)}


def check_shapes(
    words: str, expected: Mapping[str, tuple[int, ...]], **arrays: NDArray[Any]
) -> None:
    """Raise ArtifactError unless arrays have the expected shapes."""
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise ArtifactError(
                f"the {words}'s {name} has shape {arrays[name].shape} where {shape} is expected; "
                "save the recognizer again"
            )
