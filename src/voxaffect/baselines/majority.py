"""The baseline that hears nothing: whatever the training set holds most of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.classifier import Answers, OnEpoch, known_emotions
from voxaffect.model.examples import Examples
from voxaffect.taxonomy import EMOTION


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

    def answer(self, frames: Sequence[NDArray[np.float32]]) -> Answers:
        """The same answer for each of N utterances."""
        n = len(frames)
        return Answers(np.tile(self.shares_, (n, 1)), np.empty((n, 0), np.float32))

    def details(self) -> dict[str, Any]:
        """Shares of the training classes, by name."""
        return {"shares": dict(zip(EMOTION.classes, self.shares_.tolist(), strict=True))}
