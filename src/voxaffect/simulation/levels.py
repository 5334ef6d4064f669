"""Levels of samples: decibels, root mean squares, full scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]
"""Sound at 16 kHz, (n_samples,)."""


def factor(level_db: float) -> float:
    """The factor on amplitude that a level in decibels stands for."""
    return float(10 ** (level_db / 20))


def rms(samples: NDArray[np.floating]) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def within_full_scale(samples: Samples, peak: float = 0.95) -> Samples:
    """The samples turned down, if they must be, so that none exceeds a peak."""
    loudest = float(np.abs(samples).max())
    return samples * min(1.0, peak / loudest) if loudest > 0 else samples
