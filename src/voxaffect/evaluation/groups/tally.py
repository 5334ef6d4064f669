"""Answers counted by speaker, seed, group and class: all that accuracies of groups need.

Letters: S speakers, R seeds, G groups, C classes. Several seeds' answers to one utterance are
averaged, never counted as several utterances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import ArtefactError
from voxaffect.evaluation.experiment.results import FoldResult
from voxaffect.evaluation.groups.kinds import Kind
from voxaffect.evaluation.measures.means import mean_known, ratio
from voxaffect.taxonomy import EMOTION

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Answers:
    """All answers of one system in one protocol, M of them, over folds and seeds.

    Args:
        rows: int64 (M,), number of the utterance in the run's table of facts.
        seeds: int64 (M,), number of the seed.
        truth: int64 (M,), emotion class.
        right: float64 (M,), 1 where the answer is the truth.
    """

    rows: Rows
    seeds: Rows
    truth: Rows
    right: Floats

    @classmethod
    def of(cls, results: Sequence[FoldResult], row_of: Mapping[str, int]) -> Answers:
        """Answers of one system's results.

        Raises:
            ArtefactError: an utterance has no row.
        """
        numbers = {seed: n for n, seed in enumerate(sorted({r.seed for r in results}))}
        return cls(
            rows=np.concatenate([_rows(r, row_of) for r in results]),
            seeds=np.concatenate([np.full(len(r.ids), numbers[r.seed]) for r in results]),
            truth=np.concatenate([r.y_true for r in results]),
            right=np.concatenate([r.y_true == r.y_pred for r in results]).astype(np.float64),
        )


def _rows(result: FoldResult, row_of: Mapping[str, int]) -> Rows:
    try:
        return np.array([row_of[i] for i in result.ids], np.int64)
    except KeyError as fault:
        raise ArtefactError(
            f"{result.fold}: utterance {fault} is not in the run's utterances.csv; repeat the run, "
            "which keeps its results"
        ) from fault


@dataclass(frozen=True, eq=False)
class Tally:
    """Answers counted.

    Args:
        right: float64 (S, R, G, C), right answers.
        total: float64 (S, R, G, C), answers.
        n_utterances: int64 (G,), different utterances of each group.
    """

    right: Floats
    total: Floats
    n_utterances: Rows

    @classmethod
    def of(cls, answers: Answers, speakers: Rows, kind: Kind) -> Tally:
        """Answers counted by the groups of a kind.

        Args:
            answers: of one system.
            speakers: int64 (N,), number of every utterance's speaker.
            kind: sorts the same N utterances.
        """
        _, speaker = np.unique(speakers[answers.rows], return_inverse=True)
        group = kind.members[answers.rows]
        shape = (speaker.max() + 1, answers.seeds.max() + 1, len(kind.groups), EMOTION.n_classes)
        cell = np.ravel_multi_index((speaker, answers.seeds, group, answers.truth), shape)
        size = int(np.prod(shape))
        return cls(
            right=np.bincount(cell, answers.right, size).astype(np.float64).reshape(shape),
            total=np.bincount(cell, minlength=size).reshape(shape).astype(np.float64),
            n_utterances=np.bincount(
                kind.members[np.unique(answers.rows)], minlength=len(kind.groups)
            ),
        )

    @property
    def n_speakers(self) -> Rows:
        """Speakers of each group, int64 (G,)."""
        found: Rows = np.count_nonzero(self.total.sum(axis=(1, 3)), axis=0)
        return found

    @property
    def n_classes(self) -> Rows:
        """Classes that each group has, int64 (G,)."""
        found: Rows = np.count_nonzero(self.total.sum(axis=(0, 1)), axis=1)
        return found

    def recalls(self) -> Floats:
        """Recall of each class in each group (G, C), mean over seeds; NaN for a class it lacks."""
        return mean_known(ratio(self.right.sum(axis=0), self.total.sum(axis=0)), axis=0)

    def accuracies(self) -> Floats:
        """Unweighted accuracy of each group (G,), mean over seeds; NaN for an empty one."""
        return accuracy(self.right.sum(axis=0), self.total.sum(axis=0))

    def resampled(self, weights: Floats) -> Floats:
        """The same with speakers drawn anew.

        Args:
            weights: (B, S), how often each of B draws holds each speaker.

        Returns:
            (B, G), NaN where a draw holds nobody of a group.
        """
        return accuracy(np.tensordot(weights, self.right, 1), np.tensordot(weights, self.total, 1))


def accuracy(right: Floats, total: Floats) -> Floats:
    """Mean recall over classes, then over seeds: (..., R, G, C) -> (..., G).

    A class or a seed without an answer is left out of its mean; where there is none at all the
    accuracy is NaN.
    """
    return mean_known(mean_known(ratio(right, total), axis=-1), axis=-2)
