"""Spectra of real frames."""

from __future__ import annotations

import torch
from torch import Tensor


def power_spectrum(frames: Tensor, n_points: int | None = None) -> Tensor:
    """Squared magnitudes of the Fourier transform, float32 (..., n / 2 + 1).

    From its parts: `abs` of a complex tensor takes several times as long.

    Args:
        frames: float32 (..., n).
        n_points: n of the transform, to which zeros are appended; the frames' own unless given.
    """
    real, imaginary = torch.view_as_real(torch.fft.rfft(frames, n_points)).square_().unbind(-1)
    return real + imaginary
