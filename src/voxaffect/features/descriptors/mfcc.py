"""Tables of the cepstrum: mel bands and the liftered cosine transform, in float64.

Source: S. Young et al., The HTK Book, version 3.4 (2006), sections 5.4 and 5.6.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.features.mel import mel_triangles

N_BANDS = 26
N_COEFFICIENTS = 12
LIFTER = 22


def mel_bands(n_fft: int) -> NDArray[np.float64]:
    """Triangles of height 1, equally spaced and linear in mel from 0 Hz to half the sample rate.

    Args:
        n_fft: length of the Fourier transform whose magnitudes they weigh.

    Returns:
        (n_fft / 2 + 1, 26), a column a band.
    """
    return mel_triangles(n_fft, N_BANDS, 0.0, SAMPLE_RATE_HZ / 2)


def cepstral_transform() -> NDArray[np.float64]:
    """Liftered cosine transform of 26 log energies to coefficients 1 to 12, (26, 12).

    Coefficient k is `(1 + 11 sin(pi k / 22)) sqrt(2 / 26) sum log(E_j) cos(pi k (j + 0.5) / 26)`.
    """
    k = np.arange(1, N_COEFFICIENTS + 1)
    j = np.arange(N_BANDS)[:, None]
    lifter = 1.0 + LIFTER / 2 * np.sin(np.pi * k / LIFTER)
    cosines = np.cos(np.pi * k * (j + 0.5) / N_BANDS)
    return np.asarray(lifter * np.sqrt(2 / N_BANDS) * cosines)
