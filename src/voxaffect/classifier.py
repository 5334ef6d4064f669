"""From the frames of an utterance to one decision: the paper's chain, learned and applied.

frames -> standardised -> net -> posteriors a frame -> functionals -> ELM -> calibrated probability
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from voxaffect.errors import TrainingError
from voxaffect.features.standardize import Standardizer
from voxaffect.model.batches import Examples, FrameBank
from voxaffect.model.multitask import MultiTaskNet, Posteriors, posteriors
from voxaffect.model.training import Epoch, History, TrainingSettings, fit
from voxaffect.model.trunks import LstmSettings, TrunkSettings
from voxaffect.taxonomy import EMOTION, MISSING, TASKS
from voxaffect.utterance.calibration import TemperatureCalibration
from voxaffect.utterance.elm import ExtremeLearningMachine
from voxaffect.utterance.functionals import functionals

OnEpoch = Callable[[Epoch], None]


@dataclass(frozen=True)
class Answers:
    """What a classifier says of N utterances.

    Args:
        probabilities: float64 (N, C), of the emotion classes.
        high_level: float32 (N, 4 C), functionals of the posteriors; (N, 0) where there are none.
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

    def answer(self, frames: Sequence[NDArray[np.float32]]) -> Answers:
        """Answers for N utterances, each float32 (T, F)."""

    def details(self) -> dict[str, Any]:
        """What training came to, as plain values for the report."""


@dataclass(frozen=True)
class ElmSettings:
    """How the utterance level is learned.

    Args:
        n_hidden: hidden units; Han et al. (2014) use 120.
        ridge: "gcv" chooses the ridge by generalised cross-validation, a number fixes it.
        class_weight: "balanced" weighs utterances by inverse class frequency.
        threshold: posterior above which a frame counts in the fourth functional.
        posteriors: "in-fold" trains on posteriors of the net's own training utterances, as the
            paper; "out-of-fold" on posteriors from nets that have not seen them.
        n_parts: parts of the training set for "out-of-fold".
    """

    n_hidden: Annotated[int, Field(ge=1)] = 120
    ridge: Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["gcv"] = "gcv"
    class_weight: Literal["balanced"] | None = "balanced"
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.2
    posteriors: Literal["in-fold", "out-of-fold"] = "in-fold"
    n_parts: Annotated[int, Field(ge=2)] = 5


@dataclass(frozen=True)
class NetSettings:
    """Everything that shapes a net classifier.

    Args:
        trunk: the shared part of the net.
        task_weights: task -> weight in the loss; emotion alone is the single-task net.
        training: how the net is trained.
        elm: how the utterance level is learned.
    """

    trunk: TrunkSettings = LstmSettings()
    task_weights: Mapping[str, float] = field(default_factory=lambda: {EMOTION.name: 1.0})
    training: TrainingSettings = TrainingSettings()
    elm: ElmSettings = ElmSettings()

    def plain(self) -> dict[str, Any]:
        """The settings as plain values, for digests and saved recognisers."""
        return asdict(self)


class NetClassifier:
    """The paper's system: net, functionals, extreme learning machine.

    Attributes:
        standardizer_: statistics of the training frames.
        net_: the trained net.
        elm_: the trained extreme learning machine.
        calibration_: temperature fitted on the dev set.
        history_: the net's training.
    """

    standardizer_: Standardizer
    net_: MultiTaskNet
    elm_: ExtremeLearningMachine
    calibration_: TemperatureCalibration
    history_: History | None = None

    def __init__(self, settings: NetSettings) -> None:
        self.settings = settings

    def fit(
        self, train: Examples, dev: Examples, *, seed: int, on_epoch: OnEpoch | None = None
    ) -> None:
        """Learn from `train`; `dev` chooses the epoch and calibrates, and nothing else.

        Raises:
            TrainingError: an utterance has no emotion, or the net diverges.
        """
        target = known_emotions(train)
        self.standardizer_ = Standardizer.fit(train.frames)
        bank, dev_bank = self._bank(train), self._bank(dev)
        self.net_, self.history_ = self._fit_net(bank, dev_bank, seed, on_epoch)
        if self.settings.elm.posteriors == "out-of-fold":
            high_level = self._out_of_fold(train, dev_bank, seed)
        else:
            high_level = self._high_level(posteriors(self.net_, bank))
        self.elm_ = ExtremeLearningMachine(
            n_hidden=self.settings.elm.n_hidden,
            ridge=self.settings.elm.ridge,
            class_weight=self.settings.elm.class_weight,
            random_state=seed,
        ).fit(high_level, target)
        dev_scores = self._scores(self._high_level(posteriors(self.net_, dev_bank)))
        self.calibration_ = TemperatureCalibration.fit(dev_scores, known_emotions(dev))

    def answer(self, frames: Sequence[NDArray[np.float32]]) -> Answers:
        """Answers for N utterances, each float32 (T, F)."""
        by_frame = posteriors(self.net_, self._bank(Examples(frames)))
        high_level = self._high_level(by_frame)
        probabilities = self.calibration_.transform(self._scores(high_level))
        return Answers(probabilities, high_level, by_frame)

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

    def new_net(self, n_features: int) -> MultiTaskNet:
        """The untrained net; its weights come from PyTorch's current generator."""
        n_classes = {task: TASKS[task].n_classes for task in self.settings.task_weights}
        return MultiTaskNet(self.settings.trunk, n_features, n_classes)

    def _fit_net(
        self, train: FrameBank, dev: FrameBank, seed: int, on_epoch: OnEpoch | None
    ) -> tuple[MultiTaskNet, History]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = self.new_net(train.values.shape[1]).to(train.values.device)
        settings = self.settings
        history = fit(
            net, train, dev, settings.task_weights, settings.training, seed=seed, on_epoch=on_epoch
        )
        return net, history

    def _out_of_fold(self, train: Examples, dev: FrameBank, seed: int) -> NDArray[np.float32]:
        """High-level features of each training utterance from a net that has not seen it."""
        part = np.random.default_rng(seed).permutation(len(train)) % self.settings.elm.n_parts
        high_level = np.empty((len(train), 4 * EMOTION.n_classes), np.float32)
        for k in range(self.settings.elm.n_parts):
            inside, outside = np.flatnonzero(part == k), np.flatnonzero(part != k)
            net, _ = self._fit_net(self._bank(train.select(outside)), dev, seed + k + 1, None)
            high_level[inside] = self._high_level(posteriors(net, self._bank(train.select(inside))))
        return high_level

    def _bank(self, examples: Examples) -> FrameBank:
        return FrameBank(examples, self.standardizer_, self.settings.training.device)

    def _high_level(self, by_frame: Posteriors) -> NDArray[np.float32]:
        threshold = self.settings.elm.threshold
        rows = [functionals(p.numpy(), threshold) for p in by_frame[EMOTION.name]]
        return np.stack(rows)

    def _scores(self, high_level: NDArray[np.float32]) -> NDArray[np.float64]:
        """ELM scores (N, C), whichever classes the training set held."""
        return self.elm_.class_scores(high_level, EMOTION.n_classes)


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
