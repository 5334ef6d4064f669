"""The mel scale, and triangular bands on it, any number of them between any two frequencies."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ


def mel(frequency_hz: ArrayLike) -> NDArray[np.float64]:
    """Mel scale `1127 ln(1 + f / 700)`.

    >>> float(mel(1000.0).round(2))
    999.99
    """
    return np.asarray(1127.0 * np.log1p(np.asarray(frequency_hz, np.float64) / 700.0))


def mel_triangles(n_fft: int, n_mels: int, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Triangles of height 1, equally spaced and linear in mel.

    Args:
        n_fft: length of the Fourier transform whose bins they weigh.
        n_mels: how many.
        low_hz: where the first begins.
        high_hz: where the last ends.

    Returns:
        (n_fft / 2 + 1, n_mels), a column a band.
    """
    bins = mel(np.fft.rfftfreq(n_fft, 1 / SAMPLE_RATE_HZ))
    centres, spacing = np.linspace(mel(low_hz), mel(high_hz), n_mels + 2, retstep=True)
    distance = np.abs(bins[:, None] - centres[1:-1]) / spacing
    return np.asarray(np.maximum(0.0, 1.0 - distance))
