"""The 32 low-level descriptors: 16 per frame, smoothed, and their deltas.

The set of the INTERSPEECH 2009 Emotion Challenge: energy, MFCC 1 to 12, zero-crossing rate,
probability of voicing, F0. Descriptors are means over three frames, deltas are regression slopes
over five of these. Edge values are repeated beyond an utterance's ends.

F0 is smoothed within its voiced segment, whose edge values are repeated beyond its ends. A mean
over voiced and unvoiced frames would be a frequency that does not occur, and the slope to or from
the zero of an unvoiced frame adds nothing to the probability of voicing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import Waveform
from voxaffect.errors import FeatureError
from voxaffect.features.frames import FrameGrid, refuse_short
from voxaffect.features.lld.autocorrelation import FrameAnalyzer, check_hop
from voxaffect.features.lld.noise_floor import with_floor
from voxaffect.features.lld.pitch_settings import PitchSettings
from voxaffect.features.lld.short_time import WHOLE_BAND, Band, check_mel_bands
from voxaffect.features.lld.streaming import DESCRIPTORS, DescriptorStream, StreamingDescriptors
from voxaffect.features.packing import analyze_in_batches

NAMES = (*DESCRIPTORS, *(f"delta_{name}" for name in DESCRIPTORS))

GAIN_COLUMNS = ("energy", "delta_energy")
"""Columns that are proportional to the gain. The others do not depend on it, except MFCC where a
mel band is at its lower bound."""

VERSION = 3  # to be increased when a definition changes, so that stored features are recomputed
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LowLevelDescriptors:
    """Extractor of the 32 low-level descriptors.

    A recording's values do not depend on others in the batch. With `log_f0`, F0 is its natural
    logarithm, 0 where unvoiced. Energy, MFCC and zero-crossing rate are those of what lies within
    `band_hz`; F0 is always that of the lower half. With `floor_db` all are those of the samples
    and a noise so far from the target level. The device is PyTorch's, `cpu` or `cuda`.

    Raises:
        FeatureError: the hop is an odd number of samples, the band is none, or the window is too
            short for the mel bands of MFCC.
    """

    grid: FrameGrid = FrameGrid()
    pitch: PitchSettings = PitchSettings()
    log_f0: bool = False
    device: str = "cpu"
    band_hz: Band = WHOLE_BAND
    floor_db: float | None = None

    def __post_init__(self) -> None:
        check_hop(self.grid)
        low, high = self.band_hz
        if not 0 <= low < high <= WHOLE_BAND[1]:
            raise FeatureError(
                f"a band from {low:g} to {high:g} Hz is out of range; choose two frequencies "
                f"within 0 to {WHOLE_BAND[1]:g} Hz, the lower first"
            )
        check_mel_bands(self.grid, self.band_hz)
        if self.floor_db is not None and not -120 <= self.floor_db <= 0:
            raise FeatureError(
                f"floor_db = {self.floor_db} is out of range; choose a level below that of speech, "
                "such as -16, or none"
            )

    def __getstate__(self) -> dict[str, object]:
        """Leave out the tables: another process computes them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def names(self) -> tuple[str, ...]:
        """The 16 descriptors, then `delta_` of each."""
        return tuple(n.replace("f0", "log_f0") for n in NAMES) if self.log_f0 else NAMES

    def settings(self) -> Mapping[str, object]:
        """Everything that changes the values; the device does not."""
        return {
            "extractor": "low-level descriptors",
            "version": VERSION,
            "grid": asdict(self.grid),
            "pitch": self.pitch.plain(),
            "log_f0": self.log_f0,
            **({} if self.band_hz == WHOLE_BAND else {"band_hz": list(self.band_hz)}),
            **({} if self.floor_db is None else {"floor_db": self.floor_db}),
        }

    def extract(self, waveforms: Sequence[Waveform]) -> list[Floats]:
        """Descriptors of each waveform, float32 (T, 32); AudioError if one has no frame."""
        refuse_short(waveforms, self.grid)
        descriptors = [self._descriptors() for _ in waveforms]
        parts: list[list[Floats]] = [[] for _ in waveforms]
        recordings = [with_floor(one.samples, 0, self.floor_db) for one in waveforms]
        reach, analyze = self._analyzer.reach, self._analyzer.analyze
        analyses = analyze_in_batches(recordings, self.grid, reach, self.device, analyze)
        for number, ended, frames in analyses:
            parts[number].append(descriptors[number].advance(frames, ended=ended))
        return [np.concatenate(part) for part in parts]

    def stream(self) -> DescriptorStream:
        """Incremental extraction of a recording, without gain normalization."""
        return DescriptorStream(self.grid, self._analyzer, self._descriptors(), self.floor_db)

    @cached_property
    def _analyzer(self) -> FrameAnalyzer:
        return FrameAnalyzer(self.grid, self.pitch, self.device, self.band_hz)

    def _descriptors(self) -> StreamingDescriptors:
        return StreamingDescriptors(self.pitch, self.grid.hop_s, log_f0=self.log_f0)
