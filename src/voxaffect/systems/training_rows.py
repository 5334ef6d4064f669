"""Rows to train on, with what is known of each, and parts of them that are left out in turn.

What is to work on corpora or voices that it has not heard is chosen on corpora or voices that were
left out (cross-validation): a dev set shares its corpora with the training set, and flatters
machines that know them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.model.data import Examples

Mask = NDArray[np.bool_]

N_PARTS = 5  # of the speakers, where all are of one corpus


@dataclass(frozen=True)
class TrainingRows:
    """Rows of N utterances; groups and speakers as those of `Examples`."""

    rows: NDArray[np.float64]  # (N, K), not standardized
    target: NDArray[np.int64]  # (N,), emotion classes
    groups: NDArray[np.int64] | None
    speakers: NDArray[np.int64] | None
    weights: NDArray[np.float64]  # (N,), 1 for an utterance, less for a copy

    @classmethod
    def of(
        cls, rows: NDArray[np.float64], target: NDArray[np.int64], known: Examples
    ) -> TrainingRows:
        """Rows of examples."""
        weights = np.ones(target.size) if known.weights is None else known.weights
        return cls(rows, target, known.groups, known.speakers, weights)

    def select(self, some: Mask) -> TrainingRows:
        """The rows of a mask (N,)."""
        groups, speakers = (None if of is None else of[some] for of in (self.groups, self.speakers))
        return TrainingRows(
            self.rows[some], self.target[some], groups, speakers, self.weights[some]
        )

    def clean(self) -> TrainingRows:
        """The rows that are no copies."""
        return self.select(self.weights >= 1)

    def with_more(self, other: TrainingRows) -> TrainingRows:
        """These rows and others, of which the same is known."""

        def both(one: NDArray[np.int64] | None, more: NDArray[np.int64] | None) -> Any:
            return None if one is None or more is None else np.concatenate([one, more])

        return TrainingRows(
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.target, other.target]),
            both(self.groups, other.groups),
            both(self.speakers, other.speakers),
            np.concatenate([self.weights, other.weights]),
        )

    def left_out(self) -> Iterator[tuple[TrainingRows, TrainingRows]]:
        """What is left, and what is left out and no copy: each corpus, or parts of the speakers.

        Nothing where neither corpora nor speakers are known.
        """
        known = [of for of in (self.groups, self.speakers) if of is not None and len({*of}) > 1]
        if not known:
            return
        units, numbers = np.unique(known[0], return_inverse=True)
        if known[0] is self.speakers and units.size > N_PARTS:
            numbers %= N_PARTS
        for number in np.unique(numbers):
            left, out = self.select(numbers != number), self.select(numbers == number).clean()
            if np.unique(left.target).size > 1 and out.target.size:
                yield left, out
