"""Energy, MFCC and zero crossings of frames.

The definitions are those of the INTERSPEECH 2009 Emotion Challenge set (B. Schuller, S. Steidl,
A. Batliner: The INTERSPEECH 2009 Emotion Challenge, 2009) as openSMILE 3 computes it.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from voxaffect.errors import FeatureError
from voxaffect.features.descriptors.crossings import zero_crossing_rates
from voxaffect.features.descriptors.mfcc import N_COEFFICIENTS, cepstral_transform, mel_bands
from voxaffect.features.frames import FrameGrid
from voxaffect.features.spectra import magnitude_spectrum, transform_size
from voxaffect.features.tape import Tape

PRE_EMPHASIS = 0.97

LOG_FLOOR = 2.0**-15
"""Least magnitude of a mel band whose logarithm is taken: HTK's floor of 1 at the scale of 16-bit
samples. Silence stays finite, its MFCC are zero to rounding."""


def refuse_narrow_bands(grid: FrameGrid) -> None:
    """Refuse windows so short that a mel band holds no bin of their spectrum.

    Raises:
        FeatureError: there is such a band.
    """
    if not mel_bands(transform_size(grid.window_samples)).any(axis=0).all():
        raise FeatureError(
            f"window_s = {grid.window_s} is too short for the mel bands of MFCC; choose more"
        )


class ShortTime(nn.Module):
    """Descriptors that each frame has by itself.

    Args:
        grid: where the frames lie.
    """

    names = ("energy", *(f"mfcc_{k}" for k in range(1, N_COEFFICIENTS + 1)), "zero_crossing_rate")
    window: Tensor
    bands: Tensor
    cosines: Tensor

    def __init__(self, grid: FrameGrid) -> None:
        super().__init__()
        self.grid = grid
        self.n_fft = transform_size(grid.window_samples)
        window = torch.hamming_window(grid.window_samples, periodic=False, dtype=torch.float64)
        self.register_buffer("window", window.float())
        self.register_buffer("bands", torch.from_numpy(mel_bands(self.n_fft).T.copy()).float())
        self.register_buffer("cosines", torch.from_numpy(cepstral_transform().T.copy()).float())

    def observe(self, tape: Tape) -> NDArray[np.float32]:
        """Energy, MFCC 1 to 12 and zero-crossing rate of all rows of a tape, float32 (rows, 14)."""
        values = np.empty((tape.n_rows, len(self.names)), np.float32)
        workspace = self.window.new_zeros(max(map(len, tape.blocks()), default=0), self.n_fft)
        for rows in tape.blocks():
            frames = self.fill(workspace[: len(rows)], tape.frame_samples(rows))
            some = torch.from_numpy(values[rows.start : rows.stop])
            some[:, 0], some[:, 1:-1] = self.energy(frames), self.mfcc(frames)
        values[:, -1] = zero_crossing_rates(tape.host[tape.lead :], tape.n_rows, self.grid)
        return values

    def fill(self, workspace: Tensor, samples: Tensor) -> Tensor:
        """Pre-emphasised, Hamming-windowed frames in a workspace.

        A frame's first sample has no predecessor inside the frame and stands for it.

        Args:
            workspace: float32 (T, n_fft) whose columns beyond the window are zeros; the others are
                overwritten. Blocks share it, since touching fresh memory costs more than the
                transform.
            samples: float32 ((T - 1) hop + window,).
        """
        emphasised = torch.sub(samples[1:], samples[:-1], alpha=PRE_EMPHASIS)
        inner = workspace[:, 1 : self.grid.window_samples]
        emphasised = emphasised.unfold(0, inner.shape[1], self.grid.hop_samples)
        torch.mul(emphasised, self.window[1:], out=inner)
        first = samples[:: self.grid.hop_samples][: len(workspace)]
        torch.mul(first, (1 - PRE_EMPHASIS) * self.window[0], out=workspace[:, 0])
        return workspace

    def energy(self, frames: Tensor) -> Tensor:
        """Root mean square of windowed frames, full scale is 1: float32 (T,)."""
        norm: Tensor = torch.linalg.vector_norm(frames, dim=1)
        return norm / math.sqrt(self.grid.window_samples)

    def mfcc(self, frames: Tensor) -> Tensor:
        """Cepstral coefficients 1 to 12 of windowed frames, float32 (T, 12)."""
        # Frames innermost: matrix products like their longest axis there.
        logarithms = (self.bands @ magnitude_spectrum(frames).T).clamp_min_(LOG_FLOOR).log_()
        return (self.cosines @ logarithms).T
