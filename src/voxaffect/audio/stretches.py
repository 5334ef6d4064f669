"""Stretches of a recording, joined: where each of their samples was."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ


def times_in_recording(
    spans: NDArray[np.int64], times_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Times within joined stretches as times in the recording, float64 (T,), in seconds.

    Args:
        spans: int64 (S, 2), first sample and end of each stretch, in order.
        times_s: float64 (T,), in seconds.
    """
    lengths = spans[:, 1] - spans[:, 0]
    starts = np.cumsum(lengths) - lengths
    position = times_s * SAMPLE_RATE_HZ
    stretch = np.searchsorted(starts, position, side="right") - 1
    moved: NDArray[np.float64] = position - starts[stretch] + spans[stretch, 0]
    return moved / SAMPLE_RATE_HZ
