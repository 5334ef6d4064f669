"""How far a pooled UA could lie from what other speakers of the same corpora would give.

Speakers are drawn as in `resampling.py`. Seeds of nets are averaged in every tally, so they never
count as samples.

What is defined where data are thin: with fewer than `MIN_FREEDOM` there is no interval. A class
that a resample lost is left out of its mean over classes, as UA leaves out any class that a test
set lacks; `Interval.lost` says how often. The only speaker of a corpus is in every resample.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from voxaffect.evaluation.measures.means import mean_known
from voxaffect.evaluation.measures.resampling import MIN_FREEDOM, freedom, speaker_weights, tail
from voxaffect.evaluation.scores.tallies import Cell, Floats, Tallies, total, unweighted_accuracy

N_RESAMPLES = 4000


@dataclass(frozen=True)
class Interval:
    """A 95 % interval of a pooled UA, or of a difference of two.

    Args:
        value: of all speakers, each once.
        low: lower end.
        high: upper end.
        n_speakers: speakers drawn from.
        lost: share of resamples that lost a class which a test set has.
    """

    value: float
    low: float
    high: float
    n_speakers: int
    lost: float

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference of nothing lies outside."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Pool:
    """Speakers of one or more test sets, whose pooled UA is averaged over the test sets.

    Args:
        speakers: the S speakers, sorted, qualified by their corpus, `emodb/03`.
        counts: float64 (G, S, 2, C), tallies of each speaker in each of G test sets.
    """

    speakers: tuple[str, ...]
    counts: Floats

    @property
    def freedom(self) -> int:
        """Degrees of freedom: speakers less corpora."""
        return freedom(self.speakers)

    def accuracy(self) -> float:
        """Pooled UA, mean over test sets."""
        return float(unweighted_accuracy(self.counts.sum(axis=1)).mean())


def pool(tests: Iterable[Mapping[str, Floats]]) -> Pool:
    """Speakers of test sets together.

    Args:
        tests: of each test set, speaker -> tally (2, C); at least one utterance each.
    """
    groups = list(tests)
    speakers = tuple(sorted({speaker for group in groups for speaker in group}))
    nothing = np.zeros_like(next(iter(groups[0].values())))
    counts = np.array([[group.get(speaker, nothing) for speaker in speakers] for group in groups])
    return Pool(speakers, counts)


def interval(pooled: Pool, *, seed: int = 0, n_resamples: int = N_RESAMPLES) -> Interval | None:
    """Interval of a pooled UA, None for too few speakers.

    Args:
        pooled: what a system came to.
        seed: decides which speakers are drawn.
        n_resamples: how often they are drawn.
    """
    if pooled.freedom < MIN_FREEDOM:
        return None
    drawn = resample(pooled, seed, n_resamples)
    return _interval(pooled.accuracy(), _accuracies(drawn), pooled, _share_lost(pooled, drawn))


def interval_of_difference(
    first: Pool, second: Pool, *, seed: int = 0, n_resamples: int = N_RESAMPLES
) -> Interval | None:
    """Interval of the pooled UA of one system less that of another, None for too few speakers.

    Every resample has the same speakers for both: what makes a speaker hard cancels out.

    Args:
        first: what one system came to.
        second: what the other came to, on the same utterances.
        seed: decides which speakers are drawn.
        n_resamples: how often they are drawn.
    """
    if first.freedom < MIN_FREEDOM:
        return None
    one, other = (resample(pooled, seed, n_resamples) for pooled in (first, second))
    gains = _accuracies(one) - _accuracies(other)
    return _interval(first.accuracy() - second.accuracy(), gains, first, _share_lost(first, one))


def intervals(
    cells: Tallies, tests: Sequence[str], *, seed: int = 0
) -> dict[tuple[str | None, str], Interval]:
    """Interval of the pooled UA of each system on each test set, and of its mean over all of them.

    Args:
        cells: tallies of the results of one protocol.
        tests: all its test sets; the mean needs each of them.
        seed: decides which speakers are drawn.

    Returns:
        (Test set, None for the mean; system) -> interval, where there is one.
    """
    rows: list[tuple[str | None, Sequence[str]]] = [(test, (test,)) for test in tests]
    rows.append((None, tests))
    found: dict[tuple[str | None, str], Interval] = {}
    for system in sorted({cell.system for cell in cells}):
        for row, names in rows:
            counted = [cells[cell] for name in names if (cell := Cell(name, system)) in cells]
            if len(counted) == len(names):
                pooled = pool(total(folds.values()) for folds in counted)
                if known := interval(pooled, seed=seed):
                    found[row, system] = known
    return found


def resample(pooled: Pool, seed: int, n_resamples: int) -> Floats:
    """Tallies of the test sets (B, G, 2, C) in B resamples of the speakers.

    Args:
        pooled: speakers and their tallies.
        seed: with the same speakers, the same seed draws the same.
        n_resamples: B.
    """
    weights = speaker_weights(pooled.speakers, n_resamples, seed)
    return np.tensordot(weights, pooled.counts, axes=(1, 1))


def _accuracies(drawn: Floats) -> Floats:
    """Pooled UA of each resample (B,): mean over the test sets that it has."""
    return mean_known(unweighted_accuracy(drawn))


def _share_lost(pooled: Pool, drawn: Floats) -> float:
    """Share of resamples that lost a class of a test set."""
    tested = pooled.counts[:, :, 1].sum(axis=1) > 0
    return float(((drawn[:, :, 1] == 0) & tested).any(axis=(1, 2)).mean())


def _interval(value: float, resampled: Floats, pooled: Pool, lost: float) -> Interval:
    """Percentiles of the resamples, at the normal distribution's tail beyond Student's quantile."""
    beyond = tail(pooled.freedom)
    low, high = np.quantile(resampled, [beyond, 1 - beyond])
    return Interval(value, float(low), float(high), len(pooled.speakers), lost)
