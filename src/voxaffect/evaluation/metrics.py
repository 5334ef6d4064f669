"""How well answers match the truth: everything is read off a confusion matrix.

A class without an utterance in the test set has no recall. It is left out of every mean over
classes, and a matrix without any utterance has no accuracy: NaN, never a number made up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from voxaffect.errors import ArtifactError

Floats = NDArray[np.float64]


def ratio(part: ArrayLike, whole: ArrayLike) -> Floats:
    """Part by whole, broadcast to one shape; NaN where the whole is nothing."""
    parts, total = np.broadcast_arrays(part, np.asarray(whole, np.float64))
    found: Floats = np.divide(parts, total, out=np.full(total.shape, np.nan), where=total > 0)
    return found


def mean_known(values: Floats, axis: int = -1) -> Floats:
    """Mean along an axis of the numbers that are no NaN."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return ratio(total, known.sum(axis=axis))


Counts = NDArray[np.int64]


def confusion(y_true: ArrayLike, y_pred: ArrayLike, n_classes: int) -> Counts:
    """Confusion matrix (C, C): rows are true classes, columns are answers.

    Args:
        y_true: (N,), class indices.
        y_pred: (N,), class indices.
        n_classes: number of classes C.

    Raises:
        ArtifactError: lengths differ, or an index is not within 0 and C - 1.
    """
    true, answer = np.asarray(y_true, np.int64), np.asarray(y_pred, np.int64)
    if true.shape != answer.shape or true.ndim != 1:
        raise ArtifactError(f"{true.size} true classes but {answer.size} answers; need as many")
    for name, values in (("true class", true), ("answer", answer)):
        outside = values[(values < 0) | (values >= n_classes)]
        if outside.size:
            raise ArtifactError(f"{name} {outside[0]} is no index of {n_classes} classes")
    cells = np.bincount(true * n_classes + answer, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes).astype(np.int64)


def recalls(matrix: Counts) -> Floats:
    """Recall of every class (C,), NaN for a class without utterances."""
    return ratio(np.diagonal(matrix), matrix.sum(axis=1))


def unweighted_accuracy(matrix: Counts) -> float:
    """Mean recall over the classes present: the UA of the field, the paper's measure.

    Applied to the sum of several folds' matrices it is the pooled UA.
    """
    return float(mean_known(recalls(matrix)))


def weighted_accuracy(matrix: Counts) -> float:
    """Share of right answers: every class weighs as much as it has utterances."""
    return float(ratio(np.trace(matrix), matrix.sum()))


def macro_f1(matrix: Counts) -> float:
    """Mean F1 over the classes present, F1 = 2 right / (utterances + answers) of a class."""
    true, answers = matrix.sum(axis=1), matrix.sum(axis=0)
    f1 = ratio(2 * np.diagonal(matrix), true + answers)
    return float(mean_known(np.where(true > 0, f1, np.nan)))
