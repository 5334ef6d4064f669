"""Training curves (loss and dev UA by epoch), and t-SNE embeddings.

Letters: N trainings of one system (one a fold and seed), E epochs of the longest of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.manifold import TSNE

from voxaffect.evaluation.metrics import Counts, Floats
from voxaffect.model.settings import Epoch, TrainingHistory

MAX_POINTS = 2000
PERPLEXITY = 30.0
FEWEST_POINTS = 5


def embed(
    features: NDArray[np.float32], seed: int = 0
) -> tuple[NDArray[np.intp], NDArray[np.float32]] | None:
    """t-distributed stochastic neighbor embedding (t-SNE) of utterances (N, F) in the plane.

    Source: van der Maaten & Hinton, JMLR 9, 2008. The perplexity is 30, less for fewer than 91
    points. Of more than MAX_POINTS utterances a random subset is embedded.

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
        """A number of every epoch, `train_loss` or `dev_ua`, (N, E).

        A training that has stopped keeps its last values: the mean moves by no drop-out.
        """
        rows = [[getattr(epoch, name) for epoch in h.epochs] for h in self.histories]
        return np.array([row + row[-1:] * (self.n_epochs - len(row)) for row in rows])

    def running(self) -> Counts:
        """Number of trainings that reached each epoch, int64 (E,)."""
        lengths = np.array([len(history.epochs) for history in self.histories])
        return np.asarray(np.sum(lengths[:, None] > np.arange(self.n_epochs), axis=0))

    def kept(self) -> Counts:
        """Number of trainings whose best epoch is each epoch, int64 (E,)."""
        best = [history.best - 1 for history in self.histories]
        return np.bincount(best, minlength=self.n_epochs)


def training_curves(trainings: pd.DataFrame) -> tuple[Curves, ...]:
    """Training curves of every system trained by epochs, in the tables' order."""
    by_system = histories(trainings).groupby(trainings["system"], observed=True)
    return tuple(Curves(str(system), tuple(own)) for system, own in by_system)


def histories(trainings: pd.DataFrame) -> pd.Series:
    """Epochs of each training that has some."""
    found = trainings["history"].dropna()
    found = found[[bool(history["epochs"]) for history in found]]
    return found.map(lambda h: TrainingHistory(tuple(Epoch(**e) for e in h["epochs"]), h["best"]))
