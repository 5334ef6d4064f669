"""Training curves (loss and dev UA by epoch), scores of single folds, and t-SNE embeddings.

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
from voxaffect.evaluation.metrics import Counts, Floats, unweighted_accuracy
from voxaffect.evaluation.results import display_order
from voxaffect.model.settings import Epoch, TrainingHistory

MAX_POINTS = 2000
PERPLEXITY = 30.0
FEWEST_POINTS = 5


def embed(
    features: NDArray[np.float32], seed: int = 0
) -> tuple[NDArray[np.intp], NDArray[np.float32]] | None:
    """t-distributed stochastic neighbor embedding (t-SNE) of utterances in the plane.

    Source: van der Maaten & Hinton, JMLR 9, 2008. The perplexity is 30, less for fewer than 91
    points. Of more than MAX_POINTS utterances a random subset is embedded.

    Args:
        features: float32 (N, F), such as `FoldResult.high_level`.
        seed: of the subset and of the optimization.

    Returns:
        Indices (M,) of the utterances embedded, in order, and their positions (M, 2). None for
        fewer than FEWEST_POINTS utterances, or where all are equal.
    """
    rows = np.arange(len(features))
    if len(features) > MAX_POINTS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MAX_POINTS, replace=False))
    chosen = features[rows]
    if len(chosen) < FEWEST_POINTS or not np.ptp(chosen, axis=0).any():
        return None
    perplexity = min(PERPLEXITY, (len(chosen) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed)
    positions: NDArray[np.float32] = tsne.fit_transform(chosen)
    return rows, positions


@dataclass(frozen=True)
class Curves:
    """All N trainings of one system, each of one epoch or more."""

    system: str
    histories: tuple[TrainingHistory, ...]

    @property
    def n_epochs(self) -> int:
        """Epochs E of the longest training."""
        return max(len(history.epochs) for history in self.histories)

    def values(self, name: str) -> Floats:
        """A number of every epoch, `train_loss` or `dev_ua`, float64 (N, E).

        A training that has stopped keeps the values of its last epoch, so that the mean curve does
        not move because trainings drop out.
        """
        rows = [[getattr(epoch, name) for epoch in h.epochs] for h in self.histories]
        return np.array([row + row[-1:] * (self.n_epochs - len(row)) for row in rows])

    def running(self) -> Counts:
        """Number of trainings that reached each epoch, int64 (E,)."""
        lengths = np.array([len(history.epochs) for history in self.histories])
        running: Counts = np.sum(lengths[:, None] > np.arange(self.n_epochs), axis=0)
        return running

    def kept(self) -> Counts:
        """Number of trainings whose best epoch is each epoch, int64 (E,)."""
        best = [history.best - 1 for history in self.histories]
        return np.bincount(best, minlength=self.n_epochs)


def training_histories(results: Sequence[FoldResult]) -> tuple[Curves, ...]:
    """Training curves of every system trained by epochs, in the tables' order."""
    found: dict[str, list[TrainingHistory]] = {}
    for result in results:
        if history := history_of(result):
            found.setdefault(result.system, []).append(history)
    return tuple(Curves(system, tuple(found[system])) for system in display_order(found))


def history_of(result: FoldResult) -> TrainingHistory | None:
    """Epochs of the training behind a result, None where its system has none."""
    stated: Mapping[str, Any] | None = result.details.get("history")
    if not stated or not stated["epochs"]:
        return None
    # Results of earlier versions have no wall time of an epoch.
    epochs = (Epoch(**{"seconds": 0.0, **epoch}) for epoch in stated["epochs"])
    return TrainingHistory(tuple(epochs), stated["best"])


@dataclass(frozen=True)
class TrainingCurve:
    """End of the training behind a result: epoch whose weights were kept, and epochs trained."""

    kept: int
    n_epochs: int


@dataclass(frozen=True)
class FoldScore:
    """One system on one fold, with every seed.

    Args:
        n: utterances tested.
        n_dev: utterances of the dev set, None where results do not say.
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
        """Mean over seeds: what counts for the fold in every mean and every test."""
        return fmean(self.ua.values())


def fold_scores(results: Iterable[FoldResult]) -> tuple[FoldScore, ...]:
    """Scores by protocol, fold and system; speaker 9 before speaker 10."""
    groups: dict[tuple[str, str, str], list[FoldResult]] = {}
    for result in sorted(results, key=lambda r: r.seed):
        groups.setdefault((result.protocol, result.fold, result.system), []).append(result)
    systems = display_order({system for *_, system in groups})

    def position(key: tuple[str, str, str]) -> tuple[int, list[tuple[int, str]], int]:
        protocol, fold, system = key
        parts = re.findall(r"[0-9]+|[^0-9]+", fold)  # numbers compare as such, before words
        natural = [(int(p), p) if p[0] in "0123456789" else (-1, p) for p in parts]
        return PROTOCOLS.index(protocol), natural, systems.index(system)

    found = []
    for key in sorted(groups, key=position):
        seeds = groups[key]
        histories = {r.seed: history for r in seeds if (history := history_of(r))}
        trainings = {n: TrainingCurve(h.best, len(h.epochs)) for n, h in histories.items()}
        ua = {r.seed: unweighted_accuracy(r.matrix) for r in seeds}
        n, n_dev = len(seeds[0].ids), seeds[0].details.get("n_dev")
        found.append(FoldScore(*key, n, n_dev, ua, trainings))
    return tuple(found)
