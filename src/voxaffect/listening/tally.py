"""Functionals of posteriors that are updated, not computed again, as frames come.

Letters: U utterances, M frames of all of them end to end, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float64]
"""One utterance's five, side by side: float64 (4 C + 1,) holds each of them exactly."""


class Tally(NamedTuple):
    """What the functionals of U utterances are made of (`voxaffect.utterance.functionals`).

    Args:
        highest: float32 (U, C), greatest posterior of each class; -inf before the first frame.
        lowest: float32 (U, C), least.
        total: float64 (U, C), sum.
        above: int64 (U, C), frames beyond the threshold.
        n_frames: int64 (U,).
    """

    highest: NDArray[np.float32]
    lowest: NDArray[np.float32]
    total: NDArray[np.float64]
    above: NDArray[np.int64]
    n_frames: NDArray[np.int64]

    @classmethod
    def nothing(cls, n_utterances: int, n_classes: int) -> Tally:
        """Of utterances without a frame."""
        shape = n_utterances, n_classes
        return cls(
            np.full(shape, -np.inf, np.float32),
            np.full(shape, np.inf, np.float32),
            np.zeros(shape),
            np.zeros(shape, np.int64),
            np.zeros(n_utterances, np.int64),
        )

    @classmethod
    def of(
        cls, posteriors: NDArray[np.float32], counts: NDArray[np.int64], threshold: float
    ) -> Tally:
        """Of posteriors (M, C), of which the first `counts[0]` are the first utterance's."""
        tally = cls.nothing(len(counts), posteriors.shape[1])
        some = np.flatnonzero(counts)
        if some.size:
            starts = (np.cumsum(counts) - counts)[some]
            beyond = posteriors > np.float32(threshold)
            tally.highest[some] = np.maximum.reduceat(posteriors, starts)
            tally.lowest[some] = np.minimum.reduceat(posteriors, starts)
            tally.total[some] = np.add.reduceat(posteriors, starts, dtype=np.float64)
            tally.above[some] = np.add.reduceat(beyond, starts, dtype=np.int64)
            tally.n_frames[some] = counts[some]
        return tally

    def rows(self) -> list[Row]:
        """Each utterance by itself, as a copy that keeps none of the others in memory."""
        return [row.copy() for row in np.column_stack(self)]

    @classmethod
    def of_rows(cls, rows: Sequence[Row]) -> Tally:
        """The utterances of some rows."""
        table = np.stack(rows)
        highest, lowest, total, above = np.split(table[:, :-1], 4, axis=1)
        return cls(
            highest.astype(np.float32),
            lowest.astype(np.float32),
            total,
            above.astype(np.int64),
            table[:, -1].astype(np.int64),
        )

    def merged(self, following: Tally) -> Tally:
        """With the frames that follow in each utterance."""
        return Tally(
            np.maximum(self.highest, following.highest),
            np.minimum(self.lowest, following.lowest),
            self.total + following.total,
            self.above + following.above,
            self.n_frames + following.n_frames,
        )

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean posteriors, (U, C)."""
        return self.total / np.maximum(self.n_frames, 1)[:, None]

    def functionals(self, columns: NDArray[np.int64]) -> NDArray[np.float32]:
        """Four functionals of some classes, float32 (U, 4 columns), of utterances with frames."""
        share = self.above / np.maximum(self.n_frames, 1)[:, None]
        four = np.stack([self.highest, self.lowest, self.mean, share], axis=2)[:, columns]
        return four.reshape(len(four), -1).astype(np.float32)
