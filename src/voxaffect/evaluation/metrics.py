"""Classification metrics of a confusion matrix: recall, unweighted accuracy, accuracy, macro F1.

A class without test utterances has no recall and is left out of every mean over classes. An empty
matrix has NaN for every metric.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from voxaffect.errors import ArtifactError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def ratio(part: ArrayLike, whole: ArrayLike) -> Floats:
    """Part divided by whole, broadcast; NaN where the whole is 0."""
    parts, total = np.broadcast_arrays(part, np.asarray(whole, np.float64))
    found: Floats = np.divide(parts, total, out=np.full(total.shape, np.nan), where=total > 0)
    return found


def mean_known(values: Floats, axis: int = -1) -> Floats:
    """Mean along an axis, ignoring NaN; NaN (without a warning) where all are NaN."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(axis=axis), known.sum(axis=axis))


def count(shape: tuple[int, ...], *index: ArrayLike, where: ArrayLike | None = None) -> Counts:
    """Histogram of N items over the cells of a table.

    Args:
        shape: of the table.
        index: position of each item (N,) along each axis.
        where: bool (N,), items that count; all by default.
    """
    cells = np.ravel_multi_index(tuple(np.asarray(i) for i in index), shape)
    kept = cells if where is None else cells[np.asarray(where)]
    return np.bincount(kept, minlength=prod(shape)).reshape(shape).astype(np.int64)


def confusion(y_true: ArrayLike, y_pred: ArrayLike, n_classes: int) -> Counts:
    """Confusion matrix (C, C) of class indices (N,): rows are true classes, columns predictions.

    Raises:
        ArtifactError: lengths differ, or an index is not within 0 and C - 1.
    """
    true, predicted = np.asarray(y_true, np.int64), np.asarray(y_pred, np.int64)
    if true.shape != predicted.shape or true.ndim != 1:
        raise ArtifactError(
            f"{true.size} true classes but {predicted.size} predictions; need as many of both"
        )
    for name, values in (("true class", true), ("prediction", predicted)):
        outside = values[(values < 0) | (values >= n_classes)]
        if outside.size:
            raise ArtifactError(
                f"{name} {outside[0]} is out of range: must be 0 to {n_classes - 1}"
            )
    return count((n_classes, n_classes), true, predicted)


def recalls(matrix: Counts) -> Floats:
    """Recall of each class (..., C) of matrices (..., C, C), NaN for a class without utterances."""
    return ratio(np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(axis=-1))


def unweighted_accuracy(matrix: Counts) -> Floats:
    """Unweighted accuracy (UA) of matrices (..., C, C): mean recall over the classes present.

    Of the sum of several folds' matrices it is the pooled UA.

    Nine of ten neutral utterances are right and one of two sad ones:

    >>> float(unweighted_accuracy(confusion([0] * 10 + [1] * 2, [0] * 9 + [1] * 2 + [0], 2)))
    0.7
    """
    return mean_known(recalls(matrix))


def weighted_accuracy(matrix: Counts) -> Floats:
    """Accuracy of matrices (..., C, C): share of correct predictions.

    >>> round(float(weighted_accuracy(np.array([[9, 1], [1, 1]]))), 3)
    0.833
    """
    return ratio(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum(axis=(-2, -1)))


def macro_f1(matrix: Counts) -> Floats:
    """Mean F1, 2 TP / (utterances + predictions), of matrices (..., C, C) over classes present."""
    true, predicted = matrix.sum(axis=-1), matrix.sum(axis=-2)
    f1 = ratio(2 * np.diagonal(matrix, axis1=-2, axis2=-1), true + predicted)
    return mean_known(np.where(true > 0, f1, np.nan))
