"""Is one system better than another, or did the folds fall that way?

Source: Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1, 1945, with the
exact distribution also where ranks tie; Holm, Scandinavian Journal of Statistics 6, 1979.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from voxaffect.errors import FoldError

Floats = NDArray[np.float64]

LEVEL = 0.05
"""The paper's level of significance."""

DECIMALS = 12
"""Differences that agree to so many decimals are ties; beyond it is the noise of summation."""


@dataclass(frozen=True)
class PairedTest:
    """Two-sided Wilcoxon signed-rank test of first minus second.

    Args:
        statistic: the smaller of the rank sums of positive and of negative differences.
        p_value: probability of a statistic as small or smaller if signs were random.
        n_pairs: folds compared.
        n_nonzero: folds in which the two differ; the others say nothing and are left out.
        median_difference: median over all folds, positive where the first is better.
    """

    statistic: float
    p_value: float
    n_pairs: int
    n_nonzero: int
    median_difference: float

    @property
    def reachable(self) -> bool:
        """Whether so few differences could reach the level at all: 2 / 2^n, if all agreed."""
        return bool(2.0 ** (1 - self.n_nonzero) <= LEVEL)

    @property
    def significant(self) -> bool:
        """Whether the p-value is at or below the level."""
        return self.p_value <= LEVEL


def wilcoxon(
    first: Mapping[str, Sequence[float]], second: Mapping[str, Sequence[float]]
) -> PairedTest:
    """Compare two systems, fold by fold.

    Args:
        first: fold -> scores of one system, one a seed; seeds are averaged, as runs on one fold
            are no independent evidence.
        second: the same folds of the other system.

    Raises:
        FoldError: the systems were not scored on the same folds, or on none.
    """
    if not first or first.keys() != second.keys():
        odd = sorted(first.keys() ^ second.keys())
        raise FoldError(
            f"paired comparison needs the same folds of both systems, at least one; "
            f"{', '.join(odd) or 'no fold'} is scored for one or none of them"
        )
    gains = [fmean(first[fold]) - fmean(second[fold]) for fold in sorted(first)]
    differences = np.round(np.array(gains), DECIMALS)
    signed = differences[differences != 0]
    ranks = rankdata(np.abs(signed))
    statistic = float(min(ranks[signed > 0].sum(), ranks[signed < 0].sum()))
    return PairedTest(
        statistic=statistic,
        p_value=min(1.0, 2 * _tail(ranks, statistic)),
        n_pairs=differences.size,
        n_nonzero=signed.size,
        median_difference=float(np.median(differences)),
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
    """Probability that ranks with random signs have a positive sum of at most `statistic`.

    Ranks that tie are halves, so that sums of doubled ranks are whole; adding a rank splits every
    sum's probability between leaving it and moving it up by the rank.
    """
    doubled = np.rint(2 * ranks).astype(np.int64)
    probability = np.zeros(int(doubled.sum()) + 1)
    probability[0] = 1.0
    for rank in doubled:
        moved = np.concatenate([np.zeros(rank), probability[:-rank]])
        probability = (probability + moved) / 2
    return float(probability[: round(2 * statistic) + 1].sum())
