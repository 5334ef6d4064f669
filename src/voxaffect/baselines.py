"""Baselines that keep the nets honest: a support vector machine on functionals of descriptors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from voxaffect.classifier import Answers, OnEpoch, known_emotions
from voxaffect.model.examples import Examples
from voxaffect.taxonomy import EMOTION
from voxaffect.utterance.calibration import TemperatureCalibration

UNSEEN_SCORE = -1.0
"""Score of a class that training never saw. It never wins: the better of two classes scores at
least 0, the best of three or more wins at least one duel and scores above 2/3."""


def descriptor_functionals(frames: NDArray[np.float32]) -> NDArray[np.float64]:
    """The 12 functionals of the INTERSPEECH 2009 Emotion Challenge (Schuller et al. 2009).

    Maximum, minimum, range, relative positions of both, mean, slope, offset and mean squared error
    of a line, standard deviation, skewness and kurtosis.

    Args:
        frames: float32 (T, F).

    Returns:
        (12 F,), functional by functional; a constant column has skewness and kurtosis 0.
    """
    x = frames.astype(np.float64)
    n_frames = len(x)
    high, low, mean, deviation = x.max(0), x.min(0), x.mean(0), x.std(0)
    time = np.arange(n_frames) - (n_frames - 1) / 2
    slope = time @ x / max(float(time @ time), 1.0)
    residual = x - mean - time[:, None] * slope
    flat = deviation <= 1e-9 * np.maximum(1.0, np.abs(mean))
    z = (x - mean) / np.where(flat, 1.0, deviation)
    shape = [np.where(flat, 0.0, (z**3).mean(0)), np.where(flat, 0.0, (z**4).mean(0) - 3.0)]
    position = [x.argmax(0) / n_frames, x.argmin(0) / n_frames]
    line = [slope, mean - slope * (n_frames - 1) / 2, (residual**2).mean(0)]
    return np.concatenate([high, low, high - low, *position, mean, *line, deviation, *shape])


@dataclass(frozen=True)
class SvmSettings:
    """A support vector machine with a radial kernel.

    Args:
        penalty: C of the machine.
        class_weight: "balanced" weighs utterances by inverse class frequency.
    """

    penalty: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    class_weight: Literal["balanced"] | None = "balanced"


class SvmClassifier:
    """Support vector machine on 12 functionals of every descriptor."""

    machine_: Pipeline
    calibration_: TemperatureCalibration

    def __init__(self, settings: SvmSettings) -> None:
        self.settings = settings

    def fit(
        self,
        train: Examples,
        dev: Examples,
        *,
        seed: int,
        on_epoch: OnEpoch | None = None,  # noqa: ARG002 a machine has no epochs
    ) -> None:
        """Learn from `train`; `dev` calibrates, and nothing else.

        Raises:
            TrainingError: an utterance has no emotion.
        """
        target, dev_target = known_emotions(train), known_emotions(dev)
        machine = SVC(
            C=self.settings.penalty, class_weight=self.settings.class_weight, random_state=seed
        )
        self.machine_ = make_pipeline(StandardScaler(), machine)
        self.machine_.fit(_table(train.frames), target)
        self.calibration_ = TemperatureCalibration.fit(self._scores(dev.frames), dev_target)

    def answer(self, frames: Sequence[NDArray[np.float32]]) -> Answers:
        """Answers for N utterances, each float32 (T, F)."""
        probabilities = self.calibration_.transform(self._scores(frames))
        return Answers(probabilities, np.empty((len(frames), 0), np.float32))

    def details(self) -> dict[str, Any]:
        """The calibration's temperature."""
        return {"temperature": self.calibration_.temperature}

    def _scores(self, frames: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Scores (N, C); each row is of its own utterance alone."""
        seen = self.machine_.decision_function(_table(frames))
        if seen.ndim == 1:  # two classes, one column
            seen = np.stack([-seen, seen], axis=1)
        scores = np.full((len(seen), EMOTION.n_classes), UNSEEN_SCORE)
        scores[:, self.machine_.classes_] = seen
        return scores


def _table(frames: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    return np.stack([descriptor_functionals(f) for f in frames])
