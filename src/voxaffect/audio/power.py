"""Power spectra of windows of 64 ms, one after another: what caveats are heard in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ

WINDOW = 1024
BIN_HZ = SAMPLE_RATE_HZ / WINDOW
BLOCK_WINDOWS = 1024

Floats = NDArray[np.float32]


def power_spectra(samples: Floats) -> Floats:
    """Squared magnitudes (n_windows, 513) of Hann windows; a rest shorter than a window is left.

    Args:
        samples: float32 (n_samples,) at 16 kHz.
    """
    n = samples.size // WINDOW
    windows = samples[: n * WINDOW].reshape(n, WINDOW)
    taper = np.hanning(WINDOW).astype(np.float32)
    power = np.empty((n, WINDOW // 2 + 1), np.float32)
    for first in range(0, n, BLOCK_WINDOWS):
        spectra = np.fft.rfft(windows[first : first + BLOCK_WINDOWS] * taper)
        power[first : first + BLOCK_WINDOWS] = np.square(spectra.real) + np.square(spectra.imag)
    return power
