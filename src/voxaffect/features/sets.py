"""The feature sets that a saved recogniser can name, and the way back from their settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from voxaffect.errors import ArtefactError
from voxaffect.features.descriptors.lld import LowLevelDescriptors
from voxaffect.features.descriptors.pitch_settings import PitchSettings
from voxaffect.features.encoders.encoder import Encoder
from voxaffect.features.frames import FrameExtractor, FrameGrid
from voxaffect.features.log_mel import LogMel
from voxaffect.features.open_smile import OpenSmile

Settings = Mapping[str, Any]

FOLDER = "encoder_folder"
"""Where a recogniser's card says that its encoder lay: settings tell what it is, not where."""


def whereabouts(extractor: FrameExtractor) -> dict[str, str]:
    """What a card says beside an extractor's settings, so that it is found again."""
    return {FOLDER: str(extractor.folder.absolute())} if isinstance(extractor, Encoder) else {}


def extractor_of(settings: Settings, card: Settings, device: str = "cpu") -> FrameExtractor:
    """The extractor whose `settings()` these are.

    Args:
        settings: as a header holds them.
        card: the recogniser's, which says where an encoder lies.
        device: where an encoder computes.

    Raises:
        ArtefactError: no set of this version has these settings, or the encoder is not where it
            was, or is another one.
        FeatureError: a library that the set needs is missing.
    """
    name = str(settings.get("extractor"))
    if name == "encoder":
        return _encoder(settings, card, device)
    if name not in SETS:
        raise ArtefactError(
            f"was trained on features of the kind {name!r}, which no file holds; load it with "
            "Recognizer.load(folder, extractor=...) and the extractor that it was trained with"
        )
    try:
        return SETS[name](settings)
    except (KeyError, TypeError) as fault:
        raise ArtefactError(
            f"was trained on other frame features than this version's ({fault}); train it again"
        ) from fault


def _descriptors(settings: Settings) -> LowLevelDescriptors:
    return LowLevelDescriptors(
        FrameGrid(**settings["grid"]), PitchSettings(**settings["pitch"]), log_f0=settings["log_f0"]
    )


SETS: Mapping[str, Callable[[Settings], FrameExtractor]] = {
    "low-level descriptors": _descriptors,
    "log-mel": LogMel.from_settings,
    "opensmile": OpenSmile.from_settings,
}
"""By the name that an extractor's settings give it; an encoder needs its folder, too."""


def _encoder(settings: Settings, card: Settings, device: str) -> Encoder:
    folder = Path(card.get(FOLDER, ""))
    if FOLDER not in card or not (folder / "config.json").is_file():
        raise ArtefactError(
            f"was trained on the encoder that lay in {card.get(FOLDER)!r} and is not there; load "
            "it with Recognizer.load(folder, extractor=Encoder(Path(...)))"
        )
    encoder = Encoder(folder, settings.get("layer", "last"), device)
    if dict(encoder.settings()) != dict(settings):
        raise ArtefactError(
            f"was trained on another encoder than the one that lies in {folder}; put that one back "
            "or load it with Recognizer.load(folder, extractor=Encoder(Path(...)))"
        )
    return encoder
