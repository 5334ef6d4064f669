"""Paired significance tests between systems: Wilcoxon signed-rank test and Holm's correction.

Two systems are scored on the same units (folds, speakers or corpora), which makes pairs. Pairs of
speakers ask whether a difference would hold for other speakers of these corpora, pairs of corpora
whether it would hold for other corpora. Two parts of one corpus (`iemocap:natural`,
`iemocap:acted`) share their speakers and count as one corpus.

Sources: Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1, 1945, with
the exact distribution also where ranks tie; Kerby, "The simple difference formula", Comprehensive
Psychology 3, 2014; Holm, Scandinavian Journal of Statistics 6, 1979.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr
from scipy.stats import rankdata, sem

from voxaffect.errors import FoldError
from voxaffect.evaluation.intervals import (
    Interval,
    Pool,
    Tallies,
    bootstrap_interval,
    merge,
    unweighted_accuracy,
)
from voxaffect.evaluation.metrics import Floats, confusion
from voxaffect.evaluation.metrics import unweighted_accuracy as ua_of
from voxaffect.evaluation.results import SINGLE_TASK, ScoreTable, single_task_of
from voxaffect.taxonomy import EMOTION

SIGNIFICANCE = 0.05
"""Level of significance, as in the paper."""

DECIMALS = 12
"""Differences are rounded to so many decimals: what is beyond is rounding noise, not a rank."""

EXACT_PAIRS = 500
"""Most differing pairs for an exact p-value. Beyond, the normal approximation (with the variance of
tied ranks) agrees to a thousandth and takes no time."""


@dataclass(frozen=True)
class PairedTest:
    """Two-sided Wilcoxon signed-rank test of first minus second.

    Args:
        statistic: the smaller of the rank sums of positive and of negative differences.
        p_value: probability of a statistic as small or smaller if signs were random.
        n_better: pairs in which the first is ahead; it is behind in n_worse.
        mean_difference: mean over all pairs, positive where the first is better.
        error: standard error of that mean, None for a single pair.
        rank_biserial: effect size, the matched-pairs rank-biserial correlation (Kerby 2014): from
            1 (all differing pairs favor the first) to -1; 0 where no pair differs.
    """

    statistic: float
    p_value: float
    n_pairs: int
    n_better: int
    n_worse: int
    mean_difference: float
    error: float | None
    rank_biserial: float

    @property
    def least_p(self) -> float:
        """Least p-value that so many differing pairs can reach: 2 / 2^n."""
        return float(min(1.0, 2.0 ** (1 - self.n_better - self.n_worse)))

    @property
    def reachable(self) -> bool:
        """Whether so few differing pairs could be significant at all."""
        return self.least_p <= SIGNIFICANCE


def wilcoxon(
    first: Mapping[str, Sequence[float]], second: Mapping[str, Sequence[float]]
) -> PairedTest:
    """Wilcoxon signed-rank test of two systems.

    Args:
        first: unit (fold, speaker or corpus) -> scores of one system, one a seed; averaged, as
            seeds on the same data are not independent evidence.
        second: the same units of the other system.

    Raises:
        FoldError: the systems were not scored on the same units, or on none.
    """
    if not first or first.keys() != second.keys():
        odd = sorted(first.keys() ^ second.keys())
        raise FoldError(
            f"{', '.join(odd) or 'no fold, speaker or corpus'} is scored for one or none of the "
            "systems; a paired test needs the same ones of both, at least one"
        )
    differences = np.round(
        np.array([fmean(first[unit]) - fmean(second[unit]) for unit in sorted(first)]), DECIMALS
    )
    signed = differences[differences != 0]
    ranks = rankdata(np.abs(signed))
    better, worse = (float(ranks[side].sum()) for side in (signed > 0, signed < 0))
    statistic = min(better, worse)
    return PairedTest(
        statistic=statistic,
        p_value=min(1.0, 2 * _lower_tail(ranks, statistic)),
        n_pairs=differences.size,
        n_better=int((signed > 0).sum()),
        n_worse=int((signed < 0).sum()),
        mean_difference=float(differences.mean()),
        error=float(sem(differences)) if differences.size > 1 else None,
        rank_biserial=(better - worse) / (better + worse) if signed.size else 0.0,
    )


def _lower_tail(ranks: Floats, statistic: float) -> float:
    """Probability that ranks with random signs have a positive sum of at most `statistic`.

    Tied ranks are halves, so sums of doubled ranks are whole; each rank splits every sum's
    probability between leaving it and moving it up. Sums beyond the statistic are dropped.
    """
    if ranks.size > EXACT_PAIRS:
        deviation = np.sqrt((ranks**2).sum()) / 2
        return float(ndtr((statistic - ranks.sum() / 2) / deviation))
    probability = np.zeros(round(2 * statistic) + 1)
    probability[0] = 1.0
    for rank in np.rint(2 * ranks).astype(np.int64):
        probability[rank:] += probability[:-rank]
        probability /= 2
    return float(probability.sum())


def holm(p_values: ArrayLike) -> Floats:
    """Holm's correction for multiple tests: adjusted p-values (M,), in the order given.

    The k-th smallest of M is multiplied by M - k + 1, and never falls below the one before it.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)))
    return adjusted


@dataclass(frozen=True)
class BeforeAfter:
    """Scores of one recognizer before and after adaptation, on the same utterances.

    Args:
        before: unweighted accuracy of all predictions.
        recalls: class -> recall before and after, of the classes present.
        speakers: speaker -> unweighted accuracy before and after.
    """

    n: int
    before: float
    after: float
    recalls: dict[str, tuple[float, float]]
    speakers: dict[str, tuple[float, float]]
    paired: PairedTest


def before_after(
    truth: NDArray[np.int64],
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    speakers: NDArray[np.str_],
) -> BeforeAfter:
    """Compare predictions (N,) of a recognizer as it was and adapted to other speakers."""

    def ua(predicted: NDArray[np.int64], rows: NDArray[np.bool_]) -> float:
        return ua_of(confusion(truth[rows], predicted[rows], EMOTION.n_classes))

    def recall(predicted: NDArray[np.int64], c: int) -> float:
        return float(np.mean(predicted[truth == c] == c))

    everybody, classes = np.ones(truth.size, np.bool_), np.unique(truth)
    rows_of = {str(speaker): speakers == speaker for speaker in np.unique(speakers)}
    by_speaker = {s: (ua(before, rows), ua(after, rows)) for s, rows in rows_of.items()}
    return BeforeAfter(
        n=truth.size,
        before=ua(before, everybody),
        after=ua(after, everybody),
        recalls={EMOTION.classes[c]: (recall(before, c), recall(after, c)) for c in classes},
        speakers=by_speaker,
        paired=wilcoxon(*({name: [ua[k]] for name, ua in by_speaker.items()} for k in (1, 0))),
    )


Unit = Literal["folds", "speakers", "corpora"]
"""What makes a pair. A fold of `within` is a speaker."""

Scores = dict[str, list[float]]
"""Unit -> UA, one a seed or averaged over seeds."""

Pairs = Sequence[tuple[str, str]]
"""Systems to compare: reference, system."""

BASELINE, MEAN = "svm", "mean"


def units(table: ScoreTable, tallies: Tallies, test: str | None) -> tuple[Unit, ...]:
    """Units that can be paired on a test set, or on all of a protocol; the main one first.

    Within corpora the question is about other speakers, across corpora about other corpora. Where
    speakers are not known folds stand in, if a test set has several.
    """
    tests = table.tests if test is None else (test,)
    within = table.protocol == "within"
    known = all((name, system) in tallies for name in tests for system in table.on(name))
    if len({corpus_of(name) for name in tests}) > 1:
        if within:
            return ("speakers", "corpora")
        return ("corpora", "speakers") if known else ("corpora",)
    if test is not None and table.n_folds(test) == 1 and (within or not known):
        return ()
    return ("speakers",) if within or known else ("folds",)


def corpus_of(test: str) -> str:
    """Corpus of a test set: `iemocap` of `iemocap:natural`."""
    return test.partition(":")[0]


def default_pairs(systems: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pairs (reference, system) of the systems given.

    Each multi-task net with the single-task net of the same trunk; each variant with what it
    varies, `lstm-mtl-rates` with `lstm-mtl`; each single-task net with the one without an extreme
    learning machine; each system with the SVM.
    """
    multi_task = [(single_task_of(s), s) for s in systems if s != single_task_of(s)]
    variants = [(system.rpartition("-")[0], system) for system in systems]
    trunks = [system.partition("-")[0] for system in systems]
    without_elm = [(f"{trunk}-{MEAN}", f"{trunk}-{SINGLE_TASK}") for trunk in trunks]
    baseline = [(BASELINE, system) for system in systems if system != BASELINE]
    found = dict.fromkeys((*multi_task, *variants, *without_elm, *baseline))
    return tuple((a, b) for a, b in found if a in systems and b in systems)


@dataclass(frozen=True)
class PairedScores:
    """Two systems on one test set, or on all of a protocol (None), on the folds that both have."""

    table: ScoreTable
    tallies: Tallies
    test: str | None
    reference: str
    system: str

    @property
    def folds(self) -> dict[str, str]:
        """Fold that both have -> its test set."""
        found: dict[str, str] = {}
        for test in self.table.tests if self.test is None else (self.test,):
            first, second = (self.table.get(test, name) for name in (self.system, self.reference))
            if first and second:
                shared = first.matrices.keys() & second.matrices.keys()
                found |= dict.fromkeys(sorted(shared), test)
        return found

    def paired(self, unit: Unit) -> tuple[Scores, Scores]:
        """Unit -> UA of the system, and of the reference."""
        scores = self._by_corpus if unit == "corpora" else self._by_fold
        if unit == "speakers" and self.table.protocol != "within":
            scores = self._by_speaker
        return scores(self.system), scores(self.reference)

    def pooled_gain(self) -> Interval | None:
        """Interval of the difference of pooled UA, None where speakers are few or not known."""
        above, below = self._pool(self.system), self._pool(self.reference)
        return bootstrap_interval(above, below) if above and below else None

    def _by_fold(self, system: str) -> Scores:
        scores = self.table.by_fold(system, self.test)
        return {fold: scores[fold] for fold in self.folds}

    def _by_corpus(self, system: str) -> Scores:
        """Corpus -> mean UA over its folds; parts of a corpus are folds of it."""
        grouped: dict[str, list[float]] = defaultdict(list)
        scores = self._by_fold(system)
        for fold, test in self.folds.items():
            grouped[corpus_of(test)].append(fmean(scores[fold]))
        return {corpus: [fmean(means)] for corpus, means in grouped.items()}

    def _by_speaker(self, system: str) -> Scores:
        """Speaker -> UA of all utterances of the speaker in the folds."""
        each = merge(self.tallies[test, system][fold] for fold, test in self.folds.items())
        return {speaker: [float(unweighted_accuracy(counts))] for speaker, counts in each.items()}

    def _pool(self, system: str) -> Pool | None:
        """Speakers of all test sets, None where those of one are not known."""
        folds: dict[str, list[str]] = defaultdict(list)
        for fold, test in self.folds.items():
            folds[test].append(fold)
        if not folds or any((test, system) not in self.tallies for test in folds):
            return None
        return Pool.of(
            merge(self.tallies[test, system][fold] for fold in names)
            for test, names in folds.items()
        )


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same folds.

    Args:
        test: the test set, None for all of the protocol together.
        n_better: units on which `system` has the higher UA.
        below: UA of `reference`, mean over units; `above` is that of `system`.
        difference: UA of `system` minus that of `reference`, mean over units.
        effect: matched-pairs rank-biserial correlation, from 1 (`system` is ahead on every unit
            that differs) to -1; 0 where none differs.
        p: two-sided, Wilcoxon signed-rank.
        p_holm: the same, after Holm's correction over the family.
        n_family: comparisons corrected for together: all on the same test set by the same unit.
        reachable: whether p_holm could be <= .05 at all, had all units that differ agreed in every
            comparison of the family.
        pooled: difference of pooled UA, mean over test sets, with its interval over speakers; None
            where speakers are too few or not known.
    """

    protocol: str
    test: str | None
    reference: str
    system: str
    unit: Unit
    n_pairs: int
    n_better: int
    n_worse: int
    below: float
    above: float
    difference: float
    effect: float
    p: float
    p_holm: float
    n_family: int
    reachable: bool
    pooled: Interval | None

    @property
    def significant(self) -> bool:
        """Whether the corrected p-value is at or below SIGNIFICANCE."""
        return self.p_holm <= SIGNIFICANCE

    @property
    def with_single_task(self) -> bool:
        """Whether a multi-task net is compared with the single-task net of the same trunk."""
        return self.reference == single_task_of(self.system)


def compare_all(
    table: ScoreTable, tallies: Tallies, pairs: Pairs | None = None
) -> tuple[Comparison, ...]:
    """Pairs of systems over all of a protocol and on each test set, by the main unit of each.

    The tallies are empty where no speaker is known; without pairs, `default_pairs` are compared.
    """
    return tuple(
        comparison
        for test in (None, *(table.tests if len(table.tests) > 1 else ()))
        for unit in units(table, tallies, test)[:1]
        for comparison in compare(table, tallies, test, unit, pairs)
    )


def compare_by_other_units(
    table: ScoreTable, tallies: Tallies, pairs: Pairs | None = None
) -> tuple[Comparison, ...]:
    """The same pairs over all of a protocol, by its other units; arguments as in `compare_all`."""
    return tuple(
        comparison
        for unit in units(table, tallies, None)[1:]
        for comparison in compare(table, tallies, None, unit, pairs)
    )


def compare(
    table: ScoreTable, tallies: Tallies, test: str | None, unit: Unit, pairs: Pairs | None = None
) -> list[Comparison]:
    """Comparisons of one family, on a test set or all; pairs without a common fold are left out.

    Holm's correction never falls where a p-value rises: corrected, the least possible p-values
    bound what could have been reached.
    """
    names = default_pairs(table.systems) if pairs is None else pairs
    both = [PairedScores(table, tallies, test, *pair) for pair in names]
    both = [pair for pair in both if pair.folds]
    scores = [pair.paired(unit) for pair in both]
    tests = [wilcoxon(*pair) for pair in scores]
    corrected = holm([test.p_value for test in tests])
    least = holm([test.least_p for test in tests])
    return [
        Comparison(
            protocol=table.protocol,
            test=test,
            reference=pair.reference,
            system=pair.system,
            unit=unit,
            n_pairs=paired.n_pairs,
            n_better=paired.n_better,
            n_worse=paired.n_worse,
            below=fmean(fmean(seeds) for seeds in below.values()),
            above=fmean(fmean(seeds) for seeds in above.values()),
            difference=paired.mean_difference,
            effect=paired.rank_biserial,
            p=paired.p_value,
            p_holm=float(p_holm),
            n_family=len(tests),
            reachable=bool(bound <= SIGNIFICANCE),
            pooled=pair.pooled_gain(),
        )
        for pair, (above, below), paired, p_holm, bound in zip(
            both, scores, tests, corrected, least, strict=True
        )
    ]
