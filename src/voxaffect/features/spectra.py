"""Spectra of real frames."""

from __future__ import annotations

import numpy as np
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


def magnitude_spectrum(frames: Tensor) -> Tensor:
    """Magnitudes of the Fourier transform, float32 (..., n / 2 + 1), of frames as above.

    On a processor NumPy takes the roots, which are exact. PyTorch's are MKL's: a seventh of them is
    off by a last bit, and which ones hangs on the processor's maker.
    """
    power = power_spectrum(frames)
    if power.device.type != "cpu":
        return power.sqrt_()
    roots = power.numpy()
    np.sqrt(roots, out=roots)
    return power
