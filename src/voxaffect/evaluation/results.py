"""Score tables: metrics of every system on every test set, by fold and seed.

Seeds are averaged within a fold first; then come mean and standard deviation over folds. Pooled
metrics join the predictions of all folds of one seed and are averaged over seeds last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from voxaffect.evaluation.experiment.run import PROTOCOLS, FoldResult
from voxaffect.evaluation.metrics import Counts, Floats, ratio, unweighted_accuracy
from voxaffect.taxonomy import EMOTION

SINGLE_TASK = "stl"
VARIANTS = (SINGLE_TASK, "mtl", "gender", "naturalness")
"""Suffixes of the paper's nets, behind the name of the trunk, in the order of its tables."""

OTHER_KINDS = (
    *("mtl-rates", "mtl-private", "mtl-extended", "mtl-uncertainty", "mtl-gradnorm"),
    *("mean", "svm", "logistic", "egemaps-svm", "egemaps-logistic"),
    *("compare-svm", "compare-logistic", "majority"),
)
"""Suffixes of further variants, then names of baselines."""


@dataclass(frozen=True)
class Score:
    """One system on one test set: fold -> seed -> confusion matrix (C, C), rows are the truth."""

    matrices: Mapping[str, Mapping[int, Counts]]

    @property
    def by_fold(self) -> dict[str, list[float]]:
        """Fold -> unweighted accuracy, one a seed."""
        return {
            fold: [unweighted_accuracy(matrix) for matrix in seeds.values()]
            for fold, seeds in self.matrices.items()
        }

    @property
    def fold_ua(self) -> dict[str, float]:
        """Fold -> unweighted accuracy, averaged over seeds."""
        return {fold: fmean(seeds) for fold, seeds in self.by_fold.items()}

    @property
    def ua(self) -> float:
        """Unweighted accuracy, mean over folds."""
        return fmean(self.fold_ua.values())

    @property
    def ua_sd(self) -> float | None:
        """Sample standard deviation over folds, None for a single fold."""
        return stdev(self.fold_ua.values()) if len(self.matrices) > 1 else None

    @property
    def chance(self) -> float:
        """Chance level of UA: guessing among the classes tested, mean over folds."""
        return fmean(
            1 / np.count_nonzero(next(iter(seeds.values())).sum(axis=1))
            for seeds in self.matrices.values()
        )

    @property
    def counts(self) -> Counts:
        """Confusion matrix (C, C) of all folds and seeds."""
        return _total(matrix for seeds in self.matrices.values() for matrix in seeds.values())

    def pooled(self, metric: Callable[[Counts], float]) -> float:
        """A metric of the predictions of all folds together, mean over seeds."""
        folds = self.matrices.values()
        return fmean(metric(_total(f[seed] for f in folds if seed in f)) for seed in self.seeds)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of any fold, in ascending order."""
        return tuple(sorted({seed for fold in self.matrices.values() for seed in fold}))

    @property
    def n_utterances(self) -> int:
        """Number of test utterances, each counted once for all seeds."""
        return sum(int(next(iter(seeds.values())).sum()) for seeds in self.matrices.values())

    @property
    def n_seeds(self) -> int:
        """Greatest number of seeds of a fold."""
        return max(len(seeds) for seeds in self.matrices.values())


@dataclass(frozen=True)
class ScoreTable:
    """Scores of a protocol.

    Args:
        tests: names of the test sets, the rows.
        systems: names of the systems, the columns.
        scores: (test, system) -> score, where there are results.
    """

    protocol: str
    tests: tuple[str, ...]
    systems: tuple[str, ...]
    scores: Mapping[tuple[str, str], Score]

    def get(self, test: str, system: str) -> Score | None:
        """Score of a system on a test set, None where there is no result."""
        return self.scores.get((test, system))

    def n_folds(self, test: str) -> int:
        """Number of folds of a test set for which any system has a result."""
        return len({fold for s in self.on(test).values() for fold in s.matrices})

    def on(self, test: str) -> dict[str, Score]:
        """System -> score, on one test set."""
        return {s: self.scores[test, s] for s in self.systems if (test, s) in self.scores}

    def mean(self, system: str, tests: Sequence[str] | None = None) -> float | None:
        """Mean over test sets of a system's UA, None unless it was scored on each of them."""
        tests = self.tests if tests is None else tests
        scores = self._of(system, tests)
        return fmean(score.ua for score in scores) if len(scores) == len(tests) else None

    def is_complete(self, system: str, tests: Sequence[str] | None = None) -> bool:
        """Whether a system has every fold of some test sets, or of all, that any system has.

        Folds differ in difficulty: scores over different folds cannot be compared.
        """
        return all(
            (score := self.get(test, system)) is not None
            and len(score.matrices) == self.n_folds(test)
            for test in (self.tests if tests is None else tests)
        )

    def chance(self, tests: Sequence[str] | None = None) -> float:
        """Chance level of UA, mean over test sets."""
        return fmean(
            next(iter(self.on(test).values())).chance
            for test in (self.tests if tests is None else tests)
        )

    def by_fold(self, system: str, test: str | None = None) -> dict[str, list[float]]:
        """Fold -> UA of a system, one a seed, on one test set or all."""
        scores = self._of(system, self.tests if test is None else (test,))
        return {fold: ua for score in scores for fold, ua in score.by_fold.items()}

    def counts(self, system: str) -> Counts:
        """Confusion matrix (C, C) of a system over all test sets, folds and seeds."""
        return _total(score.counts for score in self._of(system, self.tests))

    def _of(self, system: str, tests: Sequence[str]) -> list[Score]:
        return [self.scores[test, system] for test in tests if (test, system) in self.scores]


def score_table(results: Sequence[FoldResult]) -> ScoreTable:
    """Scores of the results of one protocol."""
    matrices: dict[tuple[str, str], dict[str, dict[int, Counts]]] = {}
    for r in results:
        folds = matrices.setdefault((r.corpus, r.system), {})
        folds.setdefault(r.fold, {})[r.seed] = r.matrix
    return ScoreTable(
        protocol=results[0].protocol,
        tests=tuple(sorted({test for test, _ in matrices})),
        systems=display_order({system for _, system in matrices}),
        scores={key: Score(folds) for key, folds in matrices.items()},
    )


def shares(counts: Counts) -> Floats:
    """Confusion matrix (C, C) with rows as shares of the true class, NaN for an absent class."""
    return ratio(counts, counts.sum(axis=1, keepdims=True))


def display_order(systems: Iterable[str]) -> tuple[str, ...]:
    """Systems in the order of the paper's tables, then variants, baselines and all others."""
    kinds = (*VARIANTS, *OTHER_KINDS)

    def position(system: str) -> tuple[int, str]:
        kind = system if system in kinds else system.partition("-")[2]
        return kinds.index(kind) if kind in kinds else len(kinds), system

    return tuple(sorted(systems, key=position))


def single_task_of(system: str) -> str:
    """Name of the single-task net of the same trunk; of other systems the name itself."""
    trunk, _, variant = system.rpartition("-")
    return f"{trunk}-{SINGLE_TASK}" if variant in VARIANTS else system


def _total(matrices: Iterable[Counts]) -> Counts:
    return sum(matrices, start=np.zeros((EMOTION.n_classes, EMOTION.n_classes), np.int64))


def by_system(results: Sequence[FoldResult]) -> dict[tuple[str, str], list[FoldResult]]:
    """(Protocol, system) -> results, in the order of the tables; absent where there are none."""
    systems = display_order({r.system for r in results})
    found = {
        (protocol, system): [r for r in results if (r.protocol, r.system) == (protocol, system)]
        for protocol in PROTOCOLS
        for system in systems
    }
    return {key: some for key, some in found.items() if some}
