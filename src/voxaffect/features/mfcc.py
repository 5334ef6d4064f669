"""Tables of the cepstrum: mel bands and the liftered cosine transform, in float64.

Source: S. Young et al., The HTK Book, version 3.4 (2006), sections 5.4 and 5.6.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ

N_BANDS = 26
N_COEFFICIENTS = 12
LIFTER = 22


def mel(frequency_hz: ArrayLike) -> NDArray[np.float64]:
    """Mel scale `1127 ln(1 + f / 700)`.

    >>> float(mel(1000.0).round(2))
    999.99
    """
    return np.asarray(1127.0 * np.log1p(np.asarray(frequency_hz, np.float64) / 700.0))


def mel_bands(n_fft: int) -> NDArray[np.float64]:
    """Triangles of height 1, equally spaced and linear in mel from 0 Hz to half the sample rate.

    Args:
        n_fft: length of the Fourier transform whose magnitudes they weigh.

    Returns:
        (n_fft / 2 + 1, 26), a column a band.
    """
    bins = mel(np.fft.rfftfreq(n_fft, 1 / SAMPLE_RATE_HZ))
    centres, spacing = np.linspace(0.0, bins[-1], N_BANDS + 2, retstep=True)
    distance = np.abs(bins[:, None] - centres[1:-1]) / spacing
    return np.asarray(np.maximum(0.0, 1.0 - distance))


def cepstral_transform() -> NDArray[np.float64]:
    """Liftered cosine transform of 26 log energies to coefficients 1 to 12, (26, 12).

    Coefficient k is `(1 + 11 sin(pi k / 22)) sqrt(2 / 26) sum log(E_j) cos(pi k (j + 0.5) / 26)`.
    """
    k = np.arange(1, N_COEFFICIENTS + 1)
    j = np.arange(N_BANDS)[:, None]
    lifter = 1.0 + LIFTER / 2 * np.sin(np.pi * k / LIFTER)
    cosines = np.cos(np.pi * k * (j + 0.5) / N_BANDS)
    return np.asarray(lifter * np.sqrt(2 / N_BANDS) * cosines)
