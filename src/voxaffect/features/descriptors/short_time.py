"""Energy, MFCC and zero crossings of one block of frames.

The definitions are those of the INTERSPEECH 2009 Emotion Challenge set (B. Schuller, S. Steidl,
A. Batliner: The INTERSPEECH 2009 Emotion Challenge, 2009) as openSMILE 3 computes it. A block is
small enough to stay in a processor's cache from the first step to the last.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from voxaffect.features.descriptors.mfcc import N_COEFFICIENTS, cepstral_transform, mel_bands
from voxaffect.features.frames import FrameGrid

PRE_EMPHASIS = 0.97

LOG_FLOOR = 2.0**-15
"""Least magnitude of a mel band whose logarithm is taken: HTK's floor of 1 at the scale of 16-bit
samples. Silence stays finite, its MFCC are zero to rounding."""


class ShortTime(nn.Module):
    """Descriptors of a block of frames that can be computed frame by frame.

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
        self.n_fft = 1 << (grid.window_samples - 1).bit_length()
        window = torch.hamming_window(grid.window_samples, periodic=False, dtype=torch.float64)
        self.register_buffer("window", window.float())
        self.register_buffer("bands", torch.from_numpy(mel_bands(self.n_fft).T.copy()).float())
        self.register_buffer("cosines", torch.from_numpy(cepstral_transform().T.copy()).float())

    def forward(self, samples: Tensor, workspace: Tensor) -> Tensor:
        """Energy, MFCC 1 to 12 and zero-crossing rate.

        Args:
            samples: float32 ((T - 1) hop + window,).
            workspace: from `workspace(T)`; its frames are overwritten.

        Returns:
            float32 (T, 14).
        """
        frames = self.fill(workspace, samples)
        return torch.cat(
            [self.energy(frames), self.mfcc(frames), self.zero_crossing_rate(samples)], dim=1
        )

    def workspace(self, n_frames: int) -> Tensor:
        """Zeros that many blocks share: touching fresh memory costs more than the transform."""
        return self.window.new_zeros(n_frames, self.n_fft)

    def fill(self, workspace: Tensor, samples: Tensor) -> Tensor:
        """Pre-emphasised, Hamming-windowed frames in a workspace, float32 (T, n_fft).

        A frame's first sample has no predecessor inside the frame and stands for it.
        """
        emphasised = torch.sub(samples[1:], samples[:-1], alpha=PRE_EMPHASIS)
        inner = workspace[:, 1 : self.grid.window_samples]
        torch.mul(self._frames(emphasised, inner.shape[1]), self.window[1:], out=inner)
        first = samples[:: self.grid.hop_samples][: len(workspace)]
        torch.mul(first, (1 - PRE_EMPHASIS) * self.window[0], out=workspace[:, 0])
        return workspace

    def energy(self, frames: Tensor) -> Tensor:
        """Root mean square of windowed frames, full scale is 1: float32 (T, 1)."""
        norm: Tensor = torch.linalg.vector_norm(frames, dim=1, keepdim=True)
        return norm / math.sqrt(self.grid.window_samples)

    def mfcc(self, frames: Tensor) -> Tensor:
        """Cepstral coefficients 1 to 12 of windowed frames, float32 (T, 12)."""
        # Frames innermost: matrix products like their longest axis there.
        logarithms = (self.bands @ magnitudes(frames).T).clamp_min_(LOG_FLOOR).log_()
        return (self.cosines @ logarithms).T

    def zero_crossing_rate(self, samples: Tensor) -> Tensor:
        """Crossings inside a frame over its number of samples, float32 (T, 1).

        A sample counts if its predecessor has the other sign, or if it is zero itself and its
        neighbours do not lie on one side. Signs, not products, since those of denormals vanish.
        """
        sign = torch.sign(samples).to(torch.int8)
        before, here, after = sign[:-2], sign[1:-1], sign[2:]
        # `stays` is 0 at a crossing, else 1: here * here is 0 at a zero, before * after is 1 where
        # its neighbours lie on one side.
        same_side = torch.maximum(here * here, before * after)
        stays = torch.minimum(before * here + 1, same_side).float()
        n_inner = self.grid.window_samples - 2
        counts = n_inner - self._frames(stays, n_inner).sum(dim=1, keepdim=True)
        return counts / self.grid.window_samples

    def _frames(self, signal: Tensor, length: int) -> Tensor:
        """View (T, length) of a signal's stretches that begin a hop apart."""
        return signal.unfold(0, length, self.grid.hop_samples)


def magnitudes(frames: Tensor) -> Tensor:
    """Magnitudes of the Fourier transform of real frames (T, n), float32 (T, n / 2 + 1).

    From its parts: `abs` of a complex tensor takes several times as long.
    """
    real, imaginary = torch.view_as_real(torch.fft.rfft(frames)).square_().unbind(2)
    return torch.add(real, imaginary).sqrt_()
