"""openSMILE's functionals: an utterance as a whole, in one row of 88 or 6,373 numbers.

eGeMAPS: Eyben et al., "The Geneva minimalistic acoustic parameter set (GeMAPS) for voice research
and affective computing", IEEE Transactions on Affective Computing 7, 2016. ComParE: Schuller et
al., "The INTERSPEECH 2016 computational paralinguistics challenge", Interspeech 2016.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import AudioError
from voxaffect.features.frames import FrameExtractor, FrameGrid
from voxaffect.features.lengths import refuse_short
from voxaffect.features.open_smile import WINDOW_S, SetName, opensmile_library

VERSION = 1
"""Raised whenever this file takes openSMILE's numbers otherwise."""


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
