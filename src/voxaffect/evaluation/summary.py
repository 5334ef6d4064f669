"""From the results of single folds to the numbers of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from voxaffect.evaluation.comparisons import Comparison, compare_all
from voxaffect.evaluation.exposure import Exposure, exposures
from voxaffect.evaluation.run import PROTOCOLS, CorpusSummary, Run
from voxaffect.evaluation.scores import ScoreTable, score_table
from voxaffect.taxonomy import NATURALNESS


@dataclass(frozen=True)
class Summary:
    """The numbers of a run.

    Args:
        tables: one for each protocol that has results, in the protocols' order.
        comparisons: of each protocol, over all its folds and for each test set.
        styles: test set -> `natural` or `acted`; a test set that mixes both is absent.
        exposures: what the folds of each protocol share with their training data.
    """

    tables: tuple[ScoreTable, ...]
    comparisons: tuple[Comparison, ...]
    styles: Mapping[str, str]
    exposures: tuple[Exposure, ...] = ()

    def table(self, protocol: str) -> ScoreTable | None:
        """Scores of a protocol, None where it was not run."""
        return next((table for table in self.tables if table.protocol == protocol), None)

    def exposure(self, protocol: str) -> Exposure | None:
        """What the folds of a protocol share, None where it was not run."""
        return next((found for found in self.exposures if found.protocol == protocol), None)

    def compared(self, protocol: str, test: str | None = None) -> tuple[Comparison, ...]:
        """Comparisons on a test set of a protocol, or on all of it."""
        return tuple(c for c in self.comparisons if (c.protocol, c.test) == (protocol, test))


def summarise_run(run: Run) -> Summary:
    """All numbers that a report shows."""
    by_protocol = [[r for r in run.results if r.protocol == name] for name in PROTOCOLS]
    tables = tuple(score_table(results) for results in by_protocol if results)
    comparisons = tuple(c for table in tables for c in compare_all(table))
    tests = {test for table in tables for test in table.tests}
    styles = {test: style for test in sorted(tests) if (style := style_of(test, run.corpora))}
    return Summary(tables, comparisons, styles, exposures(run))


def style_of(test: str, corpora: Iterable[CorpusSummary]) -> str | None:
    """How the speech of a test set came about, None where that is mixed or unknown.

    A part of a corpus says so in its name, `iemocap:natural`.
    """
    name, _, part = test.partition(":")
    if part in NATURALNESS.classes:
        return part
    kinds = {kind for c in corpora if c.name == name for kind in c.naturalness}
    return next(iter(kinds)) if len(kinds) == 1 and kinds <= set(NATURALNESS.classes) else None
