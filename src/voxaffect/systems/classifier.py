"""From the frames of an utterance to one decision: the paper's chain, learned and applied.

frames -> standardized -> net -> posteriors a frame -> functionals -> ELM -> calibrated probability
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from voxaffect.errors import TrainingError, VoxaffectError
from voxaffect.features.standardize import Standardizer
from voxaffect.model.data import Examples, Parts, banks
from voxaffect.model.multitask import MultiTaskNet, NetShape, Posteriors, each_utterance, posteriors
from voxaffect.model.settings import Epoch, TrainingHistory, TrainingSettings
from voxaffect.model.training import TrainedNet, TrainingTask, fit
from voxaffect.model.trunks import LstmSettings, TrunkSettings
from voxaffect.taxonomy import EMOTION, MISSING, TASKS
from voxaffect.utterance.calibration import TemperatureCalibration
from voxaffect.utterance.elm_scores import ElmScores
from voxaffect.utterance.functionals import functionals

OnEpoch = Callable[[Epoch], None]


@dataclass(frozen=True)
class ClassifierOutput:
    """What a classifier says of N utterances.

    Args:
        probabilities: float64 (N, C), of the emotion classes.
        high_level: float32 (N, 4 C), functionals of the posteriors, of the subtasks' too where the
            utterance level sees them; (N, 0) where there are none.
        posteriors: posteriors a frame and task, None where a classifier has none.
    """

    probabilities: NDArray[np.float64]
    high_level: NDArray[np.float32]
    posteriors: Posteriors | None = None

    @property
    def classes(self) -> NDArray[np.int64]:
        """The decision for each utterance, int64 (N,)."""
        decisions: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return decisions


class UtteranceClassifier(Protocol):
    """Anything that learns classes of utterances from their frames."""

    def fit(
        self, train: Examples, dev: Examples, *, seed: int, on_epoch: OnEpoch | None = None
    ) -> None:
        """Learn from `train`; `dev` chooses the epoch and calibrates, and nothing else."""

    def answer(self, frames: Sequence[NDArray[np.float32]]) -> ClassifierOutput:
        """Answers for N utterances, each float32 (T, F)."""

    def details(self) -> dict[str, Any]:
        """What training came to, as plain values for the report."""


@dataclass(frozen=True)
class ElmSettings:
    """How the utterance level is learned.

    Args:
        n_hidden: hidden units; Han et al. (2014) use 120.
        ridge: "gcv" chooses the ridge by generalized cross-validation, a number fixes it.
        class_weight: "balanced" weighs utterances by inverse class frequency.
        threshold: posterior above which a frame counts in the fourth functional.
        posteriors: "in-fold" trains on posteriors of the net's own training utterances, as the
            paper; "out-of-fold" on posteriors from nets that have not seen them.
        n_parts: parts of the training set for "out-of-fold".
        subtasks: whether the utterance level also sees the posteriors of the subtasks: four
            functionals for each class of every task that the net learns.
    """

    n_hidden: Annotated[int, Field(ge=1)] = 120
    ridge: Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["gcv"] = "gcv"
    class_weight: Literal["balanced"] | None = "balanced"
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.2
    posteriors: Literal["in-fold", "out-of-fold"] = "in-fold"
    n_parts: Annotated[int, Field(ge=2)] = 5
    subtasks: bool = False


@dataclass(frozen=True)
class NetSettings:
    """Everything that shapes a net classifier.

    Args:
        trunk: the shared part of the net.
        task_weights: task -> weight in the loss; emotion alone is the single-task net.
        training: how the net is trained.
        elm: how the utterance level is learned.
        private_layers: layers of each task's own between trunk and class scores.
    """

    trunk: TrunkSettings = LstmSettings()
    task_weights: Mapping[str, float] = field(default_factory=lambda: {EMOTION.name: 1.0})
    training: TrainingSettings = TrainingSettings()
    elm: ElmSettings = ElmSettings()
    private_layers: int = 0

    @property
    def net(self) -> NetSettings:
        """What of them decides the net: all but the utterance level, which learns from it."""
        return replace(self, elm=ElmSettings())

    def plain(self) -> dict[str, Any]:
        """The settings as plain values, for digests and saved recognizers."""
        return asdict(self)


class NetClassifier:
    """The paper's system: net, functionals, extreme learning machine.

    Attributes:
        standardizer_: statistics of the training frames.
        net_: the trained net.
        elm_: what the extreme learning machine has learned.
        calibration_: temperature fitted on the dev set.
        history_: the net's training.
    """

    standardizer_: Standardizer
    net_: MultiTaskNet
    elm_: ElmScores
    calibration_: TemperatureCalibration
    history_: TrainingHistory | None = None

    def __init__(self, settings: NetSettings) -> None:
        self.settings = settings

    def fit(
        self, train: Examples, dev: Examples, *, seed: int, on_epoch: OnEpoch | None = None
    ) -> None:
        """Learn from `train`; `dev` chooses the epoch and calibrates, and nothing else.

        Raises:
            TrainingError: an utterance has no emotion, or the net diverges.
        """
        (failure,) = fit_together([self], [TrainDevSplit(train, dev, seed)], on_epoch=on_epoch)
        if failure is not None:
            raise failure

    def answer(self, frames: Sequence[NDArray[np.float32]]) -> ClassifierOutput:
        """Answers for N utterances, each float32 (T, F)."""
        by_frame = posteriors(self.net_, self.parts(Examples(frames)))
        high_level = np.stack(
            [
                self._functionals({task: by_frame[task][i] for task in by_frame.by_task})
                for i in range(len(frames))
            ]
        )
        return ClassifierOutput(self.decide(high_level), high_level, by_frame)

    def decide(self, high_level: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (N, C) of the emotion classes by utterances' high-level features (N, 4 C).

        Args:
            high_level: functionals of the posteriors of `utterance_tasks`, task after task.
        """
        return self.calibration_.transform(self.scores(high_level))

    def details(self) -> dict[str, Any]:
        """Epochs and temperature, as plain values."""
        return {
            "temperature": self.calibration_.temperature,
            "history": None if self.history_ is None else asdict(self.history_),
        }

    def summary(self) -> str:
        """One line on the training."""
        assert self.history_ is not None  # noqa: S101 asked after fit
        best = self.history_.epochs[self.history_.best - 1]
        return f"best epoch {best.number} of {len(self.history_.epochs)}, dev UA {best.dev_ua:.3f}"

    def shape(self, n_features: int) -> NetShape:
        """The net's shape for F features a frame."""
        n_classes = {task: TASKS[task].n_classes for task in self.settings.task_weights}
        return NetShape(self.settings.trunk, n_features, n_classes, self.settings.private_layers)

    def _lesson(self, train: Parts, dev: Parts, seed: int) -> TrainingTask:
        net = MultiTaskNet.drawn(self.shape(train.examples.frames[0].shape[1]), seed)
        return TrainingTask(net, train, dev, self.settings.task_weights, seed)

    def _finish(self, trained: TrainedNet, lesson: TrainingTask, material: TrainDevSplit) -> None:
        """Learn the utterance level, and how sure to be."""
        self.net_, self.history_ = trained.net, trained.history
        self._fit_utterance_level(lesson, material)
        dev_scores = self.scores(self.high_level(self.net_, lesson.dev))
        self.calibration_ = TemperatureCalibration.fit(dev_scores, known_emotions(material.dev))

    def _fit_utterance_level(self, lesson: TrainingTask, material: TrainDevSplit) -> None:
        """Learn what makes scores of an utterance's high-level features."""
        from voxaffect.utterance.elm import ExtremeLearningMachine  # noqa: PLC0415 (slow to load)

        if self.settings.elm.posteriors == "out-of-fold":
            high_level = self._out_of_fold(material, lesson.dev)
        else:
            high_level = self.high_level(self.net_, lesson.train)
        elm = ExtremeLearningMachine(
            n_hidden=self.settings.elm.n_hidden,
            ridge=self.settings.elm.ridge,
            class_weight=self.settings.elm.class_weight,
            random_state=material.seed,
        )
        self.elm_ = elm.fit(high_level, known_emotions(material.train)).learned()

    def _out_of_fold(self, material: TrainDevSplit, dev: Parts) -> NDArray[np.float32]:
        """High-level features of each training utterance from a net that has not seen it."""
        train, seed, n_parts = material.train, material.seed, self.settings.elm.n_parts
        part = np.random.default_rng(seed).permutation(len(train)) % n_parts
        high_level = np.empty((len(train), 4 * self._n_posteriors), np.float32)
        for k in range(n_parts):
            outside = self.parts(train.select(np.flatnonzero(part != k)))
            (trained,) = fit([self._lesson(outside, dev, seed + k + 1)], self.settings.training)
            if isinstance(trained, TrainingError):
                raise trained
            inside = np.flatnonzero(part == k)
            high_level[inside] = self.high_level(trained.net, self.parts(train.select(inside)))
        return high_level

    def parts(self, examples: Examples) -> Parts:
        """Examples as the net takes them: standardized, on its device."""
        training = self.settings.training
        return Parts(examples, self.standardizer_, training.device, training.resident_bytes)

    @property
    def _n_posteriors(self) -> int:
        """Posteriors a frame that the utterance level sees."""
        return sum(TASKS[task].n_classes for task in self.utterance_tasks)

    @property
    def utterance_tasks(self) -> tuple[str, ...]:
        """Tasks whose posteriors the utterance level sees."""
        return tuple(self.settings.task_weights) if self.settings.elm.subtasks else (EMOTION.name,)

    def high_level(self, net: MultiTaskNet, parts: Parts) -> NDArray[np.float32]:
        """High-level features of N utterances, of which one batch's posteriors are in memory."""
        high_level = np.empty((len(parts.examples), 4 * self._n_posteriors), np.float32)
        for row, by_task in each_utterance(net, parts):
            high_level[row] = self._functionals(by_task)
        return high_level

    def _functionals(self, by_task: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """High-level features of one utterance, (4 C,) or, with subtasks, those of all tasks."""
        threshold, tasks = self.settings.elm.threshold, self.utterance_tasks
        return np.concatenate([functionals(by_task[task], threshold) for task in tasks])

    def scores(self, high_level: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores (N, C) of high-level features, whichever classes the training set held."""
        return self.elm_.class_scores(high_level, EMOTION.n_classes)


@dataclass(frozen=True)
class TrainDevSplit:
    """What one classifier learns from.

    Args:
        train: utterances to learn from.
        dev: utterances that choose the epoch and calibrate.
        seed: of all its random choices.
    """

    train: Examples
    dev: Examples
    seed: int


def fit_together(
    classifiers: Sequence[NetClassifier],
    materials: Sequence[TrainDevSplit],
    *,
    on_epoch: OnEpoch | None = None,
) -> list[VoxaffectError | None]:
    """Fit classifiers whose nets train as one stack, each as if it were alone.

    Classifiers that learn from one and the same material, and differ in nothing before the
    utterance level, share a net that is trained once.

    Args:
        classifiers: S of them, with the same trunk and training settings.
        materials: S of them; the frames of different nets must fit into memory together.
        on_epoch: told of every epoch of every net.

    Returns:
        for each classifier why it could not be fitted, None where it was.

    Raises:
        TrainingError: an utterance has no emotion.
    """
    alike = _alike(classifiers, materials)
    first = [group[0] for group in alike]
    lessons = _lessons([classifiers[i] for i in first], [materials[i] for i in first])
    told = None if on_epoch is None else lambda _, epoch: on_epoch(epoch)
    outcomes = fit(lessons, classifiers[0].settings.training, on_epoch=told)
    failures: dict[int, VoxaffectError | None] = {}
    for group, lesson, outcome in zip(alike, lessons, outcomes, strict=True):
        for i in group:
            classifiers[i].standardizer_ = classifiers[group[0]].standardizer_
            failures[i] = _finished(classifiers[i], outcome, lesson, materials[i])
    return [failures[i] for i in range(len(classifiers))]


def _alike(
    classifiers: Sequence[NetClassifier], materials: Sequence[TrainDevSplit]
) -> list[list[int]]:
    """Numbers of the classifiers that have each net."""
    groups: dict[tuple[int, str], list[int]] = {}
    for i, (classifier, material) in enumerate(zip(classifiers, materials, strict=True)):
        groups.setdefault((id(material), repr(classifier.settings.net)), []).append(i)
    return list(groups.values())


def _lessons(
    classifiers: Sequence[NetClassifier], materials: Sequence[TrainDevSplit]
) -> list[TrainingTask]:
    """What each classifier's net learns from, by the statistics of its own training frames.

    Raises:
        TrainingError: an utterance has no emotion.
    """
    for classifier, material in zip(classifiers, materials, strict=True):
        known_emotions(material.train)
        known_emotions(material.dev)
        classifier.standardizer_ = Standardizer.fit(material.train.frames)
    trains = _in_memory(classifiers, [m.train for m in materials])
    devs = _in_memory(classifiers, [m.dev for m in materials])
    return [
        classifier._lesson(train, dev, material.seed)
        for classifier, train, dev, material in zip(
            classifiers, trains, devs, materials, strict=True
        )
    ]


def _finished(
    classifier: NetClassifier,
    outcome: TrainedNet | TrainingError,
    lesson: TrainingTask,
    material: TrainDevSplit,
) -> VoxaffectError | None:
    """Why a classifier has no utterance level, None where it has."""
    if isinstance(outcome, TrainingError):
        return outcome
    try:
        classifier._finish(outcome, lesson, material)
    except VoxaffectError as fault:
        return fault
    return None


def _in_memory(classifiers: Sequence[NetClassifier], several: Sequence[Examples]) -> list[Parts]:
    """Examples of each classifier; those of two or more on one pool."""
    if len(classifiers) == 1:
        return [classifiers[0].parts(several[0])]
    standardizers = [classifier.standardizer_ for classifier in classifiers]
    device = classifiers[0].settings.training.device
    return [
        Parts.of_bank(bank, examples)
        for bank, examples in zip(banks(several, standardizers, device), several, strict=True)
    ]


def known_emotions(examples: Examples) -> NDArray[np.int64]:
    """Emotion class of every utterance, int64 (N,).

    Raises:
        TrainingError: an utterance has none.
    """
    target = examples.targets[EMOTION.name]
    if (target == MISSING).any():
        row = int(np.flatnonzero(target == MISSING)[0])
        raise TrainingError(
            f"utterance {row} has no emotion; leave excluded utterances out of train and dev"
        )
    return target
