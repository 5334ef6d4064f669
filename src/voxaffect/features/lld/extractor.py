"""The 32 low-level descriptors: 16 numbers a frame, smoothed, and their derivatives.

The set of the INTERSPEECH 2009 Emotion Challenge: energy, MFCC 1 to 12, zero-crossing rate,
probability of voicing, F0. Descriptors are means over three frames; deltas are regression slopes
over five of these. Outside an utterance its edge values repeat.

F0 keeps to its voiced stretch: what repeats past its ends is the stretch's own edge value. A mean
over voiced and unvoiced frames would be a frequency that nobody spoke, and the slope to or from
the zero of an unvoiced frame says no more than the probability of voicing does already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import Waveform
from voxaffect.features.frames import FrameGrid, refuse_short
from voxaffect.features.lld.autocorrelation import FrameAnalyzer, check_hop
from voxaffect.features.lld.pitch_settings import PitchSettings
from voxaffect.features.lld.short_time import check_mel_bands
from voxaffect.features.lld.streaming import DESCRIPTORS, DescriptorStream, StreamingDescriptors
from voxaffect.features.packing import analyze_in_batches

NAMES = (*DESCRIPTORS, *(f"delta_{name}" for name in DESCRIPTORS))

GAIN_COLUMNS = ("energy", "delta_energy")
"""Columns that a gain multiplies. It leaves all others alone, but MFCC where a band is so soft that
it meets its floor."""

VERSION = 3
"""Raised whenever a definition changes, so that stored features are computed anew."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LowLevelDescriptors:
    """Computes the 32 descriptors of many recordings at once.

    A recording's values do not depend on what else is computed with it.

    Args:
        grid: where the frames lie.
        pitch: how F0 and the probability of voicing are found.
        log_f0: give the natural logarithm of F0, 0 where unvoiced, in the place of F0.
        device: where PyTorch computes, `cpu` or `cuda`.

    Raises:
        FeatureError: the grid's hop is an odd number of samples, or its window is too short for the
            mel bands of MFCC.
    """

    grid: FrameGrid = FrameGrid()
    pitch: PitchSettings = PitchSettings()
    log_f0: bool = False
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_hop(self.grid)
        check_mel_bands(self.grid)

    def __getstate__(self) -> dict[str, object]:
        """A copy in another process makes its own tables."""
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
        }

    def extract(self, waveforms: Sequence[Waveform]) -> list[Floats]:
        """The descriptors of every waveform.

        Args:
            waveforms: N of them, each at least one frame long.

        Returns:
            N arrays, float32 (T, 32).

        Raises:
            AudioError: a waveform is shorter than one frame.
        """
        refuse_short(waveforms, self.grid)
        histories = [self._history() for _ in waveforms]
        parts: list[list[Floats]] = [[] for _ in waveforms]
        recordings = [waveform.samples for waveform in waveforms]
        analyzer = self._analyzer
        for number, ended, frames in analyze_in_batches(
            recordings, self.grid, analyzer.reach, self.device, analyzer.analyze
        ):
            parts[number].append(histories[number].advance(frames, ended=ended))
        return [np.concatenate(part) for part in parts]

    def stream(self) -> DescriptorStream:
        """The same for one recording while it lasts, at its own gain."""
        return DescriptorStream(self.grid, self._analyzer, self._history())

    @cached_property
    def _analyzer(self) -> FrameAnalyzer:
        return FrameAnalyzer(self.grid, self.pitch, self.device)

    def _history(self) -> StreamingDescriptors:
        return StreamingDescriptors(self.pitch, self.grid.hop_s, log_f0=self.log_f0)
