"""What each frame shows by itself: short-time descriptors, and the peaks that pitch may take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from voxaffect.features.descriptors.peaks import Peaks
from voxaffect.features.descriptors.pitch_observer import PitchObserver
from voxaffect.features.descriptors.pitch_settings import PitchSettings
from voxaffect.features.descriptors.short_time import ShortTime
from voxaffect.features.frames import FrameGrid
from voxaffect.features.tape import Stretch, Tape
from voxaffect.features.threads import threads


class Observed(NamedTuple):
    """What T frames show.

    Args:
        short_time: float32 (T, 14), `ShortTime.names`.
        peaks: of their autocorrelation.
    """

    short_time: NDArray[np.float32]
    peaks: Peaks


class FrameObserver:
    """Observes frames of many recordings at once, each independent of all others.

    Args:
        grid: where the frames lie.
        pitch: the settings of pitch.
        device: where PyTorch computes.

    Raises:
        FeatureError: the grid's hop is an odd number of samples.
    """

    def __init__(self, grid: FrameGrid, pitch: PitchSettings, device: str) -> None:
        self._grid = grid
        self._pitch = PitchObserver(pitch, grid, device)
        self._short_time = ShortTime(grid).to(device)
        self._device = device

    @property
    def reach(self) -> int:
        """Samples beyond a frame, on either side, that what it shows depends on."""
        return self._pitch.reach

    @torch.inference_mode()
    def observe(self, stretches: Sequence[Stretch]) -> list[Observed]:
        """What the frames of stretches show, at least one of them."""
        tape = Tape.lay(stretches, self._grid, self._pitch.lead, self._device)
        with threads(1):
            short_time, peaks = self._short_time.observe(tape), self._pitch.observe(tape)
        return [Observed(short_time[rows], peaks.of(rows)) for rows in tape.parts]
