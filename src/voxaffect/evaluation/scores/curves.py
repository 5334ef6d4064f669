"""Learning curves of a run: what every training's epochs came to, and their means.

Letters: N trainings of one system (one a fold and seed), E epochs of the longest of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.evaluation.experiment.results import FoldResult
from voxaffect.evaluation.scores.tables import display_order
from voxaffect.model.settings import Epoch, History


@dataclass(frozen=True)
class Curves:
    """All trainings of one system.

    Args:
        system: its name.
        histories: N trainings, each of one epoch or more.
    """

    system: str
    histories: tuple[History, ...]

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
    found: dict[str, list[History]] = {}
    for result in results:
        if history := history_of(result):
            found.setdefault(result.system, []).append(history)
    return tuple(Curves(system, tuple(found[system])) for system in display_order(found))


def history_of(result: FoldResult) -> History | None:
    """The epochs behind a result, None where its system has none."""
    stated: Mapping[str, Any] | None = result.details.get("history")
    if not stated or not stated["epochs"]:
        return None
    # Results of earlier versions do not tell the wall time of an epoch.
    epochs = (Epoch(**{"seconds": 0.0, **epoch}) for epoch in stated["epochs"])
    return History(tuple(epochs), stated["best"])
