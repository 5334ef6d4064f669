"""Two runs on the same folds: what matches, what differs in how they were made, who did better.

A fold is the same by its name, and compared on the test utterances that both runs have with the
same class; everything else is counted and said. Comparisons call the runs A and B, and the gain is
that of B.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from voxaffect.errors import ConfigError, FoldError
from voxaffect.evaluation.experiment.results import FoldResult
from voxaffect.evaluation.experiment.run import PROTOCOLS, Run
from voxaffect.evaluation.scores.comparisons import Comparison, compare_all, compare_by_other_units
from voxaffect.evaluation.scores.tables import display_order, score_table
from voxaffect.evaluation.scores.tallies import known_speakers, stated_speakers, tallies
from voxaffect.evaluation.two_runs.differences import Difference, differences
from voxaffect.evaluation.two_runs.matching import Matching, match

SystemPairs = Sequence[tuple[str, str]]
"""System of A, system of B."""


@dataclass(frozen=True)
class Answered:
    """How many of the shared folds two systems have answered.

    Args:
        systems: of A and of B.
        n_a: folds with a result in A.
        n_b: folds with a result in B.
        n_both: folds with a result in both, which are compared.
    """

    systems: tuple[str, str]
    n_a: int
    n_b: int
    n_both: int


@dataclass(frozen=True)
class RunsCompared:
    """What came of comparing two runs.

    Args:
        matching: which folds are the same.
        differences: in settings, corpora, seeds, training data and versions.
        answered: of each pair of systems.
        alone: run -> systems that it alone has, which are not compared.
        comparisons: systems `A svm` and `B svm`, by protocol and test set; then by other units.
    """

    matching: Matching
    differences: tuple[Difference, ...]
    answered: tuple[Answered, ...]
    alone: Mapping[str, tuple[str, ...]]
    comparisons: tuple[Comparison, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        matching = {
            "shared": [fold.to_dict() for fold in self.matching.shared],
            "only_a": list(self.matching.only_a),
            "only_b": list(self.matching.only_b),
        }
        return {
            "matching": matching,
            "differences": [asdict(difference) for difference in self.differences],
            "answered": [{**asdict(a), "systems": list(a.systems)} for a in self.answered],
            "alone": {run: list(systems) for run, systems in self.alone.items()},
            "comparisons": [{**asdict(c), "significant": c.significant} for c in self.comparisons],
        }


def compare_runs(a: Run, b: Run, systems: SystemPairs | None = None) -> RunsCompared:
    """Compare what two runs share.

    Args:
        a: the run compared with.
        b: the run compared.
        systems: pairs (of A, of B); None for every name that both have.

    Raises:
        ConfigError: a run has no such system, or the runs have none in common.
        FoldError: the runs share no fold with an utterance in common.
    """
    paired = _pairs(a, b, systems)
    matching = match(a.results, b.results)
    if not matching.shared:
        raise FoldError(
            "the runs have no test utterance of a fold in common: the first has "
            f"{_some(matching.only_a)}, the second {_some(matching.only_b)}; evaluate both on the "
            "same corpora and protocols"
        )
    speakers = {**stated_speakers(a), **stated_speakers(b)}
    first = _restricted(a.results, matching, "A", {name for name, _ in paired})
    second = _restricted(b.results, matching, "B", {name for _, name in paired})
    return RunsCompared(
        matching=matching,
        differences=differences(a, b, paired, [fold.name for fold in matching.shared]),
        answered=tuple(_answered(pair, first, second) for pair in paired),
        alone={"A": _alone(a, b, paired), "B": _alone(b, a, [(y, x) for x, y in paired])},
        comparisons=tuple(_comparisons([*first, *second], paired, speakers)),
    )


def _pairs(a: Run, b: Run, systems: SystemPairs | None) -> list[tuple[str, str]]:
    """The pairs asked for, or every system that both have."""
    of_a, of_b = _systems(a), _systems(b)
    if systems is None:
        systems = [(name, name) for name in of_a if name in of_b]
    for there, run, asked in (
        (of_a, "first", [name for name, _ in systems]),
        (of_b, "second", [name for _, name in systems]),
    ):
        if unknown := [name for name in asked if name not in there]:
            raise ConfigError(
                f"the {run} run has no results of {unknown[0]}, but of {_all(there)}; name a pair "
                "of systems that there are, one of each run"
            )
    if not systems:
        raise ConfigError(
            f"the runs have no system in common: the first has {_all(of_a)}, the second "
            f"{_all(of_b)}; name pairs of systems, one of each run"
        )
    return list(systems)


def _systems(run: Run) -> tuple[str, ...]:
    return display_order({result.system for result in run.results})


def _alone(run: Run, other: Run, paired: SystemPairs) -> tuple[str, ...]:
    """Systems that a run has, the other has not, and nobody asked for."""
    asked = {name for name, _ in paired}
    return tuple(s for s in _systems(run) if s not in asked and s not in _systems(other))


def _restricted(
    results: Sequence[FoldResult], matching: Matching, run: str, systems: Collection[str]
) -> list[FoldResult]:
    """Results of some systems, on shared utterances only; the system is named after its run."""
    kept = {fold.name: fold.shared for fold in matching.shared}
    return [
        _on(result, kept[result.fold], f"{run} {result.system}")
        for result in results
        if result.fold in kept and result.system in systems
    ]


def _on(result: FoldResult, kept: frozenset[str], system: str) -> FoldResult:
    """The part of a result that is about some of its utterances."""
    rows = np.array([i in kept for i in result.ids])
    return replace(
        result,
        system=system,
        ids=tuple(i for i in result.ids if i in kept),
        y_true=result.y_true[rows],
        y_pred=result.y_pred[rows],
        probabilities=result.probabilities[rows],
        high_level=result.high_level[rows],
    )


def _answered(
    pair: tuple[str, str], first: Sequence[FoldResult], second: Sequence[FoldResult]
) -> Answered:
    of_a = {r.fold for r in first if r.system == f"A {pair[0]}"}
    of_b = {r.fold for r in second if r.system == f"B {pair[1]}"}
    return Answered(pair, len(of_a), len(of_b), len(of_a & of_b))


def _comparisons(
    results: Sequence[FoldResult], paired: SystemPairs, speakers: Mapping[str, str]
) -> Iterator[Comparison]:
    """Every pair in every protocol, each protocol's own question first."""
    asked = [(f"A {a}", f"B {b}") for a, b in paired]
    speaker_of = known_speakers(results, speakers)
    for protocol in PROTOCOLS:
        if found := [r for r in results if r.protocol == protocol]:
            table, counted = score_table(found), tallies(found, speaker_of)
            yield from compare_all(table, counted, asked)
            yield from compare_by_other_units(table, counted, asked)


def _some(folds: Sequence[str]) -> str:
    """`within/emodb/03 and 8 more`."""
    more = f" and {len(folds) - 1} more" if len(folds) > 1 else ""
    return f"{folds[0]}{more}" if folds else "no results"


def _all(systems: Sequence[str]) -> str:
    return ", ".join(systems) or "none"
