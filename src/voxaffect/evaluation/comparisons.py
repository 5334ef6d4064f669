"""Systems against each other, on the same folds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from voxaffect.evaluation.intervals import (
    ConfusionCell,
    Interval,
    Pool,
    Tallies,
    interval_of_difference,
    pool,
    total,
    unweighted_accuracy,
)
from voxaffect.evaluation.results import SINGLE_TASK, ScoreTable, twin_of
from voxaffect.evaluation.significance import LEVEL, PairedTest, holm, wilcoxon

# What is paired when two systems meet, which decides what a result may be said of.
#
# Over speakers: would it hold for other speakers of these corpora? Over corpora: would it hold
# for other corpora? Two parts of one corpus (`iemocap:natural`, `iemocap:acted`) share their
# speakers and count as one.

Unit = Literal["folds", "speakers", "corpora"]
"""What makes a pair. A fold of `within` is a speaker."""

Scores = dict[str, list[float]]
"""Unit -> UA, one a seed or averaged over seeds."""


def units(table: ScoreTable, tallies: Tallies, test: str | None) -> tuple[Unit, ...]:
    """What can be paired on a test set, or on all of a protocol; its own question first.

    Within corpora the question is about other speakers, across corpora about other corpora. Where
    speakers are not known folds stand in, if a test set has several.

    Args:
        table: scores of the protocol.
        tallies: of its results.
        test: the test set, None for all.
    """
    tests = table.tests if test is None else (test,)
    within = table.protocol == "within"
    known = all(
        ConfusionCell(name, system) in tallies for name in tests for system in table.on(name)
    )
    if len({corpus_of(name) for name in tests}) > 1:
        if within:
            return ("speakers", "corpora")
        return ("corpora", "speakers") if known else ("corpora",)
    if test is not None and table.n_folds(test) == 1 and (within or not known):
        return ()
    return ("speakers",) if within or known else ("folds",)


def corpus_of(test: str) -> str:
    """The corpus that a test set is of, or a part of: `iemocap:natural` is of `iemocap`."""
    return test.partition(":")[0]


@dataclass(frozen=True)
class PairedScores:
    """Two systems on one test set, or on all of a protocol, on the folds that both answered.

    Args:
        table: scores of the protocol.
        tallies: tallies of its results; cells without known speakers are absent.
        test: the test set, None for all.
        reference: the system compared with.
        system: the system compared.
    """

    table: ScoreTable
    tallies: Tallies
    test: str | None
    reference: str
    system: str

    @property
    def folds(self) -> dict[str, str]:
        """Fold that both have answered -> its test set."""
        return {
            fold: test
            for test in (self.table.tests if self.test is None else (self.test,))
            for fold in sorted(self._answered(test, self.system))
            if fold in self._answered(test, self.reference)
        }

    def paired(self, unit: Unit) -> tuple[Scores, Scores]:
        """Unit -> UA of the system, and of the reference; one a seed, or averaged over seeds."""
        if unit == "corpora":
            return self._by_corpus(self.system), self._by_corpus(self.reference)
        if unit == "speakers" and self.table.protocol != "within":
            return self._by_speaker(self.system), self._by_speaker(self.reference)
        return self._by_fold(self.system), self._by_fold(self.reference)

    def pooled_gain(self) -> Interval | None:
        """Interval of the difference of pooled UA, None where speakers are few or not known."""
        above, below = self._pool(self.system), self._pool(self.reference)
        return interval_of_difference(above, below) if above and below else None

    def _answered(self, test: str, system: str) -> Mapping[str, object]:
        score = self.table.get(test, system)
        return {} if score is None else score.matrices

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
        """Speaker -> UA of all that the speaker says in the folds."""
        each = total(
            self.tallies[ConfusionCell(test, system)][fold] for fold, test in self.folds.items()
        )
        return {speaker: [float(unweighted_accuracy(tally))] for speaker, tally in each.items()}

    def _pool(self, system: str) -> Pool | None:
        """Speakers of all test sets, None where those of one are not known."""
        folds: dict[str, list[str]] = defaultdict(list)
        for fold, test in self.folds.items():
            folds[test].append(fold)
        if not folds or any(ConfusionCell(test, system) not in self.tallies for test in folds):
            return None
        cells = (
            (self.tallies[ConfusionCell(test, system)], names) for test, names in folds.items()
        )
        return pool([total(cell[fold] for fold in names) for cell, names in cells])


BASELINE, MEAN = "svm", "mean"


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same folds.

    Args:
        protocol: where they met.
        test: the test set, None for all of the protocol together.
        reference: the system compared with.
        system: the system compared.
        unit: what is paired.
        n_pairs: units that both have answered.
        n_better: units on which `system` has the higher UA.
        n_worse: units on which it has the lower UA.
        below: UA of `reference`, mean over units.
        above: UA of `system`, mean over units.
        difference: mean over units of UA of `system` minus that of `reference`.
        effect: matched-pairs rank-biserial correlation, from 1 (`system` is ahead on every unit
            that differs) to -1; 0 where none differs.
        p: two-sided, Wilcoxon signed-rank.
        p_holm: the same, corrected for the family.
        n_family: comparisons corrected for together: all on the same test set by the same unit.
        reachable: whether p_holm could be <= .05 at all, had all units that differ agreed in every
            comparison of the family.
        pooled: difference of UA of pooled answers, mean over test sets, and its interval over
            speakers; None where speakers are too few or not known.
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
        """Whether the difference holds at LEVEL after correction."""
        return self.p_holm <= LEVEL

    @property
    def with_twin(self) -> bool:
        """Whether a multi-task net is compared with the single-task net of the same trunk."""
        return self.reference == twin_of(self.system)


Pairs = Sequence[tuple[str, str]]
"""Systems to compare: reference, system."""


def compare_all(
    table: ScoreTable, tallies: Tallies, asked: Pairs | None = None
) -> tuple[Comparison, ...]:
    """Pairs of systems over all of a protocol and for each test set, by the first unit of each.

    Args:
        table: scores of the protocol.
        tallies: of its results; empty where no speaker is known.
        asked: pairs of systems; None for those of `pairs`.
    """
    asked = pairs(table.systems) if asked is None else asked
    tests = [None, *(table.tests if len(table.tests) > 1 else ())]
    return tuple(
        comparison
        for test in tests
        for unit in units(table, tallies, test)[:1]
        for comparison in compare(table, tallies, test, unit, asked)
    )


def compare_by_other_units(
    table: ScoreTable, tallies: Tallies, asked: Pairs | None = None
) -> tuple[Comparison, ...]:
    """The same pairs over all of a protocol, by what else can be paired; arguments as above."""
    asked = pairs(table.systems) if asked is None else asked
    return tuple(
        comparison
        for unit in units(table, tallies, None)[1:]
        for comparison in compare(table, tallies, None, unit, asked)
    )


def compare(
    table: ScoreTable,
    tallies: Tallies,
    test: str | None,
    unit: Unit,
    asked: Pairs,
) -> list[Comparison]:
    """Comparisons that make one family; a pair without a fold in common is left out.

    Args:
        table: scores of a protocol.
        tallies: of the same results.
        test: the test set, None for all.
        unit: what is paired.
        asked: pairs (reference, system).
    """
    meetings = [PairedScores(table, tallies, test, *pair) for pair in asked]
    tested = [
        (meeting, scores, wilcoxon(*scores))
        for meeting in meetings
        if meeting.folds
        for scores in [meeting.paired(unit)]
    ]
    family = Family.of([paired for *_, paired in tested])
    return [
        _comparison(meeting, unit, scores, paired, corrected)
        for (meeting, scores, paired), corrected in zip(tested, family, strict=True)
    ]


@dataclass(frozen=True)
class Family:
    """What correction makes of one comparison of several.

    Args:
        size: comparisons in the family.
        p_holm: p-value after Holm's correction.
        reachable: whether it could have been at or below LEVEL: Holm's correction of the least
            p-values possible is a bound, as it never falls where a p-value rises.
    """

    size: int
    p_holm: float
    reachable: bool

    @classmethod
    def of(cls, tests: Sequence[PairedTest]) -> Iterator[Family]:
        """The correction of each test."""
        corrected = holm([test.p_value for test in tests])
        least = holm([test.least_p for test in tests])
        for p, bound in zip(corrected, least, strict=True):
            yield cls(len(tests), float(p), bool(bound <= LEVEL))


def pairs(systems: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pairs (reference, system), of those that are there.

    Each net with its single-task twin; each variant with what it varies, `lstm-mtl-rates` with
    `lstm-mtl`; each single-task net with the one without an extreme learning machine; each system
    with the SVM.
    """
    twins = [(twin_of(system), system) for system in systems if system != twin_of(system)]
    varied = [(system.rpartition("-")[0], system) for system in systems]
    trunks = [system.partition("-")[0] for system in systems]
    pooled = [(f"{trunk}-{MEAN}", f"{trunk}-{SINGLE_TASK}") for trunk in trunks]
    above = [(BASELINE, system) for system in systems if system != BASELINE]
    asked = dict.fromkeys((*twins, *varied, *pooled, *above))
    return tuple((a, b) for a, b in asked if a in systems and b in systems)


def _comparison(
    meeting: PairedScores,
    unit: Unit,
    scores: tuple[Scores, Scores],
    paired: PairedTest,
    corrected: Family,
) -> Comparison:
    above, below = scores
    return Comparison(
        protocol=meeting.table.protocol,
        test=meeting.test,
        reference=meeting.reference,
        system=meeting.system,
        unit=unit,
        n_pairs=paired.n_pairs,
        n_better=paired.n_better,
        n_worse=paired.n_worse,
        below=fmean(fmean(seeds) for seeds in below.values()),
        above=fmean(fmean(seeds) for seeds in above.values()),
        difference=paired.mean_difference,
        effect=paired.rank_biserial,
        p=paired.p_value,
        p_holm=corrected.p_holm,
        n_family=corrected.size,
        reachable=corrected.reachable,
        pooled=meeting.pooled_gain(),
    )
