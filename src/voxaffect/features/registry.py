"""Feature sets by name, extractors from saved settings, and features from a user's function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import Waveform
from voxaffect.errors import ArtifactError, FeatureError
from voxaffect.features.frames import FrameExtractor, FrameGrid, refuse_short
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.lld.pitch_settings import PitchSettings
from voxaffect.features.lld.short_time import WHOLE_BAND
from voxaffect.features.opensmile import OpenSmile, OpenSmileFunctionals
from voxaffect.features.spectra import LogMel
from voxaffect.features.ssl import SpeechEncoder
from voxaffect.features.whisper import WhisperFrames

Function = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""float32 (n_samples,) at 16 kHz, full scale 1 -> float32 (T, F)."""

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class CustomFeatures:
    """Frame features computed by a user's function.

    Where a store computes in several processes, the function must be importable there, or one that
    joblib can pickle.

    Args:
        function: float32 (n_samples,) at 16 kHz -> float32 (T, F), finite, T >= 1; it gets a copy.
        names: of the F columns.
        grid: positions of its frames.
        version: changed by the user when the function returns other values; part of the key of
            stored features and saved recognizers.

    Raises:
        FeatureError: names are missing or repeated, or the version is empty.
    """

    function: Function
    names: tuple[str, ...]
    grid: FrameGrid
    version: str

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) < len(self.names):
            raise FeatureError(
                f"column names {self.names} are empty or repeated; give each column its own name"
            )
        if not self.version:
            raise FeatureError(
                "the function's version is empty; choose one, and change it when its values change"
            )

    def settings(self) -> Mapping[str, object]:
        """Version, grid and names; the function's code is not inspected."""
        return {
            "extractor": "own",
            "version": self.version,
            "grid": asdict(self.grid),
            "names": list(self.names),
        }

    def extract(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        """Apply the function to each waveform, float32 (T, F).

        Raises:
            AudioError: a waveform is shorter than one frame.
            FeatureError: the function did not return finite float32 (T, F).
        """
        refuse_short(waveforms, self.grid)
        frames = [self.function(waveform.samples.copy()) for waveform in waveforms]
        for waveform, values in zip(waveforms, frames, strict=True):
            if fault := self._fault(values):
                raise FeatureError(
                    f"{waveform.name}: the function of version {self.version!r} returned {fault}; "
                    f"expected finite float32 (T, {len(self.names)}), one row per frame"
                )
        return frames

    def _fault(self, values: object) -> str:
        """Describe what is wrong with a returned value; empty if nothing is."""
        if not isinstance(values, np.ndarray):
            return f"a {type(values).__name__}"
        if values.dtype != np.float32:
            return f"{values.dtype} numbers"
        if values.ndim != 2 or len(values) == 0 or values.shape[1] != len(self.names):
            return f"an array of shape {values.shape}"
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            return f"{values[row, column]} in frame {row}, column {self.names[column]!r}"
        return ""


# Keys in a recognizer's card; settings identify a model by its content.
FOLDER = "encoder_folder"
SOURCE = "whisper_source"


def checkpoint_paths(extractor: FrameExtractor) -> dict[str, str]:
    """Entries of a recognizer's card that locate the extractor's pretrained checkpoint."""
    if isinstance(extractor, SpeechEncoder):
        return {FOLDER: str(extractor.folder.absolute())}
    if isinstance(extractor, WhisperFrames) and extractor.source is not None:
        return {SOURCE: str(extractor.source.absolute())}
    return {}


def extractor_from_settings(
    settings: Settings, card: Settings, device: str = "cpu"
) -> FrameExtractor:
    """Create the extractor with these `settings()`; a recognizer's card has an encoder's folder.

    Raises:
        ArtifactError: the settings are unknown to this version, or the encoder is missing or
            another one.
        FeatureError: a library or the weights of Whisper are missing.
    """
    name = str(settings.get("extractor"))
    if name == "encoder":
        return _encoder(settings, card, device)
    if name == "whisper":
        return _whisper(settings, card, device)
    if name not in FEATURE_SETS:
        raise ArtifactError(
            f"was trained on features of the kind {name!r}, which are not saved with it; load it "
            "by TrainedRecognizer.load(folder, extractor=...) with the extractor of its training"
        )
    try:
        return FEATURE_SETS[name](settings)
    except (KeyError, TypeError) as fault:
        raise ArtifactError(
            f"was trained on other frame features than this version's ({fault}); train it again"
        ) from fault


FEATURE_SETS: Mapping[str, Callable[[Settings], FrameExtractor]] = {
    "low-level descriptors": lambda settings: LowLevelDescriptors(
        FrameGrid(**settings["grid"]),
        PitchSettings(**settings["pitch"]),
        log_f0=settings["log_f0"],
        band_hz=tuple(settings.get("band_hz", WHOLE_BAND)),
        floor_db=settings.get("floor_db"),
    ),
    "log-mel": lambda settings: LogMel(
        FrameGrid(**settings["grid"]),
        **{k: v for k, v in settings.items() if k not in {"extractor", "version", "grid"}},
    ),
    "opensmile": lambda settings: OpenSmile(settings["set"]),
    "opensmile functionals": lambda settings: OpenSmileFunctionals(settings["set"]),
}
"""Constructors by the name in an extractor's settings."""


def _encoder(settings: Settings, card: Settings, device: str) -> SpeechEncoder:
    remedy = "use TrainedRecognizer.load(folder, extractor=SpeechEncoder(Path(...)))"
    folder = Path(card.get(FOLDER, ""))
    if FOLDER not in card or not (folder / "config.json").is_file():
        raise ArtifactError(
            f"was trained on the encoder in {card.get(FOLDER)!r}, which is missing; {remedy}"
        )
    encoder = SpeechEncoder(folder, settings.get("layer", "last"), device)
    if dict(encoder.settings()) != dict(settings):
        raise ArtifactError(
            f"was trained on another encoder than the one in {folder}; restore it or {remedy}"
        )
    return encoder


def _whisper(settings: Settings, card: Settings, device: str) -> WhisperFrames:
    """Frames from the source in the card if it is still there, or else from the usual places."""
    named = Path(card[SOURCE]) if SOURCE in card else None
    source = named if named is not None and named.exists() else None
    own = {k: v for k, v in settings.items() if k not in {"extractor", "version", "weights"}}
    try:
        frames = WhisperFrames(source=source, device=device, **own)
    except TypeError as fault:
        raise ArtifactError(
            f"was trained on other frames of Whisper than this version's ({fault}); train it again"
        ) from fault
    if dict(frames.settings()) != dict(settings):
        raise ArtifactError(
            f"was trained on other weights of Whisper {frames.size} (digest "
            f"{settings.get('weights')}) than those found ({frames.settings()['weights']}); use "
            "TrainedRecognizer.load(folder, extractor=WhisperFrames(source=Path(...)))"
        )
    return frames
