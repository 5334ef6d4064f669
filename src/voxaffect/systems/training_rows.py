"""Rows to train on, with what is known of each, and parts of them that are left out in turn.

What is to work on corpora or voices that it has not heard is chosen on corpora or voices that were
left out (cross-validation): a dev set shares its corpora with the training set, and flatters
machines that know them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.model.data import Examples

Mask = NDArray[np.bool_]

N_PARTS = 5  # of the speakers, where all are of one corpus


@dataclass(frozen=True)
class TrainingRows:
    """Standardized rows of N utterances; groups, speakers and weights as those of `Examples`."""

    rows: NDArray[np.float64]  # (N, K)
    target: NDArray[np.int64]  # (N,), emotion classes
    groups: NDArray[np.int64] | None
    speakers: NDArray[np.int64] | None
    weights: NDArray[np.float64] | None

    @classmethod
    def of(
        cls, rows: NDArray[np.float64], target: NDArray[np.int64], train: Examples
    ) -> TrainingRows:
        """Rows of examples."""
        return cls(rows, target, train.groups, train.speakers, train.weights)

    def select(self, some: Mask) -> TrainingRows:
        """The rows of a mask (N,)."""
        each = (self.rows, self.target, self.groups, self.speakers, self.weights)
        rows, target, *others = (None if of is None else of[some] for of in each)
        assert rows is not None  # noqa: S101 for the type checker
        assert target is not None  # noqa: S101 for the type checker
        return TrainingRows(rows, target, *others)

    def left_out(self) -> Iterator[tuple[TrainingRows, TrainingRows]]:
        """What is left, and what is left out and no copy: each corpus, or parts of the speakers.

        None where neither corpora nor speakers are known.
        """
        known = [of for of in (self.groups, self.speakers) if of is not None and len({*of}) > 1]
        if not known:
            return
        units, numbers = np.unique(known[0], return_inverse=True)
        if known[0] is self.speakers and units.size > N_PARTS:
            numbers %= N_PARTS
        is_copy = np.zeros(numbers.size, np.bool_) if self.weights is None else self.weights < 1
        for number in np.unique(numbers):
            left, tested = self.select(numbers != number), (numbers == number) & ~is_copy
            if np.unique(left.target).size > 1 and tested.any():
                yield left, self.select(tested)
