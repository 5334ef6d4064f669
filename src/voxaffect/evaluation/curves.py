"""Learning curves of a run: what every training's epochs came to, and their means.

Letters: N trainings of one system (one a fold and seed), E epochs of the longest of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE

from voxaffect.evaluation.experiment.run import PROTOCOLS, FoldResult
from voxaffect.evaluation.metrics import unweighted_accuracy
from voxaffect.evaluation.results import display_order
from voxaffect.model.settings import Epoch, TrainingHistory

MAX_POINTS = 2000
PERPLEXITY = 30.0
FEWEST_POINTS = 5


def embed(
    features: NDArray[np.float32], seed: int = 0
) -> tuple[NDArray[np.intp], NDArray[np.float32]] | None:
    """Place utterances in the plane so that near ones stay near.

    t-distributed stochastic neighbor embedding (van der Maaten & Hinton, JMLR 9, 2008). The
    perplexity is 30, less where there are fewer than 91 points. Of more than MAX_POINTS utterances
    a random subset is placed.

    Args:
        features: float32 (N, F), such as `FoldResult.high_level`.
        seed: of the subset and of the optimization.

    Returns:
        Indices (M,) of the utterances placed, in order, and their positions (M, 2). None where
        there is nothing to place: fewer than FEWEST_POINTS utterances, or all of them alike.
    """
    rows = _subset(len(features), seed)
    chosen = features[rows]
    if len(chosen) < FEWEST_POINTS or not np.ptp(chosen, axis=0).any():
        return None
    perplexity = min(PERPLEXITY, (len(chosen) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed)
    positions: NDArray[np.float32] = tsne.fit_transform(chosen)
    return rows, positions


def _subset(n: int, seed: int) -> NDArray[np.intp]:
    if n <= MAX_POINTS:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, MAX_POINTS, replace=False))


@dataclass(frozen=True)
class Curves:
    """All trainings of one system.

    Args:
        system: its name.
        histories: N trainings, each of one epoch or more.
    """

    system: str
    histories: tuple[TrainingHistory, ...]

    @property
    def n_epochs(self) -> int:
        """Epochs E of the longest training."""
        return max(len(history.epochs) for history in self.histories)

    def values(self, name: str) -> NDArray[np.float64]:
        """A number of every epoch, `train_loss` or `dev_ua`, float64 (N, E).

        A training that has stopped stays where its last epoch left it. So every column holds all
        trainings, and a curve never moves because some of them dropped out.
        """
        rows = [[getattr(epoch, name) for epoch in h.epochs] for h in self.histories]
        return np.array([row + row[-1:] * (self.n_epochs - len(row)) for row in rows])

    def running(self) -> NDArray[np.int64]:
        """Trainings that computed each epoch, int64 (E,)."""
        lengths = np.array([len(history.epochs) for history in self.histories])
        running: NDArray[np.int64] = np.sum(lengths[:, None] > np.arange(self.n_epochs), axis=0)
        return running

    def kept(self) -> NDArray[np.int64]:
        """Trainings that kept the weights of each epoch, int64 (E,)."""
        best = [history.best - 1 for history in self.histories]
        return np.bincount(best, minlength=self.n_epochs)


def learning_curves(results: Sequence[FoldResult]) -> tuple[Curves, ...]:
    """Curves of every system that learns by epochs, in the tables' order."""
    found: dict[str, list[TrainingHistory]] = {}
    for result in results:
        if history := history_of(result):
            found.setdefault(result.system, []).append(history)
    return tuple(Curves(system, tuple(found[system])) for system in display_order(found))


def history_of(result: FoldResult) -> TrainingHistory | None:
    """The epochs behind a result, None where its system has none."""
    stated: Mapping[str, Any] | None = result.details.get("history")
    if not stated or not stated["epochs"]:
        return None
    # Results of earlier versions do not tell the wall time of an epoch.
    epochs = (Epoch(**{"seconds": 0.0, **epoch}) for epoch in stated["epochs"])
    return TrainingHistory(tuple(epochs), stated["best"])


@dataclass(frozen=True)
class TrainingCurve:
    """How the training behind a result ended.

    Args:
        kept: number of the epoch whose weights were kept.
        n_epochs: epochs trained.
    """

    kept: int
    n_epochs: int


@dataclass(frozen=True)
class FoldScore:
    """One system on one fold, with every seed.

    Args:
        protocol: `within`, `cross` or `aggregated`.
        fold: name of the fold, `within/emodb/03`.
        system: name of the system.
        n: utterances tested.
        n_dev: utterances that chose the epoch, None where results do not say.
        ua: seed -> unweighted accuracy.
        trainings: seed -> its training; without those that have no epochs.
    """

    protocol: str
    fold: str
    system: str
    n: int
    n_dev: int | None
    ua: Mapping[int, float]
    trainings: Mapping[int, TrainingCurve]

    @property
    def mean_ua(self) -> float:
        """Mean over seeds: what stands for the fold in every mean and every test."""
        return fmean(self.ua.values())


def fold_scores(results: Iterable[FoldResult]) -> tuple[FoldScore, ...]:
    """Scores by protocol, fold and system, speaker 10 behind speaker 9."""
    groups: dict[tuple[str, str, str], list[FoldResult]] = {}
    for result in results:
        groups.setdefault((result.protocol, result.fold, result.system), []).append(result)
    systems = display_order({system for *_, system in groups})

    def place(key: tuple[str, str, str]) -> tuple[int, list[tuple[int, str]], int]:
        protocol, fold, system = key
        return PROTOCOLS.index(protocol), _natural(fold), systems.index(system)

    return tuple(_fold_score(groups[key]) for key in sorted(groups, key=place))


def _fold_score(results: Iterable[FoldResult]) -> FoldScore:
    seeds = sorted(results, key=lambda r: r.seed)
    first = seeds[0]
    return FoldScore(
        protocol=first.protocol,
        fold=first.fold,
        system=first.system,
        n=len(first.ids),
        n_dev=first.details.get("n_dev"),
        ua={r.seed: unweighted_accuracy(r.matrix) for r in seeds},
        trainings={
            r.seed: TrainingCurve(history.best, len(history.epochs))
            for r in seeds
            if (history := history_of(r))
        },
    )


def _natural(name: str) -> list[tuple[int, str]]:
    """Parts of a name that compare as a reader would: digits as numbers, before words."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(int(p), p) if p[0] in "0123456789" else (-1, p) for p in parts]
