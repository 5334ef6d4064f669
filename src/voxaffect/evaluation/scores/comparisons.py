"""Systems against each other, on the same folds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from voxaffect.evaluation.measures.significance import LEVEL, PairedTest, holm, wilcoxon
from voxaffect.evaluation.scores.bootstrap import Interval
from voxaffect.evaluation.scores.pairing import Meeting, Scores, Unit, units
from voxaffect.evaluation.scores.tables import SINGLE_TASK, ScoreTable, twin_of
from voxaffect.evaluation.scores.tallies import Tallies

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
    meetings = [Meeting(table, tallies, test, *pair) for pair in asked]
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
    meeting: Meeting,
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
