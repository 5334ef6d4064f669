"""What each frame shows of its pitch: the peaks of its autocorrelation, without its neighbours."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from voxaffect.errors import FeatureError
from voxaffect.features.descriptors.peaks import REACH, Peaks, find_peaks
from voxaffect.features.descriptors.periodicity import Autocorrelation, Autocorrelator
from voxaffect.features.descriptors.pitch_settings import RATE_HZ, PitchSettings
from voxaffect.features.frames import FrameGrid
from voxaffect.features.tape import ROWS_TOGETHER, Tape


def refuse_odd_hop(grid: FrameGrid) -> None:
    """Refuse grids whose frames do not lie on samples of half the rate.

    Raises:
        FeatureError: the grid's hop is an odd number of samples.
    """
    if grid.hop_samples % 2:
        raise FeatureError(
            f"hop_s = {grid.hop_s} is {grid.hop_samples} samples, but pitch is sought at half "
            "the sample rate; choose an even number of samples"
        )


class PitchObserver:
    """Finds the peaks of frames.

    `reach` tells how many samples beyond a frame, on either side, its pitch depends on, and `lead`
    how many a tape must hold.

    Args:
        settings: of the pitch tracker.
        grid: where the frames lie.
        device: where PyTorch computes.

    Raises:
        FeatureError: the grid's hop is an odd number of samples.
    """

    def __init__(self, settings: PitchSettings, grid: FrameGrid, device: str = "cpu") -> None:
        refuse_odd_hop(grid)
        self._borders = np.array(settings.borders)
        n_lags = settings.borders[-1] + REACH
        self._autocorrelator = Autocorrelator.of(settings.taper_samples, n_lags, RATE_HZ, device)
        octaves = np.log2(np.arange(n_lags).clip(1))
        self._preference = (-settings.octave_cost * octaves).astype(np.float32)
        self._hop = grid.hop_samples
        self._begin = self._autocorrelator.lead - grid.window_samples // 2
        self._size = self._autocorrelator.span
        self.reach = max(0, self._autocorrelator.reach - grid.window_samples // 2)
        self.lead = max(0, self._begin + 1)

    def observe(self, tape: Tape) -> Peaks:
        """The peaks of all rows of a tape; those of no frame say nothing."""
        peaks = Peaks.empty(tape.n_rows, len(self._borders) - 1)
        for rows in tape.blocks():
            samples = tape.around(rows, self._begin, len(rows) * self._hop + self._size)
            frames = self._autocorrelator.whole(samples, len(rows), self._hop)
            self._find(frames, peaks.of(slice(rows.start, rows.stop)))
        edges = tape.cut_off(self.reach)
        if edges.size:
            some = self._cut_off(
                tape, np.pad(edges, ((0, 0), (0, -edges.shape[1] % ROWS_TOGETHER)), mode="edge")
            )
            peaks.replace(edges[0], some.of(slice(edges.shape[1])))
        return peaks

    def _cut_off(self, tape: Tape, edges: NDArray[np.int64]) -> Peaks:
        """The peaks of frames whose windows reach beyond their stretches, from `Tape.cut_off`."""
        row, before, after = torch.from_numpy(edges).unsqueeze(2)
        sample = torch.arange(self._size)
        device = tape.samples.device
        rows = tape.samples[(tape.lead - self._begin + row * self._hop + sample).to(device)]
        inside = (sample >= self._begin - before) & (sample < self._begin + after)
        peaks = Peaks.empty(len(row), len(self._borders) - 1)
        self._find(self._autocorrelator.cut_off(rows, inside.to(device)), peaks)
        return peaks

    def _find(self, frames: Autocorrelation, peaks: Peaks) -> None:
        at_lag, offset = (values.cpu().numpy() for values in frames)
        find_peaks(at_lag, offset, self._borders, self._preference, peaks)
