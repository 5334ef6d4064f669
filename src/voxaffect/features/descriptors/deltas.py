"""Smoothing and derivatives over time, of recordings that come piece by piece.

Beyond the ends of a recording its edge frames repeat. A column may be kept to stretches of frames:
then what repeats beyond a stretch's ends is the stretch's own edge value.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.compiled import compiled
from voxaffect.features.ragged import Counts, Ragged

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
        return smooth_together([self], [columns], ended=ended).rows


def smooth_together(
    several: Sequence[OverTime], columns: Sequence[Floats], *, ended: bool
) -> Ragged:
    """`OverTime.advance` of U recordings, to the same values at less cost.

    Args:
        several: the recordings.
        columns: U times float32 (T, F).
        ended: nothing follows, of none of them.

    Returns:
        float32 rows (n, 2 F).
    """
    kept = [
        c[:0] if o._columns is None else o._columns for o, c in zip(several, columns, strict=True)
    ]
    known = Ragged.following(kept, columns)
    n_done = np.array([one._n_done for one in several])
    stop = known.counts if ended else np.maximum(n_done, known.counts - LOOK_AHEAD)
    values = np.empty(((stop - n_done).sum(), 2 * known.rows.shape[1]), np.float32)
    _fill_each(known.rows, known.counts, n_done, stop, values)
    n_past = np.maximum(0, stop - LOOK_AHEAD)
    left, n_only_near = known.tails(known.counts - n_past), (stop - n_past).tolist()
    for one, own, n in zip(several, left, n_only_near, strict=True):
        one._columns, one._n_done = own, n
    return Ragged(values, stop - n_done)


@compiled
def _fill_each(
    columns: Floats, n_all: Counts, n_done: Counts, stop: Counts, values: Floats
) -> None:
    """Fill in the values of recordings end to end, of each from frame `n_done` to `stop`."""
    n_columns = columns.shape[1]
    begin, filled = 0, 0
    for u in range(len(n_all)):
        end, full = begin + n_all[u], filled + stop[u] - n_done[u]
        own, room = columns[begin:end], values[filled:full]
        alike = np.ones(len(own), np.bool_)
        _fill(own, (0, n_columns - 1), alike, n_done[u], room)
        _fill(own, (n_columns - 1, n_columns), own[:, -1] > 0, n_done[u], room)
        begin, filled = end, full


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
