"""Results in the order of the tables: protocol by protocol, and in each system by system."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray

from voxaffect.evaluation.experiment.run import PROTOCOLS, FoldResult
from voxaffect.evaluation.metrics import Counts, ratio, unweighted_accuracy
from voxaffect.taxonomy import EMOTION

# The cells of a report's tables: every system on every test set.
#
# Results of several seeds are averaged first, within the fold; then come mean and deviation over
# folds. Pooled measures join the answers of all folds of one seed, and are averaged over seeds
# last.

SINGLE_TASK = "stl"
VARIANTS = (SINGLE_TASK, "mtl", "gender", "naturalness")
"""What follows the trunk in the name of a system, in the order of the paper's tables."""

BEYOND = (
    *("mtl-rates", "mtl-private", "mtl-extended", "mtl-uncertainty", "mtl-gradnorm"),
    *("mean", "svm", "logistic", "egemaps-svm", "egemaps-logistic"),
    *("compare-svm", "compare-logistic", "majority"),
)
"""What the paper's systems are compared with: variants, then baselines, by what follows
the trunk in their name, or by their name."""


@dataclass(frozen=True)
class Score:
    """One system on one test set of one protocol: a cell of a table.

    Args:
        matrices: fold -> seed -> confusion matrix (C, C), rows are the true classes.
    """

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
        """Sample standard deviation over folds, None where there is only one."""
        return stdev(self.fold_ua.values()) if len(self.matrices) > 1 else None

    @property
    def chance(self) -> float:
        """Unweighted accuracy of guessing among the classes tested, mean over folds."""
        return fmean(
            1 / np.count_nonzero(next(iter(seeds.values())).sum(axis=1))
            for seeds in self.matrices.values()
        )

    @property
    def counts(self) -> Counts:
        """Confusion matrix (C, C) of the answers of all folds and seeds."""
        return _total(matrix for seeds in self.matrices.values() for matrix in seeds.values())

    def pooled(self, measure: Callable[[Counts], float]) -> float:
        """A measure of all folds' answers together, mean over seeds."""
        folds = self.matrices.values()
        return fmean(measure(_total(f[seed] for f in folds if seed in f)) for seed in self.seeds)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of any fold, in ascending order."""
        return tuple(sorted({seed for fold in self.matrices.values() for seed in fold}))

    @property
    def n_utterances(self) -> int:
        """Utterances tested, each counted once whatever the seeds."""
        return sum(int(next(iter(seeds.values())).sum()) for seeds in self.matrices.values())

    @property
    def n_seeds(self) -> int:
        """Most seeds that a fold has."""
        return max(len(seeds) for seeds in self.matrices.values())


@dataclass(frozen=True)
class ScoreTable:
    """All scores of a protocol.

    Args:
        protocol: `within`, `cross` or `aggregated`.
        tests: names of the test sets, the rows.
        systems: names of the systems, the columns.
        scores: (test, system) -> score; a pair without any result is absent.
    """

    protocol: str
    tests: tuple[str, ...]
    systems: tuple[str, ...]
    scores: Mapping[tuple[str, str], Score]

    def get(self, test: str, system: str) -> Score | None:
        """The score of a system on a test set, None where there is no result."""
        return self.scores.get((test, system))

    def n_folds(self, test: str) -> int:
        """Folds of a test set for which any system has a result."""
        return len({fold for s in self.on(test).values() for fold in s.matrices})

    def on(self, test: str) -> dict[str, Score]:
        """System -> score, of those that have one on a test set."""
        return {s: self.scores[test, s] for s in self.systems if (test, s) in self.scores}

    def mean(self, system: str, tests: Sequence[str] | None = None) -> float | None:
        """Mean over test sets of a system's UA, None unless it was scored on each of them."""
        asked = self.tests if tests is None else tests
        scores = self._of(system, asked)
        return fmean(score.ua for score in scores) if len(scores) == len(asked) else None

    def is_whole(self, system: str, tests: Sequence[str] | None = None) -> bool:
        """Whether a system has every fold of some test sets, or of all, that any system has.

        Folds differ in how hard they are: of systems that lack different ones neither is ahead.
        """
        asked = self.tests if tests is None else tests
        scores = [self.get(test, system) for test in asked]
        return all(
            score is not None and len(score.matrices) == self.n_folds(test)
            for test, score in zip(asked, scores, strict=True)
        )

    def chance(self, tests: Sequence[str] | None = None) -> float:
        """UA of guessing, mean over test sets."""
        return fmean(
            next(iter(self.on(test).values())).chance
            for test in (self.tests if tests is None else tests)
        )

    def by_fold(self, system: str, test: str | None = None) -> dict[str, list[float]]:
        """Fold -> UA of a system, one a seed, on one test set or on all."""
        scores = self._of(system, self.tests if test is None else (test,))
        return {fold: ua for score in scores for fold, ua in score.by_fold.items()}

    def counts(self, system: str) -> Counts:
        """Confusion matrix (C, C) of a system over all test sets, folds and seeds."""
        return _total(score.counts for score in self._of(system, self.tests))

    def _of(self, system: str, tests: Sequence[str]) -> list[Score]:
        return [self.scores[test, system] for test in tests if (test, system) in self.scores]


def score_table(results: Sequence[FoldResult]) -> ScoreTable:
    """Scores of the results of one protocol."""
    cells: dict[tuple[str, str], list[FoldResult]] = {}
    for result in results:
        cells.setdefault((result.corpus, result.system), []).append(result)
    return ScoreTable(
        protocol=results[0].protocol,
        tests=tuple(sorted({test for test, _ in cells})),
        systems=display_order({system for _, system in cells}),
        scores={key: score(group) for key, group in cells.items()},
    )


def score(results: Iterable[FoldResult]) -> Score:
    """Score of one system's results on one test set."""
    matrices: dict[str, dict[int, Counts]] = {}
    for r in results:
        matrices.setdefault(r.fold, {})[r.seed] = r.matrix
    return Score(matrices)


def shares(counts: Counts) -> NDArray[np.float64]:
    """Rows of a confusion matrix (C, C) as shares of the true class, NaN where there is none."""
    return ratio(counts, counts.sum(axis=1, keepdims=True))


def display_order(systems: Iterable[str]) -> tuple[str, ...]:
    """Systems in the order of the paper's tables, then variants, baselines, and all others."""
    kinds = (*VARIANTS, *BEYOND)

    def place(system: str) -> tuple[int, str]:
        after_trunk = system.partition("-")[2]
        kind = system if system in kinds else after_trunk
        return kinds.index(kind) if kind in kinds else len(kinds), system

    return tuple(sorted(systems, key=place))


def twin_of(system: str) -> str:
    """The single-task net of the same trunk; a system without variants is its own twin."""
    trunk, _, variant = system.rpartition("-")
    return f"{trunk}-{SINGLE_TASK}" if variant in VARIANTS else system


def _total(matrices: Iterable[Counts]) -> Counts:
    nothing = np.zeros((EMOTION.n_classes, EMOTION.n_classes), dtype=np.int64)
    return sum(matrices, start=nothing)


def by_system(results: Sequence[FoldResult]) -> dict[tuple[str, str], list[FoldResult]]:
    """Protocol and system -> its results; what was not run is absent."""
    systems = display_order({r.system for r in results})
    found: dict[tuple[str, str], list[FoldResult]] = {
        (protocol, system): [] for protocol in PROTOCOLS for system in systems
    }
    for result in results:
        found[result.protocol, result.system].append(result)
    return {key: some for key, some in found.items() if some}
