"""Temperature scaling: calibrated probabilities by one temperature, fitted on the dev set.

Source: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017. A small
dev set without errors would be fitted by certainty. As in Platt, "Probabilistic outputs for support
vector machines", 1999, the targets therefore include one pseudo-utterance spread evenly over the
classes: N utterances support a confidence of about N / (N + 1), not more.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax, softmax

from voxaffect.errors import TrainingError

Floats = NDArray[np.float64]

TEMPERATURES = (0.01, 100.0)  # bounds of the search
ACCURACY = 0.8  # of the answers that are given where uncertain ones are withheld
LEAST_ANSWERS = 20  # from which an accuracy is told


@dataclass(frozen=True)
class TemperatureCalibration:
    """Probabilities softmax(scores / temperature); the order of the classes never changes.

    Raises:
        TrainingError: the temperature is not a positive finite number.
    """

    temperature: float = 1.0
    abstain_below: float | None = field(default=None, compare=False)
    """Probability from which answers are right as often as `ACCURACY`, on what it was fitted to."""

    def __post_init__(self) -> None:
        if not 0 < self.temperature < np.inf:
            raise TrainingError(f"temperature {self.temperature}: must be positive and finite")

    @classmethod
    def fit(cls, scores: ArrayLike, y: ArrayLike) -> TemperatureCalibration:
        """The temperature of least negative log-likelihood; 1 where there are no utterances.

        Raises:
            TrainingError: scores are not (N, C) and finite, or classes not (N,) indices.
        """
        from scipy.optimize import minimize_scalar  # noqa: PLC0415 (slow to load)

        known, classes = np.asarray(scores, np.float64), np.asarray(y, np.int64)
        if known.ndim != 2 or classes.shape != known.shape[:1] or not np.isfinite(known).all():
            raise TrainingError(
                f"calibration needs finite scores (N, C) and N classes, not shapes {known.shape} "
                f"and {classes.shape}"
            )
        outside = classes[(classes < 0) | (classes >= known.shape[1])]
        if outside.size:
            raise TrainingError(
                f"calibration got class {outside[0]} where there are {known.shape[1]}; "
                "leave utterances without a class out"
            )
        if classes.size == 0:
            return cls()
        n, n_classes = known.shape  # N of N + 1 parts on the true class, one on all of them
        targets = (n * np.eye(n_classes)[classes] + 1 / n_classes) / (n + 1)

        def loss(log_temperature: float) -> float:  # convex in 1 / temperature, so one minimum
            return -float(np.sum(targets * log_softmax(known / np.exp(log_temperature), axis=1)))

        low, high = np.log(TEMPERATURES)
        best = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
        fitted = cls(float(np.exp(best.x)))
        return replace(fitted, abstain_below=answering_threshold(fitted.transform(known), classes))

    def transform(self, scores: ArrayLike) -> Floats:
        """Probabilities (N, C) of scores (N, C); every row sums to one."""
        probabilities: Floats = softmax(np.asarray(scores, np.float64) / self.temperature, axis=1)
        return probabilities


def answering_threshold(probabilities: Floats, y: NDArray[np.int64]) -> float | None:
    """Least highest probability of which answers are right in `ACCURACY` of N utterances.

    None where so many answers are right with no threshold, or where too few are answered.

    >>> certain, torn = [[0.9, 0.1]] * 30, [[0.6, 0.4]] * 30
    >>> answering_threshold(np.array(certain + torn), np.array([0] * 30 + [0, 1] * 15))
    0.9
    """
    highest = probabilities.max(axis=1)
    order = np.argsort(-highest, kind="stable")
    right = np.cumsum(probabilities.argmax(axis=1)[order] == y[order])
    accuracy = right / np.arange(1, y.size + 1)
    ordered = highest[order]
    is_last = np.append(ordered[1:] < ordered[:-1], [True])  # of equally certain ones
    good = np.flatnonzero((accuracy >= ACCURACY) & is_last)
    good = good[good + 1 >= LEAST_ANSWERS]
    if good.size == 0 or good[-1] == y.size - 1:
        return None
    return float(ordered[good[-1]])
