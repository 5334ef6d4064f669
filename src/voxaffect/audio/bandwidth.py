"""Up to which frequency a recording holds sound, from its long-term spectrum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ

WINDOW = 512
BAND_HZ = 250
SPEECH_HZ = (300, 3400)
"""What every telephone carries; the level of other bands is told relative to it."""

BELOW_DB = 55.0
"""A band that lies this far below speech is empty. Consonants of wide-band speech lie 15 to 30 dB
below it, the stop bands of resamplers 60 and more, the last bit of 16-bit audio about 75."""

BLOCK_WINDOWS = 2048


def upper_edge_hz(samples: NDArray[np.float32]) -> float:
    """The upper edge of the highest band of 250 Hz that is not empty.

    Args:
        samples: float32 (n_samples,) at 16 kHz.

    Returns:
        Hz, at most 8,000, and that for what is shorter than a window of 32 ms.
    """
    if samples.size < WINDOW:
        return SAMPLE_RATE_HZ / 2
    power = long_term_spectrum(samples)
    bin_hz = SAMPLE_RATE_HZ / WINDOW
    low, high = (round(edge / bin_hz) for edge in SPEECH_HZ)
    bands = power[:-1].reshape(-1, round(BAND_HZ / bin_hz)).mean(axis=1)
    held = bands > power[low:high].mean() * 10 ** (-BELOW_DB / 10)
    return float(BAND_HZ * (np.flatnonzero(held).max(initial=-1) + 1))


def long_term_spectrum(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean power spectrum (257,) over Hann windows of 32 ms, one after another."""
    n = samples.size // WINDOW
    windows = samples[: n * WINDOW].reshape(n, WINDOW)
    taper = np.hanning(WINDOW).astype(np.float32)
    total = np.zeros(WINDOW // 2 + 1)
    for first in range(0, n, BLOCK_WINDOWS):
        spectra = np.fft.rfft(windows[first : first + BLOCK_WINDOWS] * taper)
        total += np.square(np.abs(spectra)).sum(axis=0)
    return total / n
