"""What baselines share that learn from one row of numbers an utterance."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.baselines.summaries import Summary, Table, descriptor_functionals, table
from voxaffect.classifier import Answers, OnEpoch, known_emotions
from voxaffect.errors import TrainingError
from voxaffect.model.examples import Examples
from voxaffect.taxonomy import EMOTION
from voxaffect.utterance.calibration import TemperatureCalibration

Classes = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Utterances as a machine sees them.

    Args:
        values: (N, K), a row an utterance.
        target: int64 (N,), emotion classes.
    """

    values: Table
    target: Classes


class Machine(ABC):
    """Learns from one row of numbers an utterance; dev calibrates its scores.

    Args:
        summarise: makes the row of an utterance's frames.
    """

    calibration_: TemperatureCalibration

    def __init__(self, summarise: Summary = descriptor_functionals) -> None:
        self._summarise = summarise

    def fit(
        self,
        train: Examples,
        dev: Examples,
        *,
        seed: int,
        on_epoch: OnEpoch | None = None,  # noqa: ARG002 a machine has no epochs
    ) -> None:
        """Learn from `train`; `dev` chooses what the settings leave open and calibrates.

        Raises:
            TrainingError: an utterance has no emotion, or all training utterances have one.
        """
        train_rows, dev_rows = self._rows(train), self._rows(dev)
        _refuse_single_class(train_rows.target)
        self._learn(train_rows, dev_rows, seed)
        self.calibration_ = TemperatureCalibration.fit(
            self._scores(dev_rows.values), dev_rows.target
        )

    def answer(self, frames: Sequence[NDArray[np.float32]]) -> Answers:
        """Answers for N utterances, each float32 (T, F)."""
        scores = self._scores(table(frames, self._summarise))
        return Answers(self.calibration_.transform(scores), np.empty((len(frames), 0), np.float32))

    def details(self) -> dict[str, Any]:
        """The calibration's temperature."""
        return {"temperature": self.calibration_.temperature}

    @abstractmethod
    def _learn(self, train: Rows, dev: Rows, seed: int) -> None:
        """Learn from `train`; `dev` may choose among settings, and nothing else."""

    @abstractmethod
    def _scores(self, values: Table) -> Table:
        """Scores (N, C) of rows (N, K); each row is of its own utterance alone."""

    def _rows(self, examples: Examples) -> Rows:
        target = known_emotions(examples)
        return Rows(table(examples.frames, self._summarise), target)


def of_all_classes(scores: Table, seen: Classes) -> Table:
    """Scores (N, C) of all classes; one that training never saw is 1 below the least of its row.

    Args:
        scores: (N, K), of the classes seen.
        seen: (K,), these classes.
    """
    least = scores.min(axis=1, keepdims=True)
    every = np.repeat(least - 1.0, EMOTION.n_classes, axis=1)
    every[:, seen] = scores
    return every


def _refuse_single_class(target: Classes) -> None:
    classes = np.unique(target)
    if classes.size == 1:
        raise TrainingError(
            f"all {target.size} training utterances are {EMOTION.classes[classes[0]]}; this "
            "machine takes two classes or more, so add data or compare with majority alone"
        )
