"""Is one system better than another, or did the pairs fall that way?

Two systems are scored on the same units (folds, speakers or corpora), which makes pairs.

Sources: Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1, 1945, with
the exact distribution also where ranks tie; Kerby, "The simple difference formula", Comprehensive
Psychology 3, 2014; Holm, Scandinavian Journal of Statistics 6, 1979.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr
from scipy.stats import rankdata, sem

from voxaffect.errors import FoldError

Floats = NDArray[np.float64]

LEVEL = 0.05
"""The paper's level of significance."""

DECIMALS = 12
"""Differences that agree to so many decimals are ties; beyond it is the noise of summation."""

EXACT_PAIRS = 500
"""Differing pairs up to which p is exact. Beyond, the normal distribution agrees to a thousandth
and takes no time; its variance is that of the ranks as they tie."""


@dataclass(frozen=True)
class PairedTest:
    """Two-sided Wilcoxon signed-rank test of first minus second.

    Args:
        statistic: the smaller of the rank sums of positive and of negative differences.
        p_value: probability of a statistic as small or smaller if signs were random.
        n_pairs: pairs compared.
        n_better: pairs in which the first is ahead.
        n_worse: pairs in which it is behind; where the two are equal a pair says nothing.
        mean_difference: mean over all pairs, positive where the first is better.
        error: standard error of that mean, None of a single pair.
        median_difference: median over all pairs, positive where the first is better.
        rank_biserial: matched-pairs rank-biserial correlation (Kerby 2014), the effect size: the
            rank sum in favor of the first less that against it, as a share of both; from 1, all
            pairs favor the first, to -1. It is 0 where no pair differs.
    """

    statistic: float
    p_value: float
    n_pairs: int
    n_better: int
    n_worse: int
    mean_difference: float
    error: float | None
    median_difference: float
    rank_biserial: float

    @property
    def n_nonzero(self) -> int:
        """Pairs that differ."""
        return self.n_better + self.n_worse

    @property
    def least_p(self) -> float:
        """The p-value had all pairs that differ agreed: 2 / 2^n."""
        return float(min(1.0, 2.0 ** (1 - self.n_nonzero)))

    @property
    def reachable(self) -> bool:
        """Whether so few differences could reach the level at all."""
        return self.least_p <= LEVEL

    @property
    def significant(self) -> bool:
        """Whether the p-value is at or below the level."""
        return self.p_value <= LEVEL


def wilcoxon(
    first: Mapping[str, Sequence[float]], second: Mapping[str, Sequence[float]]
) -> PairedTest:
    """Compare two systems, pair by pair.

    Args:
        first: unit -> scores of one system, one a seed; seeds are averaged, as runs on the same
            data are no independent evidence. A unit is a fold, a speaker or a corpus.
        second: the same units of the other system.

    Raises:
        FoldError: the systems were not scored on the same units, or on none.
    """
    if not first or first.keys() != second.keys():
        odd = sorted(first.keys() ^ second.keys())
        raise FoldError(
            "paired comparison needs the same folds, speakers or corpora of both systems, at "
            f"least one; {', '.join(odd) or 'nothing'} is scored for one or none of them"
        )
    gains = [fmean(first[unit]) - fmean(second[unit]) for unit in sorted(first)]
    differences = np.round(np.array(gains), DECIMALS)
    signed = differences[differences != 0]
    ranks = rankdata(np.abs(signed))
    better, worse = (float(ranks[side].sum()) for side in (signed > 0, signed < 0))
    statistic = min(better, worse)
    return PairedTest(
        statistic=statistic,
        p_value=min(1.0, 2 * _tail(ranks, statistic)),
        n_pairs=differences.size,
        n_better=int((signed > 0).sum()),
        n_worse=int((signed < 0).sum()),
        mean_difference=float(differences.mean()),
        error=float(sem(differences)) if differences.size > 1 else None,
        median_difference=float(np.median(differences)),
        rank_biserial=(better - worse) / (better + worse) if signed.size else 0.0,
    )


def holm(p_values: ArrayLike) -> Floats:
    """Holm's correction for several tests: p-values (M,) adjusted, in the order given.

    The k-th smallest of M is multiplied by M - k + 1, and never falls below the one before it.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    steps = p[order] * np.arange(p.size, 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted


def _tail(ranks: Floats, statistic: float) -> float:
    """Probability that ranks with random signs have a positive sum of at most `statistic`."""
    if ranks.size > EXACT_PAIRS:
        deviation = np.sqrt((ranks**2).sum()) / 2
        return float(ndtr((statistic - ranks.sum() / 2) / deviation))
    return _exact_tail(ranks, statistic)


def _exact_tail(ranks: Floats, statistic: float) -> float:
    """The same, counted.

    Ranks that tie are halves, so that sums of doubled ranks are whole; adding a rank splits every
    sum's probability between leaving it and moving it up by the rank. Sums never shrink: those
    beyond the statistic need not be kept.
    """
    probability = np.zeros(round(2 * statistic) + 1)
    probability[0] = 1.0
    for rank in np.rint(2 * ranks).astype(np.int64):
        probability[rank:] += probability[:-rank]
        probability /= 2
    return float(probability.sum())
