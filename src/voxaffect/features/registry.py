"""The feature sets that a saved recognizer can name, and the way back from their settings."""

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
from voxaffect.features.opensmile import OpenSmile
from voxaffect.features.spectra import LogMel
from voxaffect.features.ssl import SpeechEncoder

Function = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""float32 (n_samples,) at 16 kHz, full scale 1 -> float32 (T, F)."""


@dataclass(frozen=True)
class CustomFeatures:
    """Frames computed by a function of the user's.

    Where a store computes in several processes, the function must be one that they can import, or
    one that joblib can send to them.

    Args:
        function: float32 (n_samples,) at 16 kHz -> float32 (T, F), finite, T >= 1; it gets a copy.
        names: the F column names.
        grid: where its frames lie.
        version: changed by the user whenever the function gives other values; stored features and
            saved recognizers are kept apart by it.

    Raises:
        FeatureError: there are no names, a name stands twice or the version is empty.
    """

    function: Function
    names: tuple[str, ...]
    grid: FrameGrid
    version: str

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) < len(self.names):
            raise FeatureError(f"column names {self.names}: give every column one of its own")
        if not self.version:
            raise FeatureError(
                "a function's version is empty; name one, and another when its values change"
            )

    def settings(self) -> Mapping[str, object]:
        """What the user says of the function; its code is not looked at."""
        return {
            "extractor": "own",
            "version": self.version,
            "grid": asdict(self.grid),
            "names": list(self.names),
        }

    def extract(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        """What the function makes of every waveform, float32 (T, F) each.

        Raises:
            AudioError: a waveform is shorter than one frame.
            FeatureError: the function returned something else than finite float32 (T, F).
        """
        refuse_short(waveforms, self.grid)
        return [self._checked(waveform) for waveform in waveforms]

    def _checked(self, waveform: Waveform) -> NDArray[np.float32]:
        values = self.function(waveform.samples.copy())
        if fault := self._fault(values):
            raise FeatureError(
                f"{waveform.name}: the function of version {self.version!r} returned {fault} where "
                f"finite float32 (T, {len(self.names)}) is expected, a row a frame; correct it"
            )
        return values

    def _fault(self, values: object) -> str:
        """What is wrong with what the function returned, in words; empty if nothing is."""
        if not isinstance(values, np.ndarray):
            return f"a {type(values).__name__}"
        if values.dtype != np.float32:
            return f"{values.dtype} numbers"
        if values.ndim != 2 or len(values) == 0 or values.shape[1] != len(self.names):
            return f"an array of shape {values.shape}"
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            return f"{values[row, column]} in frame {row}, column {self.names[column]!r},"
        return ""


Settings = Mapping[str, Any]

FOLDER = "encoder_folder"
"""Where a recognizer's card says that its encoder lay: settings tell what it is, not where."""


def checkpoint_paths(extractor: FrameExtractor) -> dict[str, str]:
    """What a card says beside an extractor's settings, so that it is found again."""
    return (
        {FOLDER: str(extractor.folder.absolute())} if isinstance(extractor, SpeechEncoder) else {}
    )


def extractor_from_settings(
    settings: Settings, card: Settings, device: str = "cpu"
) -> FrameExtractor:
    """The extractor whose `settings()` these are.

    Args:
        settings: as a header holds them.
        card: the recognizer's, which says where an encoder lies.
        device: where an encoder computes.

    Raises:
        ArtifactError: no set of this version has these settings, or the encoder is not where it
            was, or is another one.
        FeatureError: a library that the set needs is missing.
    """
    name = str(settings.get("extractor"))
    if name == "encoder":
        return _encoder(settings, card, device)
    if name not in FEATURE_SETS:
        raise ArtifactError(
            f"was trained on features of the kind {name!r}, which no file holds; load it with "
            "Recognizer.load(folder, extractor=...) and the extractor that it was trained with"
        )
    try:
        return FEATURE_SETS[name](settings)
    except (KeyError, TypeError) as fault:
        raise ArtifactError(
            f"was trained on other frame features than this version's ({fault}); train it again"
        ) from fault


def _descriptors(settings: Settings) -> LowLevelDescriptors:
    return LowLevelDescriptors(
        FrameGrid(**settings["grid"]), PitchSettings(**settings["pitch"]), log_f0=settings["log_f0"]
    )


FEATURE_SETS: Mapping[str, Callable[[Settings], FrameExtractor]] = {
    "low-level descriptors": _descriptors,
    "log-mel": LogMel.from_settings,
    "opensmile": OpenSmile.from_settings,
}
"""By the name that an extractor's settings give it; an encoder needs its folder, too."""


def _encoder(settings: Settings, card: Settings, device: str) -> SpeechEncoder:
    folder = Path(card.get(FOLDER, ""))
    if FOLDER not in card or not (folder / "config.json").is_file():
        raise ArtifactError(
            f"was trained on the encoder that lay in {card.get(FOLDER)!r} and is not there; load "
            "it with Recognizer.load(folder, extractor=Encoder(Path(...)))"
        )
    encoder = SpeechEncoder(folder, settings.get("layer", "last"), device)
    if dict(encoder.settings()) != dict(settings):
        raise ArtifactError(
            f"was trained on another encoder than the one that lies in {folder}; put that one back "
            "or load it with Recognizer.load(folder, extractor=Encoder(Path(...)))"
        )
    return encoder
