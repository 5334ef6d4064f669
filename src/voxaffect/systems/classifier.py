"""Classifiers of utterances: what all have in common, and the paper's, from frames to a decision.

frames -> standardized -> net -> posteriors a frame -> functionals -> ELM -> calibrated probability
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from voxaffect.errors import ArtifactError, FeatureError, TrainingError
from voxaffect.features.standardize import Standardizer
from voxaffect.model.data import Examples, FrameDataset
from voxaffect.model.multitask import MultiTaskNet, NetShape, Posteriors, each_utterance, posteriors
from voxaffect.model.settings import TrainingHistory, TrainingSettings
from voxaffect.model.training import OnEpoch, fit
from voxaffect.model.trunks import LstmSettings, TrunkSettings
from voxaffect.taxonomy import EMOTION, MISSING, TASKS
from voxaffect.utterance.calibration import TemperatureCalibration
from voxaffect.utterance.elm_scores import ElmScores
from voxaffect.utterance.functionals import FUNCTIONALS, functionals


@dataclass(frozen=True)
class ClassifierOutput:
    """Answers of a classifier for N utterances.

    High-level features are (N, 4 C) functionals of the posteriors, of the subtasks' too where the
    utterance level uses them; (N, 0) where there are none.
    """

    probabilities: NDArray[np.float64]  # (N, C), of the emotion classes
    high_level: NDArray[np.float32]
    posteriors: Posteriors | None = None  # of every frame by task
    rows: NDArray[np.float32] | None = None
    """(N, K), the standardized rows of a classifier that learns from one row an utterance."""

    @property
    def classes(self) -> NDArray[np.int64]:
        """The decision for each utterance, int64 (N,)."""
        decisions: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return decisions


class State(NamedTuple):
    """What a classifier has learned: plain values, and arrays by name; all that saving needs."""

    values: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


COARSE = frozenset({"net", "support"})
"""Parts of an array's dotted name that mark the many numbers of a classifier, whose answers hardly
change where these are stored in half precision."""


class UtteranceClassifier(Protocol):
    """A classifier of utterances by their frames."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks that it answers, emotion among them."""

    @property
    def device(self) -> str:
        """Where it computes, by PyTorch's name."""

    @property
    def n_features(self) -> int | None:
        """Columns F of the frames that it has learned from; None before, or where any will do."""

    @property
    def is_fitted(self) -> bool:
        """Whether it has been trained or restored."""

    def fit(
        self, train: Examples, dev: Examples, *, seed: int, on_epoch: OnEpoch | None = None
    ) -> None:
        """Train on `train`; `dev` chooses the epoch and calibrates, and nothing else."""

    def answer(self, frames: Sequence[NDArray[np.float32]]) -> ClassifierOutput:
        """Answers for N utterances, each float32 (T, F)."""

    def details(self) -> dict[str, Any]:
        """Results of the training, as plain values for the report."""

    def summary(self) -> str:
        """One line on the training."""

    def state(self) -> State:
        """What it has learned."""

    def restore(self, state: State) -> None:
        """Take over what another with the same settings has learned.

        Raises:
            ArtifactError: something is missing, or does not fit the settings.
        """


@dataclass(frozen=True)
class ElmSettings:
    """How the utterance level, an extreme learning machine, is trained.

    "in-fold" trains on posteriors of the net's own training utterances, as the paper; "out-of-fold"
    on posteriors from nets that have not seen them.
    """

    n_hidden: Annotated[int, Field(ge=1)] = 120  # units, as in Han et al. (2014)
    # A number, or chosen by generalized cross-validation.
    ridge: Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["gcv"] = "gcv"
    class_weight: Literal["balanced"] | None = "balanced"  # by inverse class frequency
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.2  # of the fourth functional
    posteriors: Literal["in-fold", "out-of-fold"] = "in-fold"
    n_parts: Annotated[int, Field(ge=2)] = 5  # of the training set for "out-of-fold"
    subtasks: bool = False  # whether functionals of the subtasks' posteriors are used, too


@dataclass(frozen=True)
class NetSettings:
    """Settings of a net classifier."""

    trunk: TrunkSettings = LstmSettings()
    # Task -> weight in the loss; emotion alone is the single-task net.
    task_weights: Mapping[str, float] = field(default_factory=lambda: {EMOTION.name: 1.0})
    training: TrainingSettings = TrainingSettings()
    elm: ElmSettings = ElmSettings()
    private_layers: int = 0  # of each task's own between trunk and class scores

    @property
    def net(self) -> NetSettings:
        """The settings that decide the net: all but those of the utterance level, which follows."""
        return replace(self, elm=ElmSettings())


class NetClassifier:
    """The paper's system: net, functionals, extreme learning machine."""

    standardizer_: Standardizer  # of the training frames
    net_: MultiTaskNet
    elm_: ElmScores
    calibration_: TemperatureCalibration  # fitted on the dev set
    history_: TrainingHistory | None = None  # of the net

    def __init__(self, settings: NetSettings) -> None:
        self.settings = settings

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks that the net learns."""
        return tuple(self.settings.task_weights)

    @property
    def device(self) -> str:
        """Where the net computes."""
        return self.settings.training.device

    @property
    def n_features(self) -> int | None:
        """Columns of the frames that it has learned from."""
        return self.standardizer_.mean.size if hasattr(self, "standardizer_") else None

    @property
    def is_fitted(self) -> bool:
        """Whether there is a net."""
        return hasattr(self, "net_")

    def fit(
        self,
        train: Examples,
        dev: Examples,
        *,
        seed: int,
        on_epoch: OnEpoch | None = None,
        same_net: NetClassifier | None = None,
    ) -> None:
        """Train on `train`; `dev` chooses the epoch and calibrates, and nothing else.

        The net of `same_net`, a classifier fitted to the same data with the same seed and
        `settings.net`, is taken over, since training would give the same.

        Raises:
            TrainingError: an utterance has no emotion, or the net diverges.
        """
        known_emotions(train)
        dev_classes = known_emotions(dev)
        self.standardizer_ = Standardizer.fit(train.frames)
        train_set, dev_set = self.dataset(train), self.dataset(dev)
        if same_net is None:
            self.net_, self.history_ = self._fit_net(train_set, dev_set, seed, on_epoch)
        else:
            self.net_, self.history_ = same_net.net_, same_net.history_
        self._fit_utterance_level(train_set, dev_set, seed)
        dev_scores = self.scores(self.high_level(self.net_, dev_set))
        self.calibration_ = TemperatureCalibration.fit(dev_scores, dev_classes)

    def answer(self, frames: Sequence[NDArray[np.float32]]) -> ClassifierOutput:
        """Answers for N utterances, each float32 (T, F)."""
        check_width(frames, self.n_features)
        by_frame = posteriors(self.net_, self.dataset(Examples(frames)))
        each = [{task: of[i] for task, of in by_frame.items()} for i in range(len(frames))]
        high_level = np.stack([self._functionals(by_task) for by_task in each])
        return ClassifierOutput(self.decide(high_level), high_level, by_frame)

    def decide(self, high_level: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (N, C) by functionals of `utterance_tasks`, task after task, (N, 4 C)."""
        return self.calibration_.transform(self.scores(high_level))

    def details(self) -> dict[str, Any]:
        """Epochs and temperature, as plain values."""
        return {
            "temperature": self.calibration_.temperature,
            "history": None if self.history_ is None else asdict(self.history_),
        }

    def summary(self) -> str:
        """One line on the training."""
        assert self.history_ is not None  # noqa: S101 called after fit
        best = self.history_.epochs[self.history_.best - 1]
        return f"best epoch {best.number} of {len(self.history_.epochs)}, dev UA {best.dev_ua:.3f}"

    def state(self) -> State:
        """Net, utterance level, standardization and temperature."""
        weights = self.net_.state_dict()
        arrays = {f"net.{name}": values.cpu().numpy() for name, values in weights.items()}
        arrays |= {f"standardizer.{k}": v for k, v in vars(self.standardizer_).items()}
        arrays |= self._utterance_level()
        return State({"temperature": self.calibration_.temperature}, arrays)

    def restore(self, state: State) -> None:
        """Take over what one with the same settings has learned."""
        arrays = state.arrays
        try:
            self.standardizer_ = Standardizer(
                arrays["standardizer.mean"], arrays["standardizer.scale"]
            )
            net = MultiTaskNet(self.shape(self.standardizer_.mean.size))
            weights = part_of(arrays, "net.")
            net.load_state_dict({name: torch.from_numpy(each) for name, each in weights.items()})
        except (KeyError, RuntimeError, FeatureError) as fault:
            raise ArtifactError(f"weights do not fit the settings ({fault})") from fault
        self.net_ = net.to(self.device).eval()
        self._restore_utterance_level(arrays)
        self.calibration_ = restored_calibration(state)

    def _utterance_level(self) -> dict[str, NDArray[Any]]:
        return {f"elm.{name}": values for name, values in vars(self.elm_).items()}

    def _restore_utterance_level(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        names = [field.name for field in fields(ElmScores)]
        self.elm_ = ElmScores(**part_of(arrays, "elm.", names, "the ELM"))

    def shape(self, n_features: int) -> NetShape:
        """The net's sizes for F features a frame."""
        n_classes = {task: TASKS[task].n_classes for task in self.settings.task_weights}
        return NetShape(self.settings.trunk, n_features, n_classes, self.settings.private_layers)

    def dataset(self, examples: Examples) -> FrameDataset:
        """Examples as the net takes them: standardized, on its device."""
        training = self.settings.training
        return FrameDataset(
            examples, self.standardizer_, training.device, training.resident_gib * 2**30
        )

    def _fit_net(
        self, train: FrameDataset, dev: FrameDataset, seed: int, on_epoch: OnEpoch | None = None
    ) -> tuple[MultiTaskNet, TrainingHistory]:
        net = MultiTaskNet.initialized(self.shape(train.examples.frames[0].shape[1]), seed)
        weights, training = self.settings.task_weights, self.settings.training
        return fit(net, train, dev, training, task_weights=weights, seed=seed, on_epoch=on_epoch)

    def _fit_utterance_level(self, train: FrameDataset, dev: FrameDataset, seed: int) -> None:
        from voxaffect.utterance.elm import ExtremeLearningMachine  # noqa: PLC0415 (slow to load)

        settings = self.settings.elm
        if settings.posteriors == "out-of-fold":
            high_level = self._out_of_fold(train.examples, dev, seed)
        else:
            high_level = self.high_level(self.net_, train)
        weight, ridge = settings.class_weight, settings.ridge
        elm = ExtremeLearningMachine(
            settings.n_hidden, ridge=ridge, class_weight=weight, random_state=seed
        )
        self.elm_ = elm.fit(high_level, known_emotions(train.examples)).learned()

    def _out_of_fold(self, train: Examples, dev: FrameDataset, seed: int) -> NDArray[np.float32]:
        """High-level features of each training utterance from a net that has not seen it."""
        n_parts = self.settings.elm.n_parts
        part = np.random.default_rng(seed).permutation(len(train)) % n_parts
        found = []
        for k in range(n_parts):
            outside, inside = np.flatnonzero(part != k), np.flatnonzero(part == k)
            net, _ = self._fit_net(self.dataset(train.select(outside)), dev, seed + k + 1)
            found.append(self.high_level(net, self.dataset(train.select(inside))))
        return np.concatenate(found)[np.argsort(np.argsort(part, kind="stable"))]

    @property
    def utterance_tasks(self) -> tuple[str, ...]:
        """Tasks whose posteriors the utterance level uses."""
        return tuple(self.settings.task_weights) if self.settings.elm.subtasks else (EMOTION.name,)

    def high_level(self, net: MultiTaskNet, dataset: FrameDataset) -> NDArray[np.float32]:
        """High-level features of N utterances, of which one batch's posteriors are in memory."""
        n_classes = sum(TASKS[task].n_classes for task in self.utterance_tasks)
        high_level = np.empty((len(dataset), len(FUNCTIONALS) * n_classes), np.float32)
        for row, by_task in each_utterance(net, dataset):
            high_level[row] = self._functionals(by_task)
        return high_level

    def _functionals(self, by_task: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        threshold, tasks = self.settings.elm.threshold, self.utterance_tasks
        return np.concatenate([functionals(by_task[task], threshold) for task in tasks])

    def scores(self, high_level: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores (N, C) of high-level features, whichever classes the training set held."""
        return self.elm_.class_scores(high_level, EMOTION.n_classes)


def part_of(
    arrays: Mapping[str, NDArray[Any]],
    prefix: str,
    names: Sequence[str] | None = None,
    words: str = "",
) -> dict[str, NDArray[Any]]:
    """Arrays whose names have a prefix, by the rest of their names.

    Raises:
        ArtifactError: `words`, what they are, lacks one of the names.
    """
    own = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
    if names is None:
        return own
    if missing := [name for name in names if name not in own]:
        raise ArtifactError(f"{words} lacks {', '.join(missing)}; save the recognizer again")
    return {name: own[name] for name in names}


def restored_calibration(state: State) -> TemperatureCalibration:
    """The calibration of a classifier's state; ArtifactError if it has no usable temperature."""
    try:
        return TemperatureCalibration(state.values["temperature"])
    except (KeyError, TypeError, TrainingError) as fault:
        raise ArtifactError(f"the calibration is not understood ({fault})") from fault


def check_width(frames: Iterable[NDArray[np.float32]], n_features: int | None) -> None:
    """Raise FeatureError where frames (T, F) have another F than those of the training set."""
    for one in frames:
        if n_features is not None and one.shape[-1] != n_features:
            raise FeatureError(
                f"frames have {one.shape[-1]} columns, and the classifier was trained on "
                f"{n_features}; use the feature set that it was trained on"
            )


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
