"""openSMILE's functionals: an utterance as a whole, in one row of 88 or 6,373 numbers.

eGeMAPS: Eyben et al., "The Geneva minimalistic acoustic parameter set (GeMAPS) for voice research
and affective computing", IEEE Transactions on Affective Computing 7, 2016. ComParE: Schuller et
al., "The INTERSPEECH 2016 computational paralinguistics challenge", Interspeech 2016.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import AudioError, FeatureError
from voxaffect.features.frames import FrameExtractor, FrameGrid, refuse_short

# Low-level descriptors of openSMILE's standard sets, computed by openSMILE itself.
#
# F. Eyben, M. Wöllmer, B. Schuller: openSMILE, the Munich versatile and fast open-source audio
# feature extractor, 2010. The library is the extra `opensmile`; it has a license of its own.

SetName = Literal["eGeMAPSv02", "GeMAPSv01b", "ComParE_2016", "emobase"]

VERSION = 1
"""Raised whenever this file takes openSMILE's frames otherwise."""

WINDOW_S: Mapping[SetName, float] = {
    "eGeMAPSv02": 0.060,
    "GeMAPSv01b": 0.060,
    "ComParE_2016": 0.060,
    "emobase": 0.040,
}
"""The longest window of a set, that of its pitch; spectral descriptors of the same frame begin at
the same sample and take its first 20 or 25 ms."""


@dataclass(frozen=True)
class OpenSmile:
    """Low-level descriptors of one of openSMILE's sets.

    Frames begin every 10 ms. openSMILE adds one frame that reaches past the end; it is left out,
    so that a recording has exactly the frames that lie whole inside it.

    Args:
        name: `eGeMAPSv02` (25 descriptors), `GeMAPSv01b` (18), `ComParE_2016` (65) or `emobase`
            (26).

    Raises:
        FeatureError: there is no such set.
    """

    name: SetName = "eGeMAPSv02"

    def __post_init__(self) -> None:
        if self.name not in WINDOW_S:
            raise FeatureError(
                f"openSMILE's set {self.name!r} is unknown; use one of "
                f"{', '.join(get_args(SetName))}"
            )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Column names, those of openSMILE.

        Raises:
            FeatureError: opensmile is not installed.
        """
        return tuple(self._smile().feature_names)

    @property
    def grid(self) -> FrameGrid:
        """Every 10 ms, as long as the longest window of the set."""
        return FrameGrid(window_s=WINDOW_S[self.name], hop_s=0.010)

    def settings(self) -> Mapping[str, object]:
        """The set and the library's version.

        Raises:
            FeatureError: opensmile is not installed.
        """
        return {
            "extractor": "opensmile",
            "version": VERSION,
            "set": self.name,
            "library": str(opensmile_library().__version__),
        }

    @classmethod
    def from_settings(cls, settings: Mapping[str, object]) -> OpenSmile:
        """The extractor of the set that settings name, by the library that is installed."""
        return cls(settings["set"])  # type: ignore[arg-type]

    def extract(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        """Descriptors of every waveform, float32 (T, F) each.

        Raises:
            AudioError: a waveform is shorter than one frame.
            FeatureError: opensmile is not installed.
        """
        refuse_short(waveforms, self.grid)
        smile = self._smile()
        return [self._frames(smile, waveform) for waveform in waveforms]

    def _frames(self, smile: Any, waveform: Waveform) -> NDArray[np.float32]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # "too short": told below, by name
            table = smile.process_signal(waveform.samples, SAMPLE_RATE_HZ)
        values = table.to_numpy(np.float32)[: self.grid.n_frames(waveform.samples.size)]
        if not np.isfinite(values).all():
            raise AudioError(
                f"{waveform.name}: openSMILE has no finite {self.name} for it; leave it out or "
                "use another feature set"
            )
        return np.ascontiguousarray(values)

    def _smile(self) -> Any:
        library = opensmile_library()
        return library.Smile(
            feature_set=library.FeatureSet[self.name],
            feature_level=library.FeatureLevel.LowLevelDescriptors,
        )


def opensmile_library() -> Any:
    """The library itself, which is imported here alone.

    Raises:
        FeatureError: it is not installed.
    """
    try:
        import opensmile  # noqa: PLC0415
    except ImportError as fault:
        raise FeatureError(
            f"openSMILE's sets need the library opensmile ({fault}); "
            "install it with: pip install 'voxaffect[opensmile]'"
        ) from fault
    return opensmile


@dataclass(frozen=True)
class OpenSmileFunctionals:
    """Functionals of one of openSMILE's sets, as one frame an utterance.

    So they lie in a store like any features, and travel to a fold on the same road.

    Args:
        name: `eGeMAPSv02` (88 numbers) or `ComParE_2016` (6,373), or another of openSMILE's sets.
    """

    name: SetName

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Column names, those of openSMILE.

        Raises:
            FeatureError: opensmile is not installed.
        """
        return tuple(self._smile().feature_names)

    @property
    def grid(self) -> FrameGrid:
        """The longest window of the set: less than one of them has no functionals."""
        return FrameGrid(window_s=WINDOW_S[self.name], hop_s=WINDOW_S[self.name])

    def settings(self) -> Mapping[str, object]:
        """The set and the library's version.

        Raises:
            FeatureError: opensmile is not installed.
        """
        return {
            "extractor": "opensmile functionals",
            "version": VERSION,
            "set": self.name,
            "library": str(opensmile_library().__version__),
        }

    def extract(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        """Functionals of every waveform, float32 (1, F) each.

        Raises:
            AudioError: a waveform is shorter than one window, or a functional of it is no number.
            FeatureError: opensmile is not installed.
        """
        refuse_short(waveforms, self.grid)
        smile = self._smile()
        return [self._row(smile, waveform) for waveform in waveforms]

    def _row(self, smile: Any, waveform: Waveform) -> NDArray[np.float32]:
        table = smile.process_signal(waveform.samples, SAMPLE_RATE_HZ)
        values: NDArray[np.float32] = np.ascontiguousarray(table.to_numpy(np.float32))
        if not np.isfinite(values).all():
            column = self.names[int(np.flatnonzero(~np.isfinite(values[0]))[0])]
            raise AudioError(
                f"{waveform.name}: openSMILE's {column} of {self.name} is no finite number; leave "
                "the recording out, or the systems that need this set"
            )
        return values

    def _smile(self) -> Any:
        library = opensmile_library()
        return library.Smile(
            feature_set=library.FeatureSet[self.name],
            feature_level=library.FeatureLevel.Functionals,
        )


UTTERANCE_SETS: Mapping[str, FrameExtractor] = {
    "egemaps": OpenSmileFunctionals("eGeMAPSv02"),
    "compare": OpenSmileFunctionals("ComParE_2016"),
}
"""What systems may need beside the run's own frames, by the name that they give it."""
