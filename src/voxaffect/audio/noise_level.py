"""How far speech stands above noise, from the distribution of sample magnitudes (WADA-SNR).

Speech is mostly near zero with rare large samples, noise is not: the logarithm of the mean
magnitude exceeds the mean of the logarithms by much for clean speech and by 0.409 for Gaussian
noise. Chanwoo Kim and Richard M. Stern, "Robust signal-to-noise ratio estimation based on waveform
amplitude distribution analysis", Interspeech 2008: speech is taken to be Gamma distributed with
shape 0.4, noise to be Gaussian, and the difference is read as a ratio off a table.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHAPE = 0.4
"""Of the Gamma distribution of the magnitudes of speech."""

RATIOS_DB = np.arange(-10.0, 51.0, 5.0)
DIFFERENCES = np.array(
    [
        *(0.4121, 0.4238, 0.4618, 0.5436, 0.6673, 0.8123, 0.9558),
        *(1.0847, 1.1941, 1.2842, 1.3573, 1.4159, 1.4628),
    ]
)
"""ln E|x| - E ln|x| at each of these ratios, by numerical integration of the model."""

FLOOR = 1e-4
"""Share of the mean magnitude below which a sample counts as that: digital silence has no log."""


def signal_to_noise_db(samples: NDArray[np.float32]) -> float:
    """Ratio of speech to noise.

    Args:
        samples: float32 (n_samples,), not all zero.

    Returns:
        decibels, from -10 to 50, the ends of the table.
    """
    magnitudes = np.abs(samples)
    mean = float(magnitudes.mean(dtype=np.float64))
    logarithms = np.log(np.maximum(magnitudes, np.float32(FLOOR * mean)))
    difference = np.log(mean) - logarithms.mean(dtype=np.float64)
    return float(np.interp(difference, DIFFERENCES, RATIOS_DB))
