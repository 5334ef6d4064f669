"""Sections of a settings file for recordings, features and evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits
from voxaffect.errors import ConfigError
from voxaffect.evaluation.splits.folds import Dev, Protocol
from voxaffect.features.frames import FrameExtractor
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.lld.pitch_settings import PitchSettings
from voxaffect.features.opensmile import OpenSmile, SetName
from voxaffect.features.spectra import LogMel
from voxaffect.features.ssl import Layer, SpeechEncoder
from voxaffect.features.whisper import WhisperFrames
from voxaffect.features.whisper.precision import Precision
from voxaffect.features.whisper.shapes import Size
from voxaffect.model.settings import Device


class Strict(BaseModel):
    """A section: frozen, unknown keys forbidden."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError("a value is repeated; state each once")
    return values


_T = TypeVar("_T")
_Several = Annotated[tuple[_T, ...], Field(min_length=1), AfterValidator(_distinct)]


def _with_all(shares: tuple[float, ...]) -> tuple[float, ...]:
    if 1 not in shares:
        raise ValueError("1.0, all of the training data, must be included")
    return shares


class EvaluateSection(Strict):
    """`[evaluate]`: which experiments to run with which systems."""

    protocols: _Several[Protocol] = ("within", "cross", "aggregated")
    systems: _Several[str] = ("dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl", "svm")
    seeds: _Several[Annotated[int, Field(ge=0)]] = (0,)
    dev: Dev = "utterances"
    split_style: tuple[str, ...] = ()
    split_seed: Annotated[int, Field(ge=0)] = 0
    train_shares: Annotated[
        _Several[Annotated[float, Field(gt=0, le=1)]], AfterValidator(_with_all)
    ] = (1.0,)


class AudioSection(Strict):
    """`[audio]`: limits beyond which recordings are refused before they are decoded."""

    max_duration_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = (
        DEFAULT_LIMITS.max_duration_s
    )
    max_channels: Annotated[int, Field(ge=1, strict=True)] = DEFAULT_LIMITS.max_channels
    max_bytes: Annotated[int, Field(ge=1, strict=True)] = DEFAULT_LIMITS.max_bytes

    def limits(self) -> DecodeLimits:
        """The limits as `decode` takes them."""
        return DecodeLimits(**self.model_dump())


class LldSection(Strict):
    """`[features.lld]`: pitch range, F0 in Hz or as a logarithm, band, noise floor, device."""

    floor_hz: Annotated[float, Field(gt=0)] = PitchSettings.floor_hz
    ceiling_hz: Annotated[float, Field(gt=0)] = PitchSettings.ceiling_hz
    log_f0: bool = LowLevelDescriptors.log_f0
    band_hz: tuple[Annotated[float, Field(ge=0)], float] = LowLevelDescriptors.band_hz
    floor_db: float | None = LowLevelDescriptors.floor_db
    device: Device = LowLevelDescriptors.device


class LogMelSection(Strict):
    """`[features.log-mel]`: how many bands between which frequencies."""

    n_mels: Annotated[int, Field(ge=1)] = LogMel.n_mels
    low_hz: Annotated[float, Field(ge=0)] = LogMel.low_hz
    high_hz: Annotated[float, Field(gt=0)] = LogMel.high_hz
    device: Device = LogMel.device


class OpenSmileSection(Strict):
    """`[features.opensmile]`: which of openSMILE's sets."""

    name: SetName = OpenSmile.name


def _layer(layer: int | str) -> int | str:
    if layer in {"last", "mean"} or (isinstance(layer, int) and layer >= 0):
        return layer
    raise ValueError("use a number from 0, 'last' or 'mean'")


class EncoderSection(Strict):
    """`[features.encoder]`: a self-supervised encoder in a local folder, and which layer of it."""

    folder: Path | None = None
    layer: Annotated[int | str, AfterValidator(_layer)] = SpeechEncoder.layer
    device: Device = SpeechEncoder.device


class WhisperSection(Strict):
    """`[features.whisper]`: model, layer, and where its weights are, if not where all look."""

    size: Size = WhisperFrames.size
    layer: Annotated[int, Field(ge=0, strict=True)] = WhisperFrames.layer
    source: Path | None = WhisperFrames.source
    precision: Precision = WhisperFrames.precision
    device: Device = WhisperFrames.device
    window_s: Annotated[float, Field(ge=1, le=30)] = WhisperFrames.window_s


class FeatureSection(Strict):
    """`[features]`: which numbers a frame, and where computed ones are kept."""

    model_config = ConfigDict(serialize_by_alias=True)

    store: Path = Path("~/.cache/voxaffect/features")
    set: Literal["lld", "log-mel", "opensmile", "encoder", "whisper"] = "lld"
    lld: LldSection = LldSection()
    log_mel: LogMelSection = Field(default=LogMelSection(), alias="log-mel")
    opensmile: OpenSmileSection = OpenSmileSection()
    encoder: EncoderSection = EncoderSection()
    whisper: WhisperSection = WhisperSection()

    def extractor(self) -> FrameExtractor:
        """What computes the frames.

        Raises:
            ConfigError: the section of the set lacks what it needs.
            FeatureError: the section asks for what cannot be.
        """
        if self.set == "log-mel":
            return LogMel(**self.log_mel.model_dump())
        if self.set == "opensmile":
            return OpenSmile(self.opensmile.name)
        if self.set == "whisper":
            return WhisperFrames(**dict(self.whisper))
        if self.set == "lld":
            lld = self.lld
            pitch = PitchSettings(floor_hz=lld.floor_hz, ceiling_hz=lld.ceiling_hz)
            own = lld.model_dump(exclude={"floor_hz", "ceiling_hz"})
            return LowLevelDescriptors(pitch=pitch, **own)
        encoder = self.encoder
        if encoder.folder is None:
            raise ConfigError(
                'features.set = "encoder" needs a section [features.encoder] with the folder of a '
                'model, like folder = "models/wavlm-base"'
            )
        return SpeechEncoder(encoder.folder, cast("Layer", encoder.layer), encoder.device)
