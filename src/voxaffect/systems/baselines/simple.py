"""The paper's net without its last step: mean posteriors decide instead of an ELM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.model.data import Examples, FrameDataset
from voxaffect.model.training import OnEpoch
from voxaffect.systems.baselines.sklearn_machines import of_all_classes
from voxaffect.systems.classifier import (
    ClassifierOutput,
    NetClassifier,
    NetSettings,
    known_emotions,
)
from voxaffect.taxonomy import EMOTION
from voxaffect.utterance.functionals import FUNCTIONALS


class MajorityClassifier:
    """Gives every utterance the shares of the classes in training, and so the commonest of them.

    Of classes that are equally common the first in the taxonomy's order is answered. The dev set
    decides nothing; training may hold a single class.

    Attributes:
        shares_: float64 (C,), share of each class among the training utterances.
    """

    shares_: NDArray[np.float64]

    def fit(
        self,
        train: Examples,
        dev: Examples,
        *,
        seed: int,  # noqa: ARG002 nothing is drawn
        on_epoch: OnEpoch | None = None,  # noqa: ARG002 there are no epochs
    ) -> None:
        """Count the classes of `train`.

        Raises:
            TrainingError: an utterance has no emotion.
        """
        known_emotions(dev)
        counts = np.bincount(known_emotions(train), minlength=EMOTION.n_classes)
        self.shares_ = counts / counts.sum()

    def answer(self, frames: Sequence[NDArray[np.float32]]) -> ClassifierOutput:
        """The same answer for each of N utterances."""
        n = len(frames)
        return ClassifierOutput(np.tile(self.shares_, (n, 1)), np.empty((n, 0), np.float32))

    def details(self) -> dict[str, Any]:
        """Shares of the training classes, by name."""
        return {"shares": dict(zip(EMOTION.classes, self.shares_.tolist(), strict=True))}


LEAST = 1e-12
"""No mean posterior counts as less, so that its logarithm is finite."""

N_FUNCTIONALS = len(FUNCTIONALS)
MEANS = slice(FUNCTIONALS.index("mean"), N_FUNCTIONALS * EMOTION.n_classes, N_FUNCTIONALS)
"""Columns of the high-level features that hold the mean posterior of each emotion."""


class MeanPoolClassifier(NetClassifier):
    """A net whose posteriors are averaged over an utterance's frames: the largest mean wins.

    Standardization, net, training and early stopping are those of `NetClassifier`; the temperature
    is fitted to the logarithms of the means. A class that training never saw is never answered.

    Attributes:
        seen_: emotion classes in training, sorted.
    """

    seen_: NDArray[np.int64]

    def _fit_utterance_level(self, train: FrameDataset, dev: FrameDataset, seed: int) -> None:  # noqa: ARG002
        self.seen_ = np.unique(known_emotions(train.examples))

    def scores(self, high_level: NDArray[np.float32]) -> NDArray[np.float64]:
        """Logarithms of the mean posteriors, (N, C)."""
        means = high_level[:, MEANS].astype(np.float64)
        return of_all_classes(np.log(np.maximum(means[:, self.seen_], LEAST)), self.seen_)


def plain_settings(settings: NetSettings) -> dict[str, Any]:
    """What shapes such a classifier's results: a net's settings, of the ELM's the threshold alone.

    The threshold decides no answer, but the high-level features that are kept beside it.
    """
    plain = {key: value for key, value in asdict(settings).items() if key != "elm"}
    return {**plain, "utterance_level": "mean posterior", "threshold": settings.elm.threshold}
