"""Learning curves: unweighted accuracy against the amount of training data.

Each fold is also run with shares of its training set; dev and test sets stay. Seeds are averaged
within a fold first. A curve counts only folds that the system has at every share, so that no curve
moves because folds come or go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import fmean

from voxaffect.evaluation.comparisons import holm, wilcoxon
from voxaffect.evaluation.experiment.run import PROTOCOLS, FoldResult, Run
from voxaffect.evaluation.metrics import unweighted_accuracy
from voxaffect.evaluation.results import display_order, single_task_of


@dataclass(frozen=True)
class TrainingShare:
    """One system at one share: a point of a learning curve.

    Args:
        n_train: utterances in a training set, mean over folds.
        ua: unweighted accuracy, mean over seeds, then folds of a test set, then test sets.
        n_seeds: fewest seeds of a fold.
    """

    share: float
    n_train: float
    ua: float
    n_folds: int
    n_seeds: int


@dataclass(frozen=True)
class LearningCurve:
    """One system at all shares, the smallest first."""

    protocol: str
    system: str
    points: tuple[TrainingShare, ...]


@dataclass(frozen=True)
class LearningGain:
    """Gain of a multi-task net over the single-task net of its trunk at one share.

    Args:
        n_folds: folds that both have at every share.
        difference: UA of `system` minus that of `reference`, mean over these folds.
        error: standard error of that mean, None for a single fold.
        p_holm: two-sided, Wilcoxon signed-rank, corrected for all gains of the protocol.
        reachable: whether so few differing folds could give p <= .05 at all.
    """

    protocol: str
    system: str
    reference: str
    share: float
    n_folds: int
    n_better: int
    n_worse: int
    difference: float
    error: float | None
    p_holm: float
    reachable: bool


@dataclass(frozen=True)
class LearningCurves:
    """Learning curves and gains of a run."""

    curves: tuple[LearningCurve, ...]
    gains: tuple[LearningGain, ...]

    @property
    def protocols(self) -> tuple[str, ...]:
        """Protocols that have a curve, in their order."""
        return tuple(name for name in PROTOCOLS if self.curves_of(name))

    def curves_of(self, protocol: str) -> tuple[LearningCurve, ...]:
        """Curves of one protocol, in the tables' order of systems."""
        return tuple(curve for curve in self.curves if curve.protocol == protocol)

    def gains_of(self, protocol: str) -> tuple[LearningGain, ...]:
        """Gains of one protocol, by trunk and share."""
        return tuple(gain for gain in self.gains if gain.protocol == protocol)


def learning_curves(run: Run) -> LearningCurves | None:
    """Learning curves of a run, None where it has only whole training sets."""
    if not run.thinned:
        return None
    curves: list[LearningCurve] = []
    gains: list[LearningGain] = []
    for protocol in PROTOCOLS:
        results = [r for r in (*run.results, *run.thinned) if r.protocol == protocol]
        systems = display_order({result.system for result in results})
        grids = {s: _Grid.of(s, (r for r in results if r.system == s)) for s in systems}
        if any(len(grid.shares) > 1 for grid in grids.values()):
            curves += [
                LearningCurve(protocol, grid.system, tuple(map(grid.point, grid.shares)))
                for grid in grids.values()
                if grid.folds
            ]
            gains += _gains(protocol, grids)
    return LearningCurves(tuple(curves), tuple(gains))


@dataclass(frozen=True)
class _Grid:
    """Results of one system in one protocol.

    Args:
        shares: all that it has results of, rising.
        folds: test sets of the folds that it has at every share, sorted.
        cells: (share, test set of the fold) -> results, one a seed.
    """

    system: str
    shares: tuple[float, ...]
    folds: tuple[str, ...]
    cells: Mapping[tuple[float, str], Sequence[FoldResult]]

    @classmethod
    def of(cls, system: str, results: Iterable[FoldResult]) -> _Grid:
        cells: dict[tuple[float, str], list[FoldResult]] = defaultdict(list)
        for result in results:
            cells[result.train_share, result.test_name].append(result)
        shares = sorted({share for share, _ in cells})
        tests = sorted({test for _, test in cells})
        folds = [test for test in tests if all((share, test) in cells for share in shares)]
        return cls(system, tuple(shares), tuple(folds), cells)

    def uas(self, share: float, folds: Iterable[str]) -> dict[str, list[float]]:
        """Fold -> unweighted accuracy, one a seed."""
        return {f: [unweighted_accuracy(r.matrix) for r in self.cells[share, f]] for f in folds}

    def point(self, share: float) -> TrainingShare:
        results = [self.cells[share, fold] for fold in self.folds]
        uas = self.uas(share, self.folds)
        by_test = groupby(self.folds, lambda fold: self.cells[share, fold][0].corpus)
        return TrainingShare(
            share=share,
            n_train=fmean(seeds[0].details["n_train"] for seeds in results),
            ua=fmean(fmean(fmean(uas[fold]) for fold in folds) for _, folds in by_test),
            n_folds=len(results),
            n_seeds=min(map(len, results)),
        )


def _gains(protocol: str, grids: Mapping[str, _Grid]) -> list[LearningGain]:
    found = []
    for system, grid in grids.items():
        reference = grids.get(single_task_of(system))
        if not system.endswith("-mtl") or reference is None:
            continue
        folds = [fold for fold in grid.folds if fold in reference.folds]
        for share in [s for s in grid.shares if s in reference.shares] if folds else []:
            paired = wilcoxon(grid.uas(share, folds), reference.uas(share, folds))
            found.append(
                LearningGain(
                    protocol=protocol,
                    system=system,
                    reference=reference.system,
                    share=share,
                    n_folds=paired.n_pairs,
                    n_better=paired.n_better,
                    n_worse=paired.n_worse,
                    difference=paired.mean_difference,
                    error=paired.error,
                    p_holm=paired.p_value,
                    reachable=paired.reachable,
                )
            )
    corrected = holm([gain.p_holm for gain in found])
    return [replace(gain, p_holm=float(p)) for gain, p in zip(found, corrected, strict=True)]
