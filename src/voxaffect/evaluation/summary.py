"""Summary of a run: all numbers of its report, from the results of single folds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from voxaffect.evaluation.calibration import Reliability, reliabilities
from voxaffect.evaluation.class_gains import ClassGains, class_gains
from voxaffect.evaluation.comparisons import Comparison, compare_all, compare_by_other_units
from voxaffect.evaluation.experiment.run import PROTOCOLS, CorpusSummary, Run
from voxaffect.evaluation.fairness import GroupScores, group_scores
from voxaffect.evaluation.intervals import (
    Interval,
    count_by_speaker,
    intervals,
    known_speakers,
    stated_speakers,
)
from voxaffect.evaluation.learning_curve import LearningCurves, learning_curves
from voxaffect.evaluation.results import ScoreTable, score_table
from voxaffect.taxonomy import NATURALNESS


@dataclass(frozen=True)
class Summary:
    """The numbers of a run.

    Args:
        styles: test set -> `natural` or `acted`; a test set that mixes both is absent.
        by_other_units: comparisons over all folds by further units, where these can be paired.
        intervals: (protocol, test set, system) -> interval of the pooled UA; the test set None is
            the mean over all. Absent where speakers are too few or not known.
    """

    tables: tuple[ScoreTable, ...]
    comparisons: tuple[Comparison, ...]
    styles: Mapping[str, str]
    run: Run
    by_other_units: tuple[Comparison, ...] = ()
    intervals: Mapping[tuple[str, str | None, str], Interval] = field(default_factory=dict)

    @cached_property
    def groups(self) -> GroupScores | None:
        """Fairness: scores of groups of utterances and of speakers."""
        return group_scores(self.run)

    @cached_property
    def reliabilities(self) -> tuple[Reliability, ...]:
        """Calibration of confidences."""
        return reliabilities(self.run)

    @cached_property
    def class_gains(self) -> Mapping[str, tuple[ClassGains, ...]]:
        """Protocol -> gains of multi-task nets by class, where there are single-task nets too."""
        found = {table.protocol: class_gains(table) for table in self.tables}
        return {protocol: gains for protocol, gains in found.items() if gains}

    @cached_property
    def learning_curves(self) -> LearningCurves | None:
        """Scores against the amount of training data, None for whole training sets only."""
        return learning_curves(self.run)

    def table(self, protocol: str) -> ScoreTable | None:
        """Scores of a protocol, None where it was not run."""
        return next((table for table in self.tables if table.protocol == protocol), None)

    def compared(self, protocol: str, test: str | None = None) -> tuple[Comparison, ...]:
        """Comparisons on a test set of a protocol, or on all of it."""
        return tuple(c for c in self.comparisons if (c.protocol, c.test) == (protocol, test))

    def intervals_of(self, protocol: str) -> dict[tuple[str | None, str], Interval]:
        """(Test set, None for the mean; system) -> interval, of one protocol."""
        return {(t, s): i for (name, t, s), i in self.intervals.items() if name == protocol}


def summarize_run(run: Run) -> Summary:
    """All numbers that a report shows."""
    speaker_of = known_speakers(run.results, stated_speakers(run))
    by_protocol = [[r for r in run.results if r.protocol == name] for name in PROTOCOLS]
    found = [(score_table(rs), count_by_speaker(rs, speaker_of)) for rs in by_protocol if rs]
    tests = {test for table, _ in found for test in table.tests}
    return Summary(
        tables=tuple(table for table, _ in found),
        comparisons=tuple(c for pair in found for c in compare_all(*pair)),
        styles={test: style for test in sorted(tests) if (style := style_of(test, run.corpora))},
        run=run,
        by_other_units=tuple(c for pair in found for c in compare_by_other_units(*pair)),
        intervals={
            (table.protocol, *cell): interval
            for table, counted in found
            for cell, interval in intervals(counted, table.tests).items()
        },
    )


def style_of(test: str, corpora: Iterable[CorpusSummary]) -> str | None:
    """Style of a test set's speech, `natural` or `acted`; None where mixed or unknown.

    A part of a corpus has it in its name, `iemocap:natural`.
    """
    name, _, part = test.partition(":")
    if part in NATURALNESS.classes:
        return part
    kinds = {kind for c in corpora if c.name == name for kind in c.naturalness}
    return next(iter(kinds)) if len(kinds) == 1 and kinds <= set(NATURALNESS.classes) else None
