"""Up to which frequency a recording holds sound, from its long-term spectrum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.power import BIN_HZ
from voxaffect.audio.waveform import SAMPLE_RATE_HZ

BAND_HZ = 250
SPEECH_HZ = (300, 3400)
"""What every telephone carries; the level of other bands is told relative to it."""

BELOW_DB = 55.0
"""A band that lies this far below speech is empty. Consonants of wide-band speech lie 15 to 30 dB
below it, the stop bands of resamplers 60 and more, the last bit of 16-bit audio about 75."""


def upper_edge_hz(spectra: NDArray[np.float32]) -> float:
    """The upper edge of the highest band of 250 Hz that is not empty.

    Args:
        spectra: power spectra (n_windows, 513).

    Returns:
        Hz, at most 8,000, and that where there is no window.
    """
    if len(spectra) == 0:
        return SAMPLE_RATE_HZ / 2
    power = spectra.mean(axis=0, dtype=np.float64)
    low, high = (round(edge / BIN_HZ) for edge in SPEECH_HZ)
    bands = power[:-1].reshape(-1, round(BAND_HZ / BIN_HZ)).mean(axis=1)
    held = bands > power[low:high].mean() * 10 ** (-BELOW_DB / 10)
    return float(BAND_HZ * (np.flatnonzero(held).max(initial=-1) + 1))
