"""One row of numbers for an utterance's frames: what machines without a memory learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import FeatureError

Table = NDArray[np.float64]

Summary = Callable[[NDArray[np.float32]], Table]
"""Frames float32 (T, F) -> one row (K,)."""


def descriptor_functionals(frames: NDArray[np.float32]) -> Table:
    """The 12 functionals of the INTERSPEECH 2009 Emotion Challenge (Schuller et al. 2009).

    Maximum, minimum, range, relative positions of both, mean, slope, offset and mean squared error
    of a line, standard deviation, skewness and kurtosis.

    Args:
        frames: float32 (T, F).

    Returns:
        (12 F,), functional by functional; a constant column has skewness and kurtosis 0.
    """
    x = frames.astype(np.float64)
    n_frames = len(x)
    high, low, mean, deviation = x.max(0), x.min(0), x.mean(0), x.std(0)
    time = np.arange(n_frames) - (n_frames - 1) / 2
    slope = time @ x / max(float(time @ time), 1.0)
    residual = x - mean - time[:, None] * slope
    flat = deviation <= 1e-9 * np.maximum(1.0, np.abs(mean))
    z = (x - mean) / np.where(flat, 1.0, deviation)
    shape = [np.where(flat, 0.0, (z**3).mean(0)), np.where(flat, 0.0, (z**4).mean(0) - 3.0)]
    position = [x.argmax(0) / n_frames, x.argmin(0) / n_frames]
    line = [slope, mean - slope * (n_frames - 1) / 2, (residual**2).mean(0)]
    return np.concatenate([high, low, high - low, *position, mean, *line, deviation, *shape])


def only_row(frames: NDArray[np.float32]) -> Table:
    """The one frame of features that describe an utterance as a whole, float32 (1, F) -> (F,).

    Raises:
        FeatureError: there are several frames.
    """
    if len(frames) != 1:
        raise FeatureError(
            f"an utterance has {len(frames)} frames where one row of functionals is expected; use "
            "a feature set that describes utterances, or another system"
        )
    row: Table = frames[0].astype(np.float64)
    return row


def table(frames: Sequence[NDArray[np.float32]], summarise: Summary) -> Table:
    """Rows (N, K) of N utterances."""
    return np.stack([summarise(f) for f in frames])
