"""The systems compared, by the paper's names, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from voxaffect.baselines import SvmClassifier, SvmSettings
from voxaffect.classifier import ElmSettings, NetClassifier, NetSettings, UtteranceClassifier
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS

STACK_ON_A_CARD = 64
STEP_ON_A_PROCESSOR = 1024
"""Frames of a stack's step beyond which more nets gain nothing on a processor, as measured."""


@dataclass(frozen=True)
class Options:
    """Settings that all systems of an experiment share.

    Args:
        dnn: how feed-forward nets are trained.
        lstm: how recurrent nets are trained.
        elm: how the utterance level is learned.
        subtask_weight: weight of each subtask in the loss; the paper's is 0.1.
        private_layers: layers of each task's own, between trunk and class scores; the
            paper has none.
        svm: the baseline's settings.
        stack: nets that train as one; None leaves it to the trunk and the device. It changes no
            net beyond rounding.
    """

    dnn: TrainingSettings = TrainingSettings(batches_per_epoch=200)
    lstm: TrainingSettings = TrainingSettings()
    elm: ElmSettings = ElmSettings()
    subtask_weight: float = 0.1
    private_layers: int = 0
    svm: SvmSettings = SvmSettings()
    stack: int | None = None


@dataclass(frozen=True)
class NetSystem:
    """A net with a trunk and some subtasks.

    Args:
        name: as the paper and the tables call it.
        trunk: the shared part of the net.
        subtasks: tasks learned beside emotion.
    """

    name: str
    trunk: TrunkSettings
    subtasks: tuple[str, ...] = ()

    @property
    def recurrent(self) -> bool:
        """Whether its trunk reads sequences."""
        return isinstance(self.trunk, LstmSettings)

    def net_settings(self, options: Options) -> NetSettings:
        """Settings of this system's classifier."""
        weights = {EMOTION.name: 1.0} | dict.fromkeys(self.subtasks, options.subtask_weight)
        training = options.lstm if self.recurrent else options.dnn
        return NetSettings(self.trunk, weights, training, options.elm, options.private_layers)

    def stack_size(self, options: Options) -> int:
        """Nets that train as one where that is faster than one by one, as measured.

        On a graphics card a small net's time goes into launching kernels, which a stack shares. On
        a processor feed-forward nets share what a step costs beside its products, up to some
        hundred frames; recurrent ones are as fast alone.
        """
        if options.stack is not None:
            return options.stack
        training = self.net_settings(options).training
        if torch.device(training.device).type != "cpu":
            return STACK_ON_A_CARD
        return 1 if self.recurrent else max(1, STEP_ON_A_PROCESSOR // training.batch_size)

    def classifier(self, options: Options) -> NetClassifier:
        """A new, untrained classifier."""
        return NetClassifier(self.net_settings(options))

    def settings(self, options: Options) -> dict[str, Any]:
        """Everything that shapes this system's results, as plain values."""
        return {"system": self.name, **self.net_settings(options).plain()}


@dataclass(frozen=True)
class SvmSystem:
    """The baseline on functionals of descriptors."""

    name: str = "svm"

    def classifier(self, options: Options) -> UtteranceClassifier:
        """A new, untrained classifier."""
        return SvmClassifier(options.svm)

    def settings(self, options: Options) -> dict[str, Any]:
        """Everything that shapes this system's results, as plain values."""
        return {"system": self.name, **asdict(options.svm)}


System = NetSystem | SvmSystem

_DNN, _LSTM, _BLSTM = DnnSettings(), LstmSettings(), LstmSettings(bidirectional=True)
_BOTH = (GENDER.name, NATURALNESS.name)

SYSTEMS: Mapping[str, System] = {
    system.name: system
    for system in (
        NetSystem("dnn-stl", _DNN),
        NetSystem("lstm-stl", _LSTM),
        NetSystem("dnn-mtl", _DNN, _BOTH),
        NetSystem("lstm-mtl", _LSTM, _BOTH),
        NetSystem("dnn-gender", _DNN, (GENDER.name,)),
        NetSystem("lstm-gender", _LSTM, (GENDER.name,)),
        NetSystem("dnn-naturalness", _DNN, (NATURALNESS.name,)),
        NetSystem("lstm-naturalness", _LSTM, (NATURALNESS.name,)),
        NetSystem("blstm-stl", _BLSTM),
        NetSystem("blstm-mtl", _BLSTM, _BOTH),
        SvmSystem(),
    )
}
