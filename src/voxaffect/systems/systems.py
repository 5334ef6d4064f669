"""Systems by name: the paper's, what it leaves open, baselines, and ensembles of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from voxaffect.errors import ConfigError
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings
from voxaffect.systems import NAMES
from voxaffect.systems.baselines import MajorityClassifier, MeanPoolClassifier
from voxaffect.systems.classifier import (
    ElmSettings,
    NetClassifier,
    NetSettings,
    UtteranceClassifier,
)
from voxaffect.systems.ensemble import EnsembleClassifier
from voxaffect.systems.row_classifier import (
    LinearSvmSettings,
    LogisticSettings,
    MeanLogisticSettings,
    RowClassifier,
    SvmSettings,
)
from voxaffect.systems.summaries import FUNCTIONALS, ROW
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS

SLOWER = 10
"""Learning rate of trunk and emotion head over that of a subtask's head. The paper's weight of 0.1
does not slow such a head down: Adam's steps do not depend on what a loss is multiplied by."""


def varied(base: NetSettings, variant: str) -> NetSettings:
    """The paper's settings with one change: the last part of a name such as `lstm-mtl-rates`."""
    match variant:
        case "rates":  # subtask heads learn more slowly than trunk and emotion head
            slow = base.training.learning_rate / SLOWER
            rates = {task: slow for task in base.task_weights if task != EMOTION.name}
            return replace(base, training=replace(base.training, task_learning_rates=rates))
        case "private":  # one layer more of each task's own between trunk and class scores
            return replace(base, private_layers=base.private_layers + 1)
        case "extended":  # the utterance level also uses the posteriors of the subtasks
            return replace(base, elm=replace(base.elm, subtasks=True))
        case "uncertainty" | "gradnorm":  # task weights are learned
            return replace(base, training=replace(base.training, task_weighting=variant))
    return base


DNN_TRAINING = TrainingSettings(batches_per_epoch=200)


@dataclass(frozen=True)
class TrainingOptions(TrainingSettings):
    """`[training]`: how nets are trained, and how those of one kind are trained otherwise.

    In a settings file, whatever is not stated for a kind is that of all nets.
    """

    dnn: TrainingSettings = DNN_TRAINING  # feed-forward nets
    lstm: TrainingSettings = TrainingSettings()  # recurrent nets
    subtask_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1  # the paper's
    private_layers: Annotated[int, Field(ge=0)] = 0  # as `NetSettings`; the paper has none

    @model_validator(mode="before")
    @classmethod
    def _fill_kinds(cls, stated: Any) -> Any:
        if not isinstance(stated, dict):
            return stated
        names = {field.name for field in fields(TrainingSettings)}
        common = {name: value for name, value in stated.items() if name in names}
        usual = {"dnn": {"batches_per_epoch": DNN_TRAINING.batches_per_epoch}, "lstm": {}}
        kinds = {kind: stated.get(kind, {}) for kind in usual}
        whole = {
            kind: {**usual[kind], **common, **own} if isinstance(own, dict) else own
            for kind, own in kinds.items()
        }
        return {**stated, **whole}


@dataclass(frozen=True, kw_only=True)
class Options:
    """Settings of systems, as the sections of a settings file."""

    training: TrainingOptions = TrainingOptions()
    elm: ElmSettings = ElmSettings()
    svm: SvmSettings = SvmSettings()
    linear_svm: LinearSvmSettings = LinearSvmSettings()
    logistic: LogisticSettings = LogisticSettings()
    mean_logistic: MeanLogisticSettings = MeanLogisticSettings()


@dataclass(frozen=True)
class NetSystem:
    """A net with a trunk and optional subtasks, named as in the paper and the tables."""

    name: str
    trunk: TrunkSettings
    subtasks: tuple[str, ...] = ()  # learned beside emotion
    variant: str = field(default="", kw_only=True)  # "" for the paper's system
    mean_pooled: bool = field(default=False, kw_only=True)  # instead of functionals and ELM
    features: ClassVar[None] = None

    @property
    def recurrent(self) -> bool:
        """Whether its trunk reads sequences."""
        return isinstance(self.trunk, LstmSettings)

    def net_settings(self, options: Options) -> NetSettings:
        """Settings of this system's classifier."""
        common = options.training
        weights = {EMOTION.name: 1.0} | dict.fromkeys(self.subtasks, common.subtask_weight)
        training = common.lstm if self.recurrent else common.dnn
        usual = NetSettings(self.trunk, weights, training, options.elm, common.private_layers)
        return varied(usual, self.variant)

    def classifier(self, options: Options) -> NetClassifier:
        """A new, untrained classifier."""
        kind = MeanPoolClassifier if self.mean_pooled else NetClassifier
        return kind(self.net_settings(options))

    def settings(self, options: Options) -> dict[str, Any]:
        """Everything that decides this system's results, as plain values."""
        net = asdict(self.net_settings(options))
        if self.mean_pooled:  # the ELM's threshold decides no answer, but what is kept beside it
            threshold = net.pop("elm")["threshold"]
            net |= {"utterance_level": "mean posterior", "threshold": threshold}
        return {"system": self.name, **net}


@dataclass(frozen=True)
class Baseline:
    """A classifier without a net.

    The options' section decides the machine; None is the commonest class of the training set.
    Features are a key of `voxaffect.features.opensmile.UTTERANCE_SETS`, whose rows are taken as
    they are; None takes 12 functionals of each of the run's own descriptors, or what the section
    says.
    """

    name: str
    section: Literal["svm", "linear_svm", "logistic", "mean_logistic"] | None
    features: str | None = None

    def classifier(self, options: Options) -> UtteranceClassifier:
        """A new, untrained classifier."""
        if self.section is None:
            return MajorityClassifier()
        settings = getattr(options, self.section)
        if isinstance(settings, MeanLogisticSettings):
            return RowClassifier(settings, settings.summary)
        return RowClassifier(settings, FUNCTIONALS if self.features is None else ROW)

    def settings(self, options: Options) -> dict[str, Any]:
        """Everything that decides this system's results, as plain values."""
        own = {} if self.section is None else asdict(getattr(options, self.section))
        other = {} if self.features is None else {"features": self.features}
        return {"system": self.name, **own, **other}


@dataclass(frozen=True)
class EnsembleSystem:
    """Several systems on the same frames, named `a+b`, whose probabilities are averaged.

    Raises:
        ConfigError: a system is named twice, or two need different features.
    """

    members: tuple[NetSystem | Baseline, ...]

    def __post_init__(self) -> None:
        if len(set(self.members)) < len(self.members):
            raise ConfigError(f"{self.name} names a system twice; name each once")
        if len({member.features for member in self.members}) > 1:
            raise ConfigError(
                f"{self.name}: its systems need different features; join systems that share theirs"
            )

    @property
    def name(self) -> str:
        """Names of the members, joined by `+`."""
        return "+".join(member.name for member in self.members)

    @property
    def features(self) -> str | None:
        """The feature set that all members need; None is the run's own."""
        return self.members[0].features

    def classifier(self, options: Options) -> EnsembleClassifier:
        """A new, untrained classifier."""
        return EnsembleClassifier({m.name: m.classifier(options) for m in self.members})

    def settings(self, options: Options) -> dict[str, Any]:
        """Everything that decides this system's results, as plain values."""
        return {"system": self.name, "members": [m.settings(options) for m in self.members]}


System = NetSystem | Baseline | EnsembleSystem

_TRUNKS: Mapping[str, TrunkSettings] = {
    "dnn": DnnSettings(),
    "lstm": LstmSettings(),
    "blstm": LstmSettings(bidirectional=True),
}
_SUBTASKS: Mapping[str, tuple[str, ...]] = {
    "stl": (),
    "mean": (),
    "mtl": (GENDER.name, NATURALNESS.name),
    "gender": (GENDER.name,),
    "naturalness": (NATURALNESS.name,),
}
_BASELINES = (
    Baseline("svm", "svm"),
    Baseline("logistic", "logistic"),
    Baseline("mean-logistic", "mean_logistic"),
    Baseline("egemaps-svm", "svm", "egemaps"),
    Baseline("egemaps-logistic", "logistic", "egemaps"),
    Baseline("compare-svm", "linear_svm", "compare"),
    Baseline("compare-logistic", "logistic", "compare"),
    Baseline("majority", None),
)


def _net(name: str) -> NetSystem:
    trunk, learns, variant = [*name.split("-"), ""][:3]
    mean = learns == "mean"
    return NetSystem(name, _TRUNKS[trunk], _SUBTASKS[learns], variant=variant, mean_pooled=mean)


_NAMED = {system.name: system for system in _BASELINES}
SYSTEMS: Mapping[str, NetSystem | Baseline] = {
    name: _NAMED.get(name) or _net(name) for name in NAMES
}
