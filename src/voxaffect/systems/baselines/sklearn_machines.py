"""Baselines of scikit-learn on one row of numbers an utterance: SVMs and logistic regression."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from voxaffect.errors import FeatureError, TrainingError
from voxaffect.model.data import Examples
from voxaffect.model.training import OnEpoch
from voxaffect.systems.classifier import ClassifierOutput, known_emotions
from voxaffect.taxonomy import EMOTION
from voxaffect.utterance.calibration import TemperatureCalibration

Table = NDArray[np.float64]

Summary = Callable[[NDArray[np.float32]], Table]
"""Frames float32 (T, F) -> one row (K,)."""


def descriptor_functionals(frames: NDArray[np.float32]) -> Table:
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


def only_row(frames: NDArray[np.float32]) -> Table:
    """The one frame of features that describe an utterance as a whole, float32 (1, F) -> (F,).

    Raises:
        FeatureError: there are several frames.
    """
    if len(frames) != 1:
        raise FeatureError(
            f"an utterance has {len(frames)} frames where one row of functionals is expected; use "
            "a feature set that describes utterances, or another system"
        )
    row: Table = frames[0].astype(np.float64)
    return row


def table(frames: Sequence[NDArray[np.float32]], summarize: Summary) -> Table:
    """Rows (N, K) of N utterances."""
    return np.stack([summarize(f) for f in frames])


Classes = NDArray[np.int64]


SettingsT = TypeVar("SettingsT")


class SklearnBaseline(ABC, Generic[SettingsT]):
    """A classifier of one row of numbers an utterance; dev calibrates its scores.

    Args:
        settings: of the estimator.
        summarize: makes the row of an utterance's frames.
    """

    calibration_: TemperatureCalibration

    def __init__(self, settings: SettingsT, summarize: Summary = descriptor_functionals) -> None:
        self.settings, self._summarize = settings, summarize

    def fit(
        self,
        train: Examples,
        dev: Examples,
        *,
        seed: int,
        on_epoch: OnEpoch | None = None,  # noqa: ARG002 there are no epochs
    ) -> None:
        """Train on `train`; `dev` chooses what the settings leave open and calibrates.

        Raises:
            TrainingError: an utterance has no emotion, or all training utterances have one.
        """
        (rows, target), (dev_rows, dev_target) = (
            (table(examples.frames, self._summarize), known_emotions(examples))
            for examples in (train, dev)
        )
        classes = np.unique(target)
        if classes.size == 1:
            raise TrainingError(
                f"all {target.size} training utterances are {EMOTION.classes[classes[0]]}; this "
                "system needs two classes or more: add data, or compare with majority alone"
            )
        self._fit_estimator((rows, target), (dev_rows, dev_target), seed)
        self.calibration_ = TemperatureCalibration.fit(self._scores(dev_rows), dev_target)

    def answer(self, frames: Sequence[NDArray[np.float32]]) -> ClassifierOutput:
        """Answers for N utterances, each float32 (T, F)."""
        scores = self._scores(table(frames, self._summarize))
        return ClassifierOutput(
            self.calibration_.transform(scores), np.empty((len(frames), 0), np.float32)
        )

    def details(self) -> dict[str, Any]:
        """The calibration's temperature."""
        return {"temperature": self.calibration_.temperature}

    @abstractmethod
    def _fit_estimator(
        self, train: tuple[Table, Classes], dev: tuple[Table, Classes], seed: int
    ) -> None:
        """Fit to rows (N, K) and classes (N,); `dev` may only choose among settings."""

    @abstractmethod
    def _scores(self, rows: Table) -> Table:
        """Scores (N, C) of rows (N, K), each of its own row alone."""


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


MAX_STEPS = 10_000
"""Far beyond what the solvers need on standardized rows."""

Penalties = Annotated[
    tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...], Field(min_length=1)
]


@dataclass(frozen=True)
class LinearSettings:
    """A linear classifier.

    Args:
        penalties: values of C, of which the dev set chooses one; a single one is fixed.
        class_weight: "balanced" weighs utterances by inverse class frequency.
    """

    penalties: Penalties
    class_weight: Literal["balanced"] | None = "balanced"


@dataclass(frozen=True)
class LogisticSettings(LinearSettings):
    """A logistic regression with a squared penalty, multinomial."""

    penalties: Penalties = (1e-4, 1e-3, 1e-2, 1e-1)


@dataclass(frozen=True)
class LinearSvmSettings(LinearSettings):
    """A linear support vector machine, one class against the rest."""

    penalties: Penalties = (1e-5, 1e-4, 1e-3)


class LinearBaseline(SklearnBaseline[LinearSettings]):
    """A linear classifier on standardized rows, its C chosen on the dev set.

    On as many numbers as ComParE's 6,373 a plane separates nearly any training set, and what
    matters is the penalty. Standardized rows of K numbers have squared lengths about K, so that the
    candidates are decades about C = 1 / K. A linear machine on ComParE's numbers with a C chosen on
    dev is the baseline of the ComParE challenges (Schuller et al., Interspeech 2016). The C with
    the highest UA on dev is taken, of equals the smallest.
    """

    kind: type[ClassifierMixin]
    scaler_: StandardScaler
    estimator_: ClassifierMixin
    penalty_: float

    def details(self) -> dict[str, Any]:
        """Temperature, and the C that dev chose."""
        return {**super().details(), "penalty": self.penalty_}

    def _fit_estimator(
        self, train: tuple[Table, Classes], dev: tuple[Table, Classes], seed: int
    ) -> None:
        self.scaler_ = StandardScaler().fit(train[0])
        rows, dev_rows = self.scaler_.transform(train[0]), self.scaler_.transform(dev[0])
        fixed = {"class_weight": self.settings.class_weight, "random_state": seed}
        best, labels = -1.0, np.unique(dev[1])
        for penalty in sorted(self.settings.penalties):
            estimator = self.kind(C=penalty, max_iter=MAX_STEPS, **fixed).fit(rows, train[1])
            answers = estimator.predict(dev_rows)
            reached = float(recall_score(dev[1], answers, labels=labels, average="macro"))
            if reached > best:
                best, self.estimator_, self.penalty_ = reached, estimator, penalty

    def _scores(self, rows: Table) -> Table:
        seen = self.estimator_.decision_function(self.scaler_.transform(rows))
        if seen.ndim == 1:  # two classes: log odds are shared between them
            seen = np.stack([-seen, seen], axis=1) / 2
        return of_all_classes(seen, self.estimator_.classes_)


class LogisticClassifier(LinearBaseline):
    """Logistic regression; at temperature 1 its scores are its own log-probabilities."""

    kind = LogisticRegression


class LinearSvmClassifier(LinearBaseline):
    """Linear support vector machine; its scores are distances from the planes, calibrated."""

    kind = LinearSVC


UNSEEN_SCORE = -1.0
"""SVM score of a class missing in training. It never wins: the better of two classes scores at
least 0, the best of three or more wins at least one duel and scores above 2/3."""


@dataclass(frozen=True)
class SvmSettings:
    """A support vector machine with a radial kernel.

    Args:
        penalty: C of the machine.
        class_weight: "balanced" weighs utterances by inverse class frequency.
    """

    penalty: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    class_weight: Literal["balanced"] | None = "balanced"


class SvmClassifier(SklearnBaseline[SvmSettings]):
    """Support vector machine; dev decides nothing but the temperature."""

    estimator_: Pipeline

    def _fit_estimator(
        self,
        train: tuple[Table, Classes],
        dev: tuple[Table, Classes],  # noqa: ARG002 nothing to choose
        seed: int,
    ) -> None:
        weights = self.settings.class_weight
        svm = SVC(C=self.settings.penalty, class_weight=weights, random_state=seed)
        self.estimator_ = make_pipeline(StandardScaler(), svm).fit(*train)

    def _scores(self, rows: Table) -> Table:
        seen = self.estimator_.decision_function(rows)
        if seen.ndim == 1:  # two classes, one column
            seen = np.stack([-seen, seen], axis=1)
        scores = np.full((len(seen), EMOTION.n_classes), UNSEEN_SCORE)
        scores[:, self.estimator_.classes_] = seen
        return scores
