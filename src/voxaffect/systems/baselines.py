"""Baselines: chance, and nets without an ELM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import ArtifactError
from voxaffect.model.data import Examples, FrameDataset
from voxaffect.model.training import OnEpoch
from voxaffect.systems.classifier import (
    ClassifierOutput,
    NetClassifier,
    State,
    known_emotions,
    part_of,
)
from voxaffect.systems.machines import Classes, check_classes, of_all_classes
from voxaffect.systems.summaries import Table
from voxaffect.taxonomy import EMOTION
from voxaffect.utterance.functionals import FUNCTIONALS


class MajorityClassifier:
    """Gives every utterance the shares of the classes in training, and so the commonest of them.

    Of equally common classes the taxonomy's first is answered. Training may hold a single class.
    """

    tasks = (EMOTION.name,)
    device = "cpu"
    n_features = None

    shares_: Table  # (C,)

    @property
    def is_fitted(self) -> bool:
        """Whether classes have been counted."""
        return hasattr(self, "shares_")

    def fit(
        self,
        train: Examples,
        dev: Examples,
        *,
        seed: int,  # noqa: ARG002 nothing is drawn
        on_epoch: OnEpoch | None = None,  # noqa: ARG002 there are no epochs
    ) -> None:
        """Count the classes of `train`; every utterance must have an emotion."""
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

    def summary(self) -> str:
        """The commonest class."""
        return f"always {EMOTION.classes[int(self.shares_.argmax())]}"

    def state(self) -> State:
        """The shares."""
        return State({}, {"shares": self.shares_})

    def restore(self, state: State) -> None:
        """Take over shares; ArtifactError if there is not one a class."""
        shares = part_of(state.arrays, "", ["shares"], "the classifier")["shares"]
        if shares.shape != (EMOTION.n_classes,):
            raise ArtifactError(f"shares have shape {shares.shape}; save the recognizer again")
        self.shares_ = shares


LEAST = 1e-12  # no mean posterior counts as less, so that its logarithm is finite
N_COLUMNS = len(FUNCTIONALS)
MEANS = slice(FUNCTIONALS.index("mean"), N_COLUMNS * EMOTION.n_classes, N_COLUMNS)
"""Columns of the high-level features that hold the mean posterior of each emotion."""


class MeanPoolClassifier(NetClassifier):
    """A net whose posteriors are averaged over an utterance's frames: the largest mean wins.

    All but the utterance level is as in `NetClassifier`; the temperature is fitted to the
    logarithms of the means. A class that training never saw is never answered.
    """

    seen_: Classes  # emotion classes in training, sorted

    def _fit_utterance_level(self, train: FrameDataset, dev: FrameDataset, seed: int) -> None:  # noqa: ARG002
        self.seen_ = np.unique(known_emotions(train.examples))

    def _utterance_level(self) -> dict[str, NDArray[Any]]:
        return {"seen": self.seen_}

    def _restore_utterance_level(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.seen_ = part_of(arrays, "", ["seen"], "the utterance level")["seen"]
        check_classes(self.seen_)

    def scores(self, high_level: NDArray[np.float32]) -> Table:
        """Logarithms of the mean posteriors, (N, C)."""
        means = high_level[:, MEANS].astype(np.float64)
        return of_all_classes(np.log(np.maximum(means[:, self.seen_], LEAST)), self.seen_)
