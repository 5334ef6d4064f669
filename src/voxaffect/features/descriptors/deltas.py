"""Smoothing and derivatives over time, of recordings that come piece by piece.

Beyond the ends of a recording its edge frames repeat. A column may be kept to stretches of frames:
then what repeats beyond a stretch's ends is the stretch's own edge value.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.compiled import compiled

LOOK_AHEAD = 3
"""Frames after one that its slope depends on: two for the slope, and one for the means."""

Floats = NDArray[np.float32]


class OverTime:
    """Means and slopes of F columns, of which the last is kept to its voiced stretches."""

    def __init__(self) -> None:
        self._columns: Floats | None = None  # the frames still needed
        self._n_done = 0  # of these, how many are only neighbours

    def advance(self, columns: Floats, *, ended: bool) -> Floats:
        """Means over three frames and slopes over five of these.

        The slope is that of the regression line, `sum over n = 1, 2 of n (c[t + n] - c[t - n]) /
        10`: The HTK Book (2006), section 5.6.2.

        Args:
            columns: float32 (T, F), of the next frames; the last is voiced where it is above 0.
            ended: nothing follows.

        Returns:
            float32 (n, 2 F), of the frames whose neighbours are all known by now, following on
            those of the last call.
        """
        if self._columns is not None:
            columns = np.concatenate([self._columns, columns])
        stop = len(columns) if ended else max(self._n_done, len(columns) - LOOK_AHEAD)
        n_columns = columns.shape[1]
        values = np.empty((stop - self._n_done, 2 * n_columns), np.float32)
        alike = np.ones(len(columns), np.bool_)
        _fill(columns, (0, n_columns - 1), alike, self._n_done, values)
        _fill(columns, (n_columns - 1, n_columns), columns[:, -1] > 0, self._n_done, values)
        kept = max(0, stop - LOOK_AHEAD)
        self._columns, self._n_done = columns[kept:], stop - kept
        return values


@compiled
def _fill(
    columns: Floats, some: tuple[int, int], kind: NDArray[np.bool_], first: int, values: Floats
) -> None:
    """Fill some columns of the frames from `first` on; neighbours are only frames of one kind."""
    n_columns = columns.shape[1]
    smooth = np.empty(columns.shape, np.float32)
    for t in range(len(columns)):
        before, after = _next(kind, t, -1), _next(kind, t, 1)
        for c in range(some[0], some[1]):
            smooth[t, c] = (columns[t, c] + columns[before, c] + columns[after, c]) / 3
    for n in range(len(values)):
        t = first + n
        before, after = _next(kind, t, -1), _next(kind, t, 1)
        far_before, far_after = _next(kind, before, -1), _next(kind, after, 1)
        for c in range(some[0], some[1]):
            near = smooth[after, c] - smooth[before, c]
            far = smooth[far_after, c] - smooth[far_before, c]
            values[n, c], values[n, n_columns + c] = smooth[t, c], (near + 2 * far) / 10


@compiled
def _next(kind: NDArray[np.bool_], t: int, by: int) -> int:
    """The neighbour of a frame, itself where that lies beyond an end or is of another kind."""
    there = t + by
    return there if 0 <= there < len(kind) and kind[there] == kind[t] else t
