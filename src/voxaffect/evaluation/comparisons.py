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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr
from scipy.stats import rankdata

from voxaffect.errors import FoldError
from voxaffect.evaluation.intervals import DECIMALS, Estimate, Resamples, SpeakerCounts
from voxaffect.evaluation.metrics import (
    Counts,
    Floats,
    confusion,
    mean_known,
    recalls,
    unweighted_accuracy,
)
from voxaffect.evaluation.results import SINGLE_TASK, fold_scores, single_task_of
from voxaffect.evaluation.splits.folds import UNKNOWN
from voxaffect.taxonomy import EMOTION

SIGNIFICANCE = 0.05
"""Level of significance, as in the paper."""

EXACT_PAIRS = 500
"""Most differing pairs for an exact p-value. Beyond, the normal approximation (with the variance of
tied ranks) agrees to a thousandth and takes no time."""


@dataclass(frozen=True)
class PairedTest:
    """Two-sided Wilcoxon signed-rank test of a system against a reference, on paired units.

    Args:
        n_better: units on which the system is ahead; it is behind on n_worse.
        difference: score of the system minus that of the reference, mean over all units.
        effect: effect size, the matched-pairs rank-biserial correlation (Kerby 2014), from 1 (the
            system is ahead on every unit that differs) to -1; 0 where none differs.
        p: probability of so small a lesser rank sum, or a smaller one, if signs were random.
    """

    n_pairs: int
    n_better: int
    n_worse: int
    difference: float
    effect: float
    p: float

    @property
    def least_p(self) -> float:
        """Least p-value that so many differing pairs can reach: 2 / 2^n."""
        return float(min(1.0, 2.0 ** (1 - self.n_better - self.n_worse)))

    @property
    def reachable(self) -> bool:
        """Whether so few differing pairs could be significant at all."""
        return self.least_p <= SIGNIFICANCE


def wilcoxon(differences: ArrayLike) -> PairedTest:
    """Wilcoxon signed-rank test of two systems.

    Args:
        differences: (N,), system minus reference on each unit (fold, speaker or corpus); of means
            over seeds, as seeds on the same data are not independent evidence.

    Raises:
        FoldError: there is no unit.
    """
    rounded = np.round(np.asarray(differences, np.float64), DECIMALS)
    if rounded.size == 0:
        raise FoldError("a paired test needs at least one fold, speaker or corpus of both systems")
    signed = rounded[rounded != 0]
    ranks = rankdata(np.abs(signed))
    better, worse = (float(ranks[side].sum()) for side in (signed > 0, signed < 0))
    return PairedTest(
        n_pairs=rounded.size,
        n_better=int((signed > 0).sum()),
        n_worse=int((signed < 0).sum()),
        difference=float(rounded.mean()),
        effect=(better - worse) / (better + worse) if signed.size else 0.0,
        p=min(1.0, 2 * _lower_tail(ranks, min(better, worse))),
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
        before: UA of all predictions.
        recalls: class -> recall before and after, of the classes present.
        speakers: speaker -> UA before and after.
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

    def confusions(rows: slice | NDArray[np.bool_]) -> Counts:
        both = [confusion(truth[rows], y[rows], EMOTION.n_classes) for y in (before, after)]
        return np.stack(both)

    whole = confusions(slice(None))
    ua, by_class = unweighted_accuracy(whole), recalls(whole)
    by_speaker = {
        str(s): unweighted_accuracy(confusions(speakers == s)) for s in np.unique(speakers)
    }
    return BeforeAfter(
        n=truth.size,
        before=float(ua[0]),
        after=float(ua[1]),
        recalls={EMOTION.classes[c]: _pair(by_class[:, c]) for c in np.unique(truth)},
        speakers={speaker: _pair(both) for speaker, both in by_speaker.items()},
        paired=wilcoxon([both[1] - both[0] for both in by_speaker.values()]),
    )


def _pair(values: Floats) -> tuple[float, float]:
    return float(values[0]), float(values[1])


Unit = Literal["folds", "speakers", "corpora"]
"""What makes a pair. A fold of `within` is a speaker."""

Pairs = Sequence[tuple[str, str]]
"""Systems to compare: reference, system."""

BASELINE, MEAN = "svm", "mean"


@dataclass(frozen=True, eq=False)
class ProtocolScores:
    """Scores of one protocol, as comparisons need them.

    Args:
        ua: UA, mean over seeds; a row a fold (index: test set, fold), a column a system, NaN where
            there is no result.
        counts: system -> counts by test set and fold.
    """

    protocol: str
    ua: pd.DataFrame
    counts: Mapping[str, SpeakerCounts]

    @classmethod
    def of(cls, results: pd.DataFrame) -> ProtocolScores:
        """Scores of the results of one protocol."""
        ua = fold_scores(results)["ua"].unstack("system").droplevel("protocol")
        resamples = Resamples.of(results["speaker"])
        counts = {
            str(system): SpeakerCounts.of(own, ["test_set", "fold"], resamples)
            for system, own in results.groupby("system", observed=True)
        }
        return cls(str(results["protocol"].iloc[0]), ua, counts)

    @classmethod
    def all_of(cls, results: pd.DataFrame) -> tuple[ProtocolScores, ...]:
        """Scores of every protocol."""
        return tuple(cls.of(own) for _, own in results.groupby("protocol", observed=True))

    @property
    def tests(self) -> tuple[str, ...]:
        """Names of the test sets."""
        return tuple(self.ua.index.unique("test_set"))

    def units(self, test: str | None) -> tuple[Unit, ...]:
        """Units that can be paired on a test set, or on all (None); the main one first.

        Within corpora the question is about other speakers, across corpora about other corpora.
        Where speakers are not known folds stand in, if a test set has several.
        """
        tests = self.tests if test is None else (test,)
        within = self.protocol == "within"
        known = not any(
            speaker.endswith(UNKNOWN)
            for counted in self.counts.values()
            for speaker in counted.speakers(
                np.flatnonzero(counted.groups.get_level_values("test_set").isin(tests))
            )
        )
        if len({corpus_of(name) for name in tests}) > 1:
            if within:
                return ("speakers", "corpora")
            return ("corpora", "speakers") if known else ("corpora",)
        n_folds = (self.ua.index.get_level_values("test_set") == test).sum()
        if test is not None and n_folds == 1 and (within or not known):
            return ()
        return ("speakers",) if within or known else ("folds",)

    def shared(self, test: str | None, reference: str, system: str) -> pd.DataFrame:
        """UA of both systems on the folds of a test set, or of all, that both have."""
        rows = self.ua[[system, reference]].dropna()
        return rows if test is None else rows[rows.index.get_level_values("test_set") == test]

    def paired(self, shared: pd.DataFrame, unit: Unit) -> pd.DataFrame:
        """UA of both systems by unit, on shared folds."""
        if unit == "corpora":  # parts of a corpus are folds of it
            return shared.groupby(lambda row: corpus_of(row[0])).mean()
        if unit == "folds" or self.protocol == "within":
            return shared
        return pd.DataFrame(
            {name: self.counts_on(str(name), shared).speaker_accuracies() for name in shared}
        ).dropna()

    def pooled_gain(self, shared: pd.DataFrame) -> Estimate | None:
        """Difference of pooled UA, mean over test sets; None where it has no interval."""
        above, below = (self.counts_on(str(name), shared) for name in shared)
        names = above.groups.get_level_values("test_set")
        tests = [np.flatnonzero(names == test) for test in names.unique()]
        gain, reference = (
            mean_known(np.stack([counted.pooled(groups) for groups in tests], axis=-1))
            for counted in (above, below)
        )
        lost = above.share_lost(tests)
        estimate = above.resamples.estimate(gain - reference, above.speakers(), lost)
        return estimate if estimate.has_interval else None

    def counts_on(self, system: str, shared: pd.DataFrame) -> SpeakerCounts:
        """Counts of a system on shared folds."""
        counted = self.counts[system]
        kept = counted.groups.get_indexer(shared.index)
        return replace(counted, groups=shared.index, counts=counted.counts[:, kept])


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
class Comparison:
    """Two systems on the same folds.

    Args:
        test: the test set, None for all of the protocol together.
        n_pairs: units of the `PairedTest` of UA, as its further numbers to p.
        below: UA of `reference`, mean over units; `above` is that of `system`.
        p_holm: p after Holm's correction over the family.
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
    pooled: Estimate | None

    @property
    def significant(self) -> bool:
        """Whether the corrected p-value is at or below SIGNIFICANCE."""
        return self.p_holm <= SIGNIFICANCE

    @property
    def with_single_task(self) -> bool:
        """Whether a multi-task net is compared with its single-task net."""
        return self.reference == single_task_of(self.system)


def compare_all(scores: ProtocolScores, pairs: Pairs | None = None) -> tuple[Comparison, ...]:
    """Pairs of systems over all of a protocol and on each test set, by the main unit of each.

    Without pairs, `default_pairs` are compared.
    """
    tests = (None, *(scores.tests if len(scores.tests) > 1 else ()))
    units = [(test, unit) for test in tests for unit in scores.units(test)[:1]]
    return tuple(c for test, unit in units for c in compare(scores, test, unit, pairs))


def compare_by_other_units(
    scores: ProtocolScores, pairs: Pairs | None = None
) -> tuple[Comparison, ...]:
    """The same pairs over all of a protocol, by its other units."""
    units = scores.units(None)[1:]
    return tuple(c for unit in units for c in compare(scores, None, unit, pairs))


def compare(
    scores: ProtocolScores, test: str | None, unit: Unit, pairs: Pairs | None = None
) -> list[Comparison]:
    """Comparisons on a test set or all; pairs without a common fold are left out.

    Holm's correction never falls where a p-value rises: corrected, the least possible p-values
    bound what could have been reached.
    """
    found = []
    for reference, system in default_pairs([*scores.ua]) if pairs is None else pairs:
        shared = scores.shared(test, reference, system)
        if shared.empty:
            continue
        by_unit = scores.paired(shared, unit)
        paired = wilcoxon(by_unit[system] - by_unit[reference])
        found.append((reference, system, by_unit.mean(), paired, scores.pooled_gain(shared)))
    corrected = holm([paired.p for *_, paired, _ in found])
    least = holm([paired.least_p for *_, paired, _ in found])
    return [
        Comparison(
            protocol=scores.protocol,
            test=test,
            reference=reference,
            system=system,
            unit=unit,
            **vars(paired),
            below=float(means[reference]),
            above=float(means[system]),
            p_holm=float(p_holm),
            n_family=len(found),
            reachable=bool(bound <= SIGNIFICANCE),
            pooled=pooled,
        )
        for (reference, system, means, paired, pooled), p_holm, bound in zip(
            found, corrected, least, strict=True
        )
    ]
