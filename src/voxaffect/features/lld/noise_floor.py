"""A noise floor: white noise that is always there, so that fainter noise changes little.

The logarithm of a mel band, the rate of zero crossings and the probability of voicing of quiet
frames are those of whatever noise a room has. With a floor of its own they are those of one noise
in all rooms that are quieter.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import TARGET_RMS

Floats = NDArray[np.float32]

PERIOD = 1 << 16  # samples after which it begins again, four seconds


@cache
def white_noise() -> Floats:
    """A period of white noise with a root mean square of 1, always the same."""
    noise = np.random.default_rng(0).standard_normal(PERIOD)
    normalized: Floats = (noise / np.sqrt(np.mean(noise**2))).astype(np.float32)
    return normalized


def with_floor(samples: Floats, start: int, floor_db: float | None) -> Floats:
    """Samples (n,) with noise at a level relative to the target level's, usually negative.

    `start` is the position of the first sample in its recording; None leaves the samples.
    """
    if floor_db is None:
        return samples
    rms = np.float32(TARGET_RMS * 10 ** (floor_db / 20))
    places = np.arange(start, start + samples.size) % PERIOD
    return samples + rms * white_noise()[places]
