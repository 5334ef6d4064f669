"""The sections of a settings file, each a class that holds what it configures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast

import torch
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits
from voxaffect.errors import ConfigError
from voxaffect.evaluation.splits.folds import Protocol
from voxaffect.features.frames import FrameExtractor
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.lld.pitch_settings import PitchSettings
from voxaffect.features.opensmile import OpenSmile, SetName
from voxaffect.features.spectra import LogMel
from voxaffect.features.ssl import Layer, SpeechEncoder
from voxaffect.model.losses import Kind
from voxaffect.model.settings import TrainingSettings
from voxaffect.taxonomy import TASKS


class Strict(BaseModel):
    """A section: frozen, and without a place for what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _usable_device(name: str) -> str:
    """The name of a device that is here, and that holds values (`meta` does not)."""
    try:
        torch.empty(1, device=name).tolist()
    except (RuntimeError, AssertionError, NotImplementedError) as fault:
        raise ValueError(f"no such device here, use cpu ({fault})") from fault
    return name


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError("something is named twice")
    return values


_T = TypeVar("_T")
_Several = Annotated[tuple[_T, ...], Field(min_length=1), AfterValidator(_distinct)]


Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _tasks(rates: dict[str, float]) -> dict[str, float]:
    """Learning rates of tasks that there are."""
    for name in rates:
        if name not in TASKS:
            raise ValueError(f"{name!r} is no task; use {', '.join(TASKS)}")
    return rates


class TrainerSection(Strict):
    """Training settings: those of all nets, and those of one kind that differ."""

    learning_rate: Rate | None = None
    batch_size: Annotated[int, Field(ge=1)] | None = None
    max_epochs: Annotated[int, Field(ge=1)] | None = None
    patience: Annotated[int, Field(ge=1)] | None = None
    batches_per_epoch: Annotated[int, Field(ge=1)] | None = None
    crop_frames: Annotated[int, Field(ge=1)] | None = None
    clip_norm: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    class_weight: Literal["balanced", "none"] | None = None
    autocast: bool | None = None
    device: Annotated[str, AfterValidator(_usable_device)] | None = None
    task_learning_rates: Annotated[dict[str, Rate], AfterValidator(_tasks)] | None = None
    task_weighting: Kind | None = None
    gradnorm_asymmetry: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    resident_gib: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    def applied_to(self, settings: TrainingSettings) -> TrainingSettings:
        """The settings with what this section states."""
        stated: dict[str, Any] = {
            f.name: getattr(self, f.name)
            for f in fields(TrainingSettings)
            if getattr(self, f.name) is not None
        }
        if stated.get("class_weight") == "none":
            stated["class_weight"] = None
        return replace(settings, **stated)


class TrainingSection(TrainerSection):
    """`[training]`, with `[training.dnn]` and `[training.lstm]` inside."""

    dnn: TrainerSection = TrainerSection()
    lstm: TrainerSection = TrainerSection()
    subtask_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1
    private_layers: Annotated[int, Field(ge=0)] = 0
    stack: Annotated[int, Field(ge=1)] | None = None


Share = Annotated[float, Field(gt=0, le=1)]


def _with_all(shares: tuple[float, ...]) -> tuple[float, ...]:
    """Shares with the whole training set among them, by which systems are compared."""
    if 1 not in shares:
        raise ValueError("1.0, all of the training data, must be among them")
    return shares


class EvaluateSection(Strict):
    """`[evaluate]`: which questions are asked of which systems."""

    protocols: _Several[Protocol] = ("within", "cross", "aggregated")
    systems: _Several[str] = ("dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl", "svm")
    seeds: _Several[Annotated[int, Field(ge=0)]] = (0,)
    dev: Literal["utterances", "speakers"] = "utterances"
    split_style: tuple[str, ...] = ()
    split_seed: Annotated[int, Field(ge=0)] = 0
    train_shares: Annotated[_Several[Share], AfterValidator(_with_all)] = (1.0,)


class AudioSection(Strict):
    """`[audio]`: recordings beyond these limits are refused before any memory is spent on them."""

    max_duration_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = (
        DEFAULT_LIMITS.max_duration_s
    )
    max_channels: Annotated[int, Field(ge=1, strict=True)] = DEFAULT_LIMITS.max_channels
    max_bytes: Annotated[int, Field(ge=1, strict=True)] = DEFAULT_LIMITS.max_bytes

    def limits(self) -> DecodeLimits:
        """The limits as `decode` takes them."""
        return DecodeLimits(**self.model_dump())


class LldSection(Strict):
    """`[features.lld]`: between which frequencies pitch is sought, how F0 is told, and where."""

    floor_hz: Annotated[float, Field(gt=0)] = PitchSettings.floor_hz
    ceiling_hz: Annotated[float, Field(gt=0)] = PitchSettings.ceiling_hz
    log_f0: bool = LowLevelDescriptors.log_f0
    device: Annotated[str, AfterValidator(_usable_device)] = LowLevelDescriptors.device

    def extractor(self) -> LowLevelDescriptors:
        """What the section describes.

        Raises:
            FeatureError: the frequencies cannot be.
        """
        pitch = PitchSettings(floor_hz=self.floor_hz, ceiling_hz=self.ceiling_hz)
        return LowLevelDescriptors(pitch=pitch, log_f0=self.log_f0, device=self.device)


class LogMelSection(Strict):
    """`[features.log-mel]`: how many bands between which frequencies."""

    n_mels: Annotated[int, Field(ge=1)] = LogMel.n_mels
    low_hz: Annotated[float, Field(ge=0)] = LogMel.low_hz
    high_hz: Annotated[float, Field(gt=0)] = LogMel.high_hz
    device: Annotated[str, AfterValidator(_usable_device)] = LogMel.device

    def extractor(self) -> LogMel:
        """What the section describes."""
        return LogMel(**self.model_dump())


class OpenSmileSection(Strict):
    """`[features.opensmile]`: which of openSMILE's sets."""

    name: SetName = OpenSmile.name

    def extractor(self) -> OpenSmile:
        """What the section describes."""
        return OpenSmile(self.name)


def _layer(layer: int | str) -> int | str:
    if layer in {"last", "mean"} or (isinstance(layer, int) and layer >= 0):
        return layer
    raise ValueError("use a number from 0, 'last' or 'mean'")


class EncoderSection(Strict):
    """`[features.encoder]`: a self-supervised encoder in a local folder, and which layer of it."""

    folder: Path | None = None
    layer: Annotated[int | str, AfterValidator(_layer)] = SpeechEncoder.layer
    device: Annotated[str, AfterValidator(_usable_device)] = SpeechEncoder.device

    def extractor(self) -> SpeechEncoder:
        """What the section describes.

        Raises:
            ConfigError: no folder is given.
        """
        if self.folder is None:
            raise ConfigError(
                'features.set = "encoder" needs a section [features.encoder] with the folder of a '
                'model, like folder = "models/wavlm-base"'
            )
        return SpeechEncoder(self.folder, cast("Layer", self.layer), self.device)


class FeatureSection(Strict):
    """`[features]`: which numbers a frame, and where computed ones are kept."""

    model_config = ConfigDict(serialize_by_alias=True)

    store: Path = Path("~/.cache/voxaffect/features")
    set: Literal["lld", "log-mel", "opensmile", "encoder"] = "lld"
    lld: LldSection = LldSection()
    log_mel: LogMelSection = Field(default=LogMelSection(), alias="log-mel")
    opensmile: OpenSmileSection = OpenSmileSection()
    encoder: EncoderSection = EncoderSection()

    def extractor(self) -> FrameExtractor:
        """What computes the frames.

        Raises:
            ConfigError: the set needs what its section does not say.
            FeatureError: the section asks for what cannot be.
        """
        sets: dict[str, Callable[[], FrameExtractor]] = {
            "lld": self.lld.extractor,
            "log-mel": self.log_mel.extractor,
            "opensmile": self.opensmile.extractor,
            "encoder": self.encoder.extractor,
        }
        return sets[self.set]()
