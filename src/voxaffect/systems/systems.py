"""The systems compared, by name: the paper's, what it leaves open, and baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings
from voxaffect.systems import NAMES
from voxaffect.systems.baselines.simple import (
    MajorityClassifier,
    MeanPoolClassifier,
    plain_settings,
)
from voxaffect.systems.baselines.sklearn_machines import (
    LinearSvmClassifier,
    LinearSvmSettings,
    LogisticClassifier,
    LogisticSettings,
    SvmClassifier,
    SvmSettings,
    descriptor_functionals,
    only_row,
)
from voxaffect.systems.classifier import (
    ElmSettings,
    NetClassifier,
    NetSettings,
    UtteranceClassifier,
)
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS

Variant = Callable[[NetSettings], NetSettings]
"""One change of a system's settings, so that whatever else a run sets holds for both."""

SLOWER = 10
"""Learning rate of trunk and emotion head over that of a subtask's head. The paper's weight of 0.1
does not slow such a head down: Adam's steps do not depend on what a loss is multiplied by."""


def with_rates(base: NetSettings) -> NetSettings:
    """Subtask heads learn at a tenth of the rate of trunk and emotion head."""
    slow = base.training.learning_rate / SLOWER
    rates = {task: slow for task in base.task_weights if task != EMOTION.name}
    return replace(base, training=replace(base.training, task_learning_rates=rates))


def with_private_layers(base: NetSettings) -> NetSettings:
    """One layer more of each task's own between the shared trunk and its class scores."""
    return replace(base, private_layers=base.private_layers + 1)


def with_extended_representation(base: NetSettings) -> NetSettings:
    """The utterance level also uses the posteriors of the subtasks."""
    return replace(base, elm=replace(base.elm, subtasks=True))


def with_uncertainty(base: NetSettings) -> NetSettings:
    """Task weights are learned from uncertainty (Kendall, Gal and Cipolla 2018)."""
    return replace(base, training=replace(base.training, task_weighting="uncertainty"))


def with_gradnorm(base: NetSettings) -> NetSettings:
    """Task weights are learned from the norms of gradients (GradNorm; Chen et al. 2018)."""
    return replace(base, training=replace(base.training, task_weighting="gradnorm"))


VARIANTS: Mapping[str, Variant] = {
    "rates": with_rates,
    "private": with_private_layers,
    "extended": with_extended_representation,
    "uncertainty": with_uncertainty,
    "gradnorm": with_gradnorm,
}
"""Last part of a variant's name, as in `lstm-mtl-rates` -> the change."""

DNN_TRAINING = TrainingSettings(batches_per_epoch=200)


@dataclass(frozen=True)
class TrainingOptions(TrainingSettings):
    """`[training]`: how nets are trained, and how those of one kind are trained otherwise.

    In a settings file, whatever is not stated for a kind is that of all nets.

    Args:
        dnn: how feed-forward nets are trained.
        lstm: how recurrent nets are trained.
        subtask_weight: weight of each subtask in the loss; the paper's is 0.1.
        private_layers: layers of each task's own, between trunk and class scores; the paper has
            none.
    """

    dnn: TrainingSettings = DNN_TRAINING
    lstm: TrainingSettings = TrainingSettings()
    subtask_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1
    private_layers: Annotated[int, Field(ge=0)] = 0

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
    """Settings of systems, as the sections of a settings file.

    Args:
        training: how nets are trained.
        elm: how the utterance level of nets is trained.
        svm: of the baselines with a radial kernel.
        linear_svm: of those without one.
        logistic: of the logistic regressions.
    """

    training: TrainingOptions = TrainingOptions()
    elm: ElmSettings = ElmSettings()
    svm: SvmSettings = SvmSettings()
    linear_svm: LinearSvmSettings = LinearSvmSettings()
    logistic: LogisticSettings = LogisticSettings()


@dataclass(frozen=True)
class NetSystem:
    """A net with a trunk and optional subtasks.

    Args:
        name: as the paper and the tables call it.
        trunk: the shared part of the net.
        subtasks: tasks learned beside emotion.
        variant: change of the settings, None for the paper's system.
        mean_pooled: whether mean posteriors decide instead of functionals and ELM.
    """

    name: str
    trunk: TrunkSettings
    subtasks: tuple[str, ...] = ()
    variant: Variant | None = field(default=None, kw_only=True)
    mean_pooled: bool = field(default=False, kw_only=True)
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
        return usual if self.variant is None else self.variant(usual)

    def classifier(self, options: Options) -> NetClassifier:
        """A new, untrained classifier."""
        kind = MeanPoolClassifier if self.mean_pooled else NetClassifier
        return kind(self.net_settings(options))

    def settings(self, options: Options) -> dict[str, Any]:
        """Everything that decides this system's results, as plain values."""
        net = self.net_settings(options)
        return {"system": self.name, **(plain_settings(net) if self.mean_pooled else asdict(net))}


@dataclass(frozen=True)
class MajoritySystem:
    """The commonest class of the training set."""

    name: str = "majority"
    features: ClassVar[None] = None

    def classifier(self, options: Options) -> UtteranceClassifier:  # noqa: ARG002 has no settings
        """A new, untrained classifier."""
        return MajorityClassifier()

    def settings(self, options: Options) -> dict[str, Any]:  # noqa: ARG002 has none but its name
        """Everything that decides this system's results, as plain values."""
        return {"system": self.name}


@dataclass(frozen=True)
class SklearnSystem:
    """A baseline of scikit-learn on one row of numbers an utterance.

    Args:
        name: as the tables call it.
        section: of the options, which decides the estimator.
        features: key of `voxaffect.features.opensmile.UTTERANCE_SETS`, whose rows it takes as they
            are; None takes 12 functionals of each of the run's own descriptors.
    """

    name: str
    section: Literal["svm", "linear_svm", "logistic"]
    features: str | None = None

    def classifier(self, options: Options) -> UtteranceClassifier:
        """A new, untrained classifier."""
        summarize = descriptor_functionals if self.features is None else only_row
        if self.section == "svm":
            return SvmClassifier(options.svm, summarize)
        if self.section == "linear_svm":
            return LinearSvmClassifier(options.linear_svm, summarize)
        return LogisticClassifier(options.logistic, summarize)

    def settings(self, options: Options) -> dict[str, Any]:
        """Everything that decides this system's results, as plain values."""
        other = {} if self.features is None else {"features": self.features}
        return {"system": self.name, **asdict(getattr(options, self.section)), **other}


System = NetSystem | MajoritySystem | SklearnSystem

_BOTH = (GENDER.name, NATURALNESS.name)
_TRUNKS: Mapping[str, TrunkSettings] = {
    "dnn": DnnSettings(),
    "lstm": LstmSettings(),
    "blstm": LstmSettings(bidirectional=True),
}
_SUBTASKS: Mapping[str, tuple[str, ...]] = {
    "stl": (),
    "mean": (),
    "mtl": _BOTH,
    "gender": (GENDER.name,),
    "naturalness": (NATURALNESS.name,),
}
_BASELINES: tuple[System, ...] = (
    SklearnSystem("svm", "svm"),
    SklearnSystem("logistic", "logistic"),
    SklearnSystem("egemaps-svm", "svm", "egemaps"),
    SklearnSystem("egemaps-logistic", "logistic", "egemaps"),
    SklearnSystem("compare-svm", "linear_svm", "compare"),
    SklearnSystem("compare-logistic", "logistic", "compare"),
    MajoritySystem(),
)


def _net(name: str) -> NetSystem:
    """The net of a name: its trunk, what it learns, and its variant."""
    trunk, learns, *variant = name.split("-")
    return NetSystem(
        name,
        _TRUNKS[trunk],
        _SUBTASKS[learns],
        variant=VARIANTS[variant[0]] if variant else None,
        mean_pooled=learns == "mean",
    )


_NAMED = {system.name: system for system in _BASELINES}
SYSTEMS: Mapping[str, System] = {name: _NAMED.get(name) or _net(name) for name in NAMES}
