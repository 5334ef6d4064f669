"""Baselines: chance, scikit-learn estimators on one row an utterance, nets without an ELM."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import stats
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from voxaffect.errors import FeatureError, TrainingError
from voxaffect.model.data import Examples, FrameDataset
from voxaffect.model.training import OnEpoch
from voxaffect.systems.classifier import ClassifierOutput, NetClassifier, known_emotions
from voxaffect.taxonomy import EMOTION
from voxaffect.utterance.calibration import TemperatureCalibration
from voxaffect.utterance.functionals import FUNCTIONALS

Table = NDArray[np.float64]
Summary = Callable[[NDArray[np.float32]], Table]
"""Frames float32 (T, F) -> one row (K,)."""


class MajorityClassifier:
    """Gives every utterance the shares of the classes in training, and so the commonest of them.

    Of equally common classes the taxonomy's first is answered. Training may hold a single class.
    """

    shares_: Table  # (C,)

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


LEAST = 1e-12  # no mean posterior counts as less, so that its logarithm is finite
N_COLUMNS = len(FUNCTIONALS)
MEANS = slice(FUNCTIONALS.index("mean"), N_COLUMNS * EMOTION.n_classes, N_COLUMNS)
"""Columns of the high-level features that hold the mean posterior of each emotion."""


class MeanPoolClassifier(NetClassifier):
    """A net whose posteriors are averaged over an utterance's frames: the largest mean wins.

    All but the utterance level is as in `NetClassifier`; the temperature is fitted to the
    logarithms of the means. A class that training never saw is never answered.
    """

    seen_: NDArray[np.int64]  # emotion classes in training, sorted

    def _fit_utterance_level(self, train: FrameDataset, dev: FrameDataset, seed: int) -> None:  # noqa: ARG002
        self.seen_ = np.unique(known_emotions(train.examples))

    def scores(self, high_level: NDArray[np.float32]) -> Table:
        """Logarithms of the mean posteriors, (N, C)."""
        means = high_level[:, MEANS].astype(np.float64)
        return of_all_classes(np.log(np.maximum(means[:, self.seen_], LEAST)), self.seen_)


def descriptor_functionals(frames: NDArray[np.float32]) -> Table:
    """The 12 functionals of the INTERSPEECH 2009 Emotion Challenge (Schuller et al. 2009).

    Of frames (T, F), functional by functional, (12 F,): maximum, minimum, range, relative positions
    of both, mean, slope, offset and mean squared error of a line, standard deviation, skewness and
    kurtosis (0 for a constant column).
    """
    x = frames.astype(np.float64)
    n_frames = len(x)
    high, low, mean = x.max(0), x.min(0), x.mean(0)
    time = np.arange(n_frames) - (n_frames - 1) / 2
    slope = time @ x / max(float(time @ time), 1.0)
    residual = x - mean - time[:, None] * slope
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of constant columns
        shape = np.nan_to_num([stats.skew(x), stats.kurtosis(x)])
    position = [x.argmax(0) / n_frames, x.argmin(0) / n_frames]
    line = [slope, mean - slope * (n_frames - 1) / 2, (residual**2).mean(0)]
    return np.concatenate([high, low, high - low, *position, mean, *line, x.std(0), *shape])


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
    return np.asarray(frames[0], np.float64)


def of_all_classes(scores: Table, seen: NDArray[np.int64], unseen: float | None = None) -> Table:
    """Scores (N, C) of all classes, given those of the classes seen, (N, K) and (K,).

    The others score `unseen`, or 1 below the least of a row.
    """
    floor = scores.min(axis=1, keepdims=True) - 1.0 if unseen is None else [[unseen]]
    every = np.array(np.broadcast_to(floor, (len(scores), EMOTION.n_classes)))
    every[:, seen] = scores
    return every


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Penalties = Annotated[tuple[Positive, ...], Field(min_length=1)]
Estimator = Callable[..., ClassifierMixin]


@dataclass(frozen=True)
class SvmSettings:
    """A support vector machine with a radial kernel."""

    estimator: ClassVar[Estimator] = SVC

    penalty: Positive = 1.0  # C of the machine
    class_weight: Literal["balanced"] | None = "balanced"  # by inverse class frequency

    @property
    def penalties(self) -> tuple[float, ...]:
        """Values of C to choose from: one."""
        return (self.penalty,)


MAX_STEPS = 10_000  # far beyond what the linear solvers need on standardized rows


@dataclass(frozen=True)
class LinearSettings:
    """A linear classifier."""

    estimator: ClassVar[Estimator]

    penalties: Penalties  # values of C, of which the dev set chooses one; a single one is fixed
    class_weight: Literal["balanced"] | None = "balanced"  # by inverse class frequency


@dataclass(frozen=True)
class LogisticSettings(LinearSettings):
    """A multinomial logistic regression with a squared penalty; scores are log-probabilities."""

    estimator = staticmethod(partial(LogisticRegression, max_iter=MAX_STEPS))

    penalties: Penalties = (1e-4, 1e-3, 1e-2, 1e-1)


@dataclass(frozen=True)
class LinearSvmSettings(LinearSettings):
    """A linear support vector machine, one class against the rest; scores are distances."""

    estimator = staticmethod(partial(LinearSVC, max_iter=MAX_STEPS))

    penalties: Penalties = (1e-5, 1e-4, 1e-3)


UNSEEN_SCORE = -1.0
"""SVM score of a class missing in training. It never wins: the better of two classes scores at
least 0, the best of three or more wins at least one duel and scores above 2/3."""


class SklearnClassifier:
    """An estimator of scikit-learn on standardized rows, one an utterance; dev calibrates it.

    Dev also chooses the C of a linear one: the highest UA, of equals the smallest C. On as many
    numbers as ComParE's 6,373 a plane separates nearly any training set, and what matters is the
    penalty. Standardized rows of K numbers have squared lengths about K, so that the candidates are
    decades about C = 1 / K. A linear machine on ComParE's numbers with a C chosen on dev is the
    baseline of the ComParE challenges (Schuller et al., Interspeech 2016).
    """

    scaler_: StandardScaler
    estimator_: ClassifierMixin
    penalty_: float
    calibration_: TemperatureCalibration

    def __init__(
        self, settings: SvmSettings | LinearSettings, summarize: Summary = descriptor_functionals
    ) -> None:
        self.settings, self._summarize = settings, summarize
        self._is_linear = isinstance(settings, LinearSettings)

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
            (self._rows(examples.frames), known_emotions(examples)) for examples in (train, dev)
        )
        classes, dev_classes = np.unique(target), np.unique(dev_target)
        if classes.size == 1:
            raise TrainingError(
                f"all {target.size} training utterances are {EMOTION.classes[classes[0]]}; this "
                "system needs two classes or more: add data, or compare with majority alone"
            )
        self.scaler_ = StandardScaler().fit(rows)
        rows, dev_scaled = self.scaler_.transform(rows), self.scaler_.transform(dev_rows)
        best = -1.0
        for penalty in sorted(self.settings.penalties):
            estimator = self.settings.estimator(
                C=penalty, class_weight=self.settings.class_weight, random_state=seed
            ).fit(rows, target)
            answers = estimator.predict(dev_scaled)
            reached = recall_score(dev_target, answers, labels=dev_classes, average="macro")
            if reached > best:
                best, self.estimator_, self.penalty_ = reached, estimator, penalty
        self.calibration_ = TemperatureCalibration.fit(self._scores(dev_rows), dev_target)

    def answer(self, frames: Sequence[NDArray[np.float32]]) -> ClassifierOutput:
        """Answers for N utterances, each float32 (T, F)."""
        probabilities = self.calibration_.transform(self._scores(self._rows(frames)))
        return ClassifierOutput(probabilities, np.empty((len(frames), 0), np.float32))

    def details(self) -> dict[str, Any]:
        """Temperature, and the C that dev chose."""
        chosen = {"penalty": self.penalty_} if self._is_linear else {}
        return {"temperature": self.calibration_.temperature, **chosen}

    def _rows(self, frames: Sequence[NDArray[np.float32]]) -> Table:
        return np.stack([self._summarize(f) for f in frames])

    def _scores(self, rows: Table) -> Table:
        seen = self.estimator_.decision_function(self.scaler_.transform(rows))
        if seen.ndim == 1:  # two classes, one column; log odds are shared between them
            seen = np.stack([-seen, seen], axis=1) / (2 if self._is_linear else 1)
        unseen = None if self._is_linear else UNSEEN_SCORE
        return of_all_classes(seen, self.estimator_.classes_, unseen)
