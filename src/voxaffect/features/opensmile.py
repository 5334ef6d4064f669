"""openSMILE's standard feature sets: low-level descriptors, and functionals of whole utterances.

F. Eyben, M. Wöllmer, B. Schuller: openSMILE, the Munich versatile and fast open-source audio
feature extractor, 2010. The library is the extra `opensmile`; it has a license of its own.
eGeMAPS: Eyben et al., "The Geneva minimalistic acoustic parameter set (GeMAPS) for voice research
and affective computing", IEEE Transactions on Affective Computing 7, 2016. ComParE: Schuller et
al., "The INTERSPEECH 2016 computational paralinguistics challenge", Interspeech 2016.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import AudioError, FeatureError
from voxaffect.features.frames import FrameExtractor, FrameGrid, refuse_short

SetName = Literal["eGeMAPSv02", "GeMAPSv01b", "ComParE_2016", "emobase"]

VERSION = 1  # to be increased when openSMILE's output is used differently
WINDOW_S: Mapping[str, float] = {**dict.fromkeys(get_args(SetName), 0.060), "emobase": 0.040}
"""Longest window of each set, that of its pitch; spectral descriptors of the same frame begin at
the same sample and use its first 20 or 25 ms."""


@dataclass(frozen=True)
class OpenSmile:
    """Low-level descriptors: 25 of eGeMAPSv02, 18 of GeMAPSv01b, 65 of ComParE_2016, 26 of emobase.

    Frames begin every 10 ms. openSMILE adds one frame that reaches past the end; it is dropped.
    FeatureError is raised if the set is unknown, and by methods if opensmile is not installed.
    """

    name: SetName = "eGeMAPSv02"

    _extractor: ClassVar[str] = "opensmile"
    _level: ClassVar[str] = "LowLevelDescriptors"

    def __post_init__(self) -> None:
        if self.name not in WINDOW_S:
            raise FeatureError(
                f"openSMILE's set {self.name!r} is unknown; use one of {', '.join(WINDOW_S)}"
            )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Column names of openSMILE."""
        return tuple(self._smile().feature_names)

    @property
    def grid(self) -> FrameGrid:
        """Every 10 ms, with the longest window of the set."""
        return FrameGrid(window_s=WINDOW_S[self.name], hop_s=0.010)

    def settings(self) -> Mapping[str, object]:
        """Name of the set and version of the library."""
        return {
            "extractor": self._extractor,
            "version": VERSION,
            "set": self.name,
            "library": str(opensmile_library().__version__),
        }

    def extract(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        """Features of each waveform, float32 (T, F).

        Raises:
            AudioError: a waveform is shorter than one frame, or a feature of it is not finite.
        """
        refuse_short(waveforms, self.grid)
        smile = self._smile()
        return [self._frames(smile, waveform) for waveform in waveforms]

    def _frames(self, smile: Any, waveform: Waveform) -> NDArray[np.float32]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # "too short", which is an error below
            table = smile.process_signal(waveform.samples, SAMPLE_RATE_HZ)
        values = table.to_numpy(np.float32)[: self.grid.n_frames(waveform.samples.size)]
        finite = np.isfinite(values).all(axis=0)
        if not finite.all():
            raise AudioError(
                f"{waveform.name}: openSMILE's {self.names[int(finite.argmin())]} of {self.name} "
                "is not finite; leave the recording out or use another feature set"
            )
        return np.ascontiguousarray(values)

    def _smile(self) -> Any:
        library = opensmile_library()
        return library.Smile(
            feature_set=library.FeatureSet[self.name],
            feature_level=library.FeatureLevel[self._level],
        )


@dataclass(frozen=True)
class OpenSmileFunctionals(OpenSmile):
    """Functionals, a single frame per utterance: 88 of eGeMAPSv02, 6,373 of ComParE_2016."""

    _extractor: ClassVar[str] = "opensmile functionals"
    _level: ClassVar[str] = "Functionals"

    @property
    def grid(self) -> FrameGrid:
        """The longest window of the set, the shortest recording that has functionals."""
        return FrameGrid(window_s=WINDOW_S[self.name], hop_s=WINDOW_S[self.name])


def opensmile_library() -> Any:
    """Import opensmile, here alone; FeatureError if it is not installed."""
    try:
        import opensmile  # noqa: PLC0415
    except ImportError as fault:
        raise FeatureError(
            f"openSMILE's sets need the library opensmile ({fault}); "
            "install it with: pip install 'voxaffect[opensmile]'"
        ) from fault
    return opensmile


UTTERANCE_SETS: Mapping[str, FrameExtractor] = {
    "egemaps": OpenSmileFunctionals("eGeMAPSv02"),
    "compare": OpenSmileFunctionals("ComParE_2016"),
}
"""Utterance-level feature sets of baselines, by name."""
