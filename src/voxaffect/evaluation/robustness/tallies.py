"""Right answers by condition, speaker and class: what accuracies under any weights come from.

A bootstrap over speakers weighs every speaker by how often it is drawn. Counts by speaker are all
that is needed for that: no answer is looked at twice.

Letters: B draws, F folds, K conditions, S speakers, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.evaluation.experiment.results import FoldResult
from voxaffect.evaluation.measures.means import mean_known, ratio
from voxaffect.evaluation.measures.resampling import speaker_weights
from voxaffect.features.store.degraded import parted
from voxaffect.taxonomy import EMOTION

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tally:
    """One system's answers on one fold.

    Args:
        fold: its name.
        test: the test set that it belongs to, a row of the tables.
        speakers: those under test, S of them.
        n: utterances (S, C).
        right: right answers of each seed (N, K, S, C); what has no answer is not right.
    """

    fold: str
    test: str
    speakers: tuple[str, ...]
    n: Counts
    right: Counts

    def accuracies(self, weights: Floats) -> Floats:
        """Unweighted accuracy of each seed (N, B, K), NaN where nobody has any weight.

        Args:
            weights: how much each speaker counts in every draw (B, S).
        """
        n = (weights @ self.n)[:, None]  # (B, 1, C)
        return mean_known(ratio(np.einsum("bs,nksc->nbkc", weights, self.right), n))

    def chance(self, weights: Floats) -> Floats:
        """Accuracy of guessing among the classes that have weight (B,), NaN where there is none."""
        return ratio(1, np.count_nonzero(weights @ self.n, axis=1))


def tally(
    results: Sequence[FoldResult], conditions: Sequence[str], speaker_of: Mapping[str, str]
) -> Tally:
    """Count one system's answers on one fold.

    Args:
        results: one a seed; ids are those of `condition_id`.
        conditions: K names, clean speech first, under which every utterance is heard.
        speaker_of: utterance id -> speaker.
    """
    names = [parted(name) for name in results[0].ids]
    heard = [i for condition, i in names if condition == conditions[0]]
    speakers = tuple(sorted({speaker_of[i] for i in heard}))
    place = {speaker: s for s, speaker in enumerate(speakers)}
    number = {condition: k for k, condition in enumerate(conditions)}
    cells = (
        np.array([number[condition] for condition, _ in names]),
        np.array([place[speaker_of[i]] for _, i in names]),
    )
    shape = (len(conditions), len(speakers), EMOTION.n_classes)
    right = np.zeros((len(results), *shape), np.int64)
    total = np.zeros(shape, np.int64)
    np.add.at(total, (*cells, results[0].y_true), 1)
    for n, result in enumerate(results):
        np.add.at(right[n], (*cells, result.y_true), result.y_pred == result.y_true)
    return Tally(results[0].fold, results[0].corpus, speakers, total[0], right)


def accuracies(tallies: Sequence[Tally], weights: Floats, speakers: Sequence[str]) -> Floats:
    """UA of a system under every condition (B, K): mean over folds, then over test sets.

    Seeds are averaged within a fold. A fold counts as often as its speakers are drawn on average.

    Args:
        tallies: one a fold.
        weights: of all speakers (B, S).
        speakers: their names.
    """
    return _over_tests(tallies, weights, speakers, lambda t, w: t.accuracies(w).mean(axis=0))


def chance(tallies: Sequence[Tally], weights: Floats, speakers: Sequence[str]) -> Floats:
    """UA of guessing (B,), averaged in the same way."""
    return _over_tests(tallies, weights, speakers, lambda t, w: t.chance(w)[:, None])[:, 0]


def resample(speakers: Sequence[str], n_draws: int, seed: int) -> Floats:
    """How much each speaker weighs (n_draws + 1, S): as much as any at first, then at random."""
    return np.concatenate([np.ones((1, len(speakers))), speaker_weights(speakers, n_draws, seed)])


def _over_tests(
    tallies: Sequence[Tally],
    weights: Floats,
    speakers: Sequence[str],
    measure: Callable[[Tally, Floats], Floats],
) -> Floats:
    """Mean over folds, then over test sets, of what is measured of each fold (B, M)."""
    place = {speaker: s for s, speaker in enumerate(speakers)}
    tests: dict[str, Mean] = {}
    for fold in tallies:
        own = weights[:, [place[speaker] for speaker in fold.speakers]]
        tests.setdefault(fold.test, Mean()).add(measure(fold, own), own.mean(axis=1))
    together = Mean()
    for test in tests.values():
        together.add(test.values(), (test.weight > 0).astype(np.float64)[:, 0])
    return together.values()


class Mean:
    """A weighted mean of arrays (B, M) that come one after another, each with weights (B,)."""

    def __init__(self) -> None:
        self.total: Floats = np.zeros((1, 1))
        self.weight: Floats = np.zeros((1, 1))

    def add(self, values: Floats, weights: Floats) -> None:
        """One more; where it has no weight, it may be NaN."""
        self.total = self.total + np.where(weights[:, None] > 0, values, 0.0) * weights[:, None]
        self.weight = self.weight + weights[:, None]

    def values(self) -> Floats:
        """The mean so far, NaN where nothing has had any weight."""
        return ratio(self.total, self.weight)
