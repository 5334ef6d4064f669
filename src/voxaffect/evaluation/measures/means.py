"""Ratios and means of what is there; NaN where nothing is, never a number made up."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
