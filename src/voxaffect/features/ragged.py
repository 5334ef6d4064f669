"""Rows of many recordings end to end, so that one call works on all of them.

Letters: U recordings, M rows of all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


class Ragged(NamedTuple):
    """Rows of U recordings.

    Args:
        rows: (M, ...), recording after recording.
        counts: int64 (U,), how many of each.
    """

    rows: NDArray[Any]
    counts: Counts

    @classmethod
    def following(cls, kept: Sequence[NDArray[Any]], new: Sequence[NDArray[Any]]) -> Ragged:
        """What was kept of each recording, and its new rows after that."""
        pairs = [part for pair in zip(kept, new, strict=True) for part in pair]
        return cls(np.concatenate(pairs), counts_of(kept) + counts_of(new))

    @classmethod
    def with_room(cls, kept: Sequence[NDArray[Any]], n: Counts) -> Ragged:
        """What was kept of each recording, and room for n rows, zeros, after that."""
        n_kept = counts_of(kept)
        known = np.concatenate(kept)
        room = cls(np.zeros((len(known) + n.sum(), *known.shape[1:]), known.dtype), n_kept + n)
        room.rows[room.places(np.zeros_like(n), n_kept)] = known
        return room

    def heads(self, n: Counts) -> NDArray[Any]:
        """The first so many rows of each recording, (n.sum(), ...)."""
        heads: NDArray[Any] = self.rows[self.places(np.zeros_like(n), n)]
        return heads

    def tails(self, n: Counts) -> list[NDArray[Any]]:
        """The last so many rows of each recording, as copies that keep no other in memory."""
        ends = np.cumsum(self.counts)
        borders = zip((ends - n).tolist(), ends.tolist(), strict=True)
        return [self.rows[begin:end].copy() for begin, end in borders]

    def split(self) -> list[NDArray[Any]]:
        """The rows of each recording, views."""
        ends = np.cumsum(self.counts)
        borders = zip((ends - self.counts).tolist(), ends.tolist(), strict=True)
        return [self.rows[begin:end] for begin, end in borders]

    def places(self, first: Counts, n: Counts) -> Counts:
        """Where so many rows of each recording lie, from its row `first` on."""
        start = np.cumsum(self.counts) - self.counts + first
        within = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        places: Counts = np.repeat(start, n) + within
        return places


def counts_of(parts: Sequence[NDArray[Any]]) -> Counts:
    """Lengths of arrays, int64 (U,)."""
    return np.fromiter(map(len, parts), np.int64, len(parts))
