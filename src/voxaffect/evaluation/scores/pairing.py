"""What is paired when two systems meet, which decides what a result may be said of.

Over speakers: would it hold for other speakers of these corpora? Over corpora: would it hold for
other corpora? Two parts of one corpus (`iemocap:natural`, `iemocap:acted`) share their speakers and
count as one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from voxaffect.evaluation.scores.bootstrap import Interval, Pool, interval_of_difference, pool
from voxaffect.evaluation.scores.tables import ScoreTable
from voxaffect.evaluation.scores.tallies import Cell, Tallies, total, unweighted_accuracy

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
    known = all(Cell(name, system) in tallies for name in tests for system in table.on(name))
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
class Meeting:
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
        each = total(self.tallies[Cell(test, system)][fold] for fold, test in self.folds.items())
        return {speaker: [float(unweighted_accuracy(tally))] for speaker, tally in each.items()}

    def _pool(self, system: str) -> Pool | None:
        """Speakers of all test sets, None where those of one are not known."""
        folds: dict[str, list[str]] = defaultdict(list)
        for fold, test in self.folds.items():
            folds[test].append(fold)
        if not folds or any(Cell(test, system) not in self.tallies for test in folds):
            return None
        cells = ((self.tallies[Cell(test, system)], names) for test, names in folds.items())
        return pool([total(cell[fold] for fold in names) for cell, names in cells])
