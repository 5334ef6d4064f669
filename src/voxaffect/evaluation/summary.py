"""Summary of a run: all numbers of its report, from its table of results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from voxaffect.evaluation.calibration import Reliability, reliabilities
from voxaffect.evaluation.class_gains import ClassGains, class_gains
from voxaffect.evaluation.comparisons import (
    Comparison,
    ProtocolScores,
    compare_all,
    compare_by_other_units,
)
from voxaffect.evaluation.experiment.run import CorpusSummary, Run
from voxaffect.evaluation.fairness import GroupScores, group_scores
from voxaffect.evaluation.intervals import pooled_estimates
from voxaffect.evaluation.learning_curve import LearningCurves, learning_curves
from voxaffect.evaluation.results import pick, score_table
from voxaffect.taxonomy import NATURALNESS


@dataclass(frozen=True, eq=False)
class Summary:
    """The numbers of a run, each computed when it is first read."""

    run: Run

    @cached_property
    def scores(self) -> dict[str, pd.DataFrame]:
        """Protocol -> scores of every system on every test set (`score_table`)."""
        table = score_table(self.run.results)
        return {p: pick(table, protocol=p) for p in self.run.protocols}

    @cached_property
    def pooled(self) -> dict[str, pd.DataFrame]:
        """Protocol -> UA of pooled predictions with intervals (`pooled_estimates`)."""
        table = pooled_estimates(self.run.results)
        return {p: pick(table, protocol=p) for p in self.run.protocols}

    @cached_property
    def protocols(self) -> tuple[ProtocolScores, ...]:
        """Scores as comparisons need them."""
        return ProtocolScores.all_of(self.run.results)

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Paired tests by the main unit of each test set."""
        return tuple(c for scores in self.protocols for c in compare_all(scores))

    @cached_property
    def by_other_units(self) -> tuple[Comparison, ...]:
        """Paired tests over all folds by further units, where these can be paired."""
        return tuple(c for scores in self.protocols for c in compare_by_other_units(scores))

    @cached_property
    def groups(self) -> GroupScores | None:
        """Fairness: scores of groups of utterances and of speakers."""
        return group_scores(self.run.results)

    @cached_property
    def reliabilities(self) -> tuple[Reliability, ...]:
        """Calibration of confidences."""
        return reliabilities(self.run.results)

    @cached_property
    def class_gains(self) -> Mapping[str, tuple[ClassGains, ...]]:
        """Protocol -> gains of multi-task nets by class, where there are single-task nets too."""
        found = {scores.protocol: class_gains(scores) for scores in self.protocols}
        return {protocol: gains for protocol, gains in found.items() if gains}

    @cached_property
    def learning_curves(self) -> LearningCurves | None:
        """Scores against the amount of training data, None for whole training sets only."""
        return learning_curves(self.run)

    @cached_property
    def styles(self) -> dict[str, str]:
        """Test set -> `natural` or `acted`; a test set that mixes both is absent."""
        tests = {test for table in self.scores.values() for test in table.index.unique("test_set")}
        found = {test: style_of(test, self.run.corpora) for test in sorted(tests)}
        return {test: style for test, style in found.items() if style}

    def compared(self, protocol: str, test: str | None = None) -> tuple[Comparison, ...]:
        """Comparisons on a test set of a protocol, or on all of it."""
        return tuple(c for c in self.comparisons if (c.protocol, c.test) == (protocol, test))


def style_of(test: str, corpora: Iterable[CorpusSummary]) -> str | None:
    """Style of a test set's speech, `natural` or `acted`; None where mixed or unknown.

    A part of a corpus has it in its name, `iemocap:natural`.
    """
    name, _, part = test.partition(":")
    if part in NATURALNESS.classes:
        return part
    kinds = {kind for c in corpora if c.name == name for kind in c.naturalness}
    return next(iter(kinds)) if len(kinds) == 1 and kinds <= set(NATURALNESS.classes) else None
