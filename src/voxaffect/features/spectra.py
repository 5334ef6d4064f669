"""Spectra of real frames."""

from __future__ import annotations

import torch
from torch import Tensor


def transform_size(n_samples: int) -> int:
    """Points of the Fourier transform of so many samples: the next power of two."""
    return 1 << (n_samples - 1).bit_length()


def power_spectrum(frames: Tensor, n_points: int | None = None) -> Tensor:
    """Squared magnitudes of the Fourier transform, float32 (..., n / 2 + 1).

    From its parts: `abs` of a complex tensor takes several times as long.

    Args:
        frames: float32 (..., n).
        n_points: n of the transform, to which zeros are appended; the frames' own unless given.
    """
    real, imaginary = torch.view_as_real(torch.fft.rfft(frames, n_points)).square_().unbind(-1)
    return real + imaginary
