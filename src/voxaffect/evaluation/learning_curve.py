"""How scores grow with the amount of training data, and where on the way subtasks help.

Training sets of a fold are thinned to shares; its dev and test sets stay. Seeds are averaged within
a fold before anything else is computed, and a system's line counts only folds that it answered at
every share, so that no line moves because folds came or went.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import fmean

from voxaffect.evaluation.experiment.run import PROTOCOLS, FoldResult, Run
from voxaffect.evaluation.metrics import unweighted_accuracy
from voxaffect.evaluation.results import display_order, twin_of
from voxaffect.evaluation.significance import holm, wilcoxon

MULTI_TASK = "mtl"


@dataclass(frozen=True)
class TrainingShare:
    """One system that has learned from a share of the training sets.

    Args:
        share: of the protocol's training sets.
        n_train: utterances in a training set, mean over folds.
        ua: unweighted accuracy: mean over seeds, then over the folds of a test set, then over test
            sets.
        n_folds: folds counted.
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
    amounts: tuple[TrainingShare, ...]


@dataclass(frozen=True)
class LearningGain:
    """What a multi-task net has over the single-task net of its trunk at one share.

    Args:
        protocol: where they met.
        system: the multi-task net.
        reference: its single-task twin.
        share: of the protocol's training sets.
        n_folds: folds that both have answered at every share.
        n_better: folds on which `system` has the higher UA.
        n_worse: folds on which it has the lower UA.
        difference: UA of `system` less that of `reference`, mean over these folds.
        error: standard error of that mean, None where there is one fold.
        p_holm: two-sided, Wilcoxon signed-rank, corrected for all gains of the protocol.
        reachable: whether so few differing folds could have given p <= .05 at all.
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
    """All that a run says of amounts of training data."""

    lines: tuple[LearningCurve, ...]
    gains: tuple[LearningGain, ...]

    @property
    def protocols(self) -> tuple[str, ...]:
        """Protocols that have a line, in their order."""
        return tuple(name for name in PROTOCOLS if any(x.protocol == name for x in self.lines))

    def lines_of(self, protocol: str) -> tuple[LearningCurve, ...]:
        """Lines of one protocol, in the tables' order of systems."""
        return tuple(line for line in self.lines if line.protocol == protocol)

    def gains_of(self, protocol: str) -> tuple[LearningGain, ...]:
        """Gains of one protocol, by trunk and share."""
        return tuple(gain for gain in self.gains if gain.protocol == protocol)


def by_amount(run: Run) -> LearningCurves | None:
    """Scores against amount of training data, None where no training set was thinned."""
    if not run.thinned:
        return None
    lines: list[LearningCurve] = []
    gains: list[LearningGain] = []
    for protocol in PROTOCOLS:
        results = [r for r in (*run.results, *run.thinned) if r.protocol == protocol]
        grids = {s: _Grid.of(r for r in results if r.system == s) for s in _systems(results)}
        if any(len(grid.shares) > 1 for grid in grids.values()):
            lines += [_line(protocol, system, grid) for system, grid in grids.items() if grid.folds]
            gains += _gains(protocol, grids)
    return LearningCurves(tuple(lines), tuple(gains))


@dataclass(frozen=True)
class _Grid:
    """Results of one system in one protocol.

    Args:
        shares: all that it has results of, rising.
        folds: test sets of the folds that it answered at every share, sorted.
        cells: (share, test set of the fold) -> results, one a seed.
    """

    shares: tuple[float, ...]
    folds: tuple[str, ...]
    cells: Mapping[tuple[float, str], Sequence[FoldResult]]

    @classmethod
    def of(cls, results: Iterable[FoldResult]) -> _Grid:
        """The results of a system."""
        cells: dict[tuple[float, str], list[FoldResult]] = defaultdict(list)
        for result in results:
            cells[result.train_share, result.test_name].append(result)
        shares = sorted({share for share, _ in cells})
        tests = sorted({test for _, test in cells})
        folds = [test for test in tests if all((share, test) in cells for share in shares)]
        return cls(tuple(shares), tuple(folds), cells)

    def uas(self, share: float, fold: str) -> list[float]:
        """Unweighted accuracy on a fold, one a seed."""
        return [unweighted_accuracy(result.matrix) for result in self.cells[share, fold]]


def _systems(results: Sequence[FoldResult]) -> tuple[str, ...]:
    return display_order({result.system for result in results})


def _line(protocol: str, system: str, grid: _Grid) -> LearningCurve:
    return LearningCurve(protocol, system, tuple(_amount(grid, share) for share in grid.shares))


def _amount(grid: _Grid, share: float) -> TrainingShare:
    by_fold = {fold: grid.cells[share, fold] for fold in grid.folds}
    by_test = groupby(grid.folds, lambda fold: by_fold[fold][0].corpus)
    return TrainingShare(
        share=share,
        n_train=fmean(results[0].details["n_train"] for results in by_fold.values()),
        ua=fmean(fmean(fmean(grid.uas(share, fold)) for fold in folds) for _, folds in by_test),
        n_folds=len(by_fold),
        n_seeds=min(map(len, by_fold.values())),
    )


def _gains(protocol: str, grids: Mapping[str, _Grid]) -> list[LearningGain]:
    found = [
        gain
        for system, grid in grids.items()
        if system.endswith(f"-{MULTI_TASK}") and (twin := twin_of(system)) in grids
        for gain in _gains_over(protocol, (system, grid), (twin, grids[twin]))
    ]
    corrected = holm([gain.p_holm for gain in found])
    return [replace(gain, p_holm=float(p)) for gain, p in zip(found, corrected, strict=True)]


def _gains_over(
    protocol: str, above: tuple[str, _Grid], below: tuple[str, _Grid]
) -> list[LearningGain]:
    """Gains of a system over its twin, share by share; not yet corrected."""
    (system, grid), (twin, other) = above, below
    folds = [fold for fold in grid.folds if fold in other.folds]
    shares = [share for share in grid.shares if share in other.shares] if folds else []
    return [_gain(protocol, (system, grid), (twin, other), share, folds) for share in shares]


def _gain(
    protocol: str,
    above: tuple[str, _Grid],
    below: tuple[str, _Grid],
    share: float,
    folds: Sequence[str],
) -> LearningGain:
    (system, grid), (twin, other) = above, below
    paired = wilcoxon(
        {fold: grid.uas(share, fold) for fold in folds},
        {fold: other.uas(share, fold) for fold in folds},
    )
    return LearningGain(
        protocol=protocol,
        system=system,
        reference=twin,
        share=share,
        n_folds=paired.n_pairs,
        n_better=paired.n_better,
        n_worse=paired.n_worse,
        difference=paired.mean_difference,
        error=paired.error,
        p_holm=paired.p_value,
        reachable=paired.reachable,
    )
