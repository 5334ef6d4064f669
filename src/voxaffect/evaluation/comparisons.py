"""Systems against each other, on the same folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from voxaffect.evaluation.scores import SINGLE_TASK, VARIANTS, ScoreTable
from voxaffect.evaluation.significance import DECIMALS, LEVEL, holm, wilcoxon

BASELINE = "svm"


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same folds.

    Args:
        protocol: where they met.
        test: the test set, None for all of the protocol together.
        reference: the system compared with.
        system: the system compared.
        n_pairs: folds that both have answered.
        n_better: folds on which `system` has the higher UA.
        n_worse: folds on which it has the lower UA.
        difference: mean over folds of UA of `system` minus that of `reference`.
        p: two-sided, Wilcoxon signed-rank.
        p_holm: the same, corrected for all comparisons on the same test set.
        reachable: whether so few differing pairs could have given p <= .05 at all.
    """

    protocol: str
    test: str | None
    reference: str
    system: str
    n_pairs: int
    n_better: int
    n_worse: int
    difference: float
    p: float
    p_holm: float
    reachable: bool

    @property
    def significant(self) -> bool:
        """Whether the difference holds at LEVEL after correction."""
        return self.p_holm <= LEVEL

    @property
    def with_twin(self) -> bool:
        """Whether a multi-task net is compared with the single-task net of the same trunk."""
        return self.reference == _twin(self.system)


def compare_all(table: ScoreTable) -> tuple[Comparison, ...]:
    """Every pair of interest, over all folds of a protocol and for each test set with several."""
    several = [test for test in table.tests if table.n_folds(test) > 1]
    tests = [None, *(several if len(table.tests) > 1 else [])]
    return tuple(c for test in tests for c in _compare(table, test))


def pairs(systems: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pairs (reference, system): each net with its single-task twin, each system with the SVM."""
    twins = [(_twin(system), system) for system in systems if system != _twin(system)]
    above = [(BASELINE, system) for system in systems if system != BASELINE]
    return tuple((a, b) for a, b in (*twins, *above) if a in systems)


def _twin(system: str) -> str:
    """The single-task net of the same trunk; a system without variants is its own twin."""
    trunk, _, variant = system.rpartition("-")
    return f"{trunk}-{SINGLE_TASK}" if variant in VARIANTS else system


def _compare(table: ScoreTable, test: str | None) -> list[Comparison]:
    found = [
        comparison
        for reference, system in pairs(table.systems)
        if (comparison := _compare_two(table, test, reference, system)) is not None
    ]
    corrected = holm([comparison.p for comparison in found])
    return [replace(c, p_holm=float(p)) for c, p in zip(found, corrected, strict=True)]


def _compare_two(
    table: ScoreTable, test: str | None, reference: str, system: str
) -> Comparison | None:
    """Comparison on the folds that both have, None where there are none; not yet corrected."""
    below, above = table.by_fold(reference, test), table.by_fold(system, test)
    shared = sorted(above.keys() & below.keys())
    if not shared:
        return None
    paired = wilcoxon({f: above[f] for f in shared}, {f: below[f] for f in shared})
    gains = np.round([fmean(above[f]) - fmean(below[f]) for f in shared], DECIMALS)
    return Comparison(
        protocol=table.protocol,
        test=test,
        reference=reference,
        system=system,
        n_pairs=paired.n_pairs,
        n_better=int((gains > 0).sum()),
        n_worse=int((gains < 0).sum()),
        difference=float(gains.mean()),
        p=paired.p_value,
        p_holm=paired.p_value,
        reachable=paired.reachable,
    )
