"""High-level features: functionals of an utterance's frame posteriors, four numbers a class.

Source: Han, Yu, Tashev, "Speech emotion recognition using deep neural network and extreme learning
machine", Interspeech 2014, section 3.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import FeatureError

FUNCTIONALS = ("max", "min", "mean", "share")
"""Maximum, minimum, mean, and the share of frames whose posterior exceeds the threshold."""

THRESHOLD = 0.2
"""Posterior above which Han et al. count a frame."""


def functionals(
    posteriors: NDArray[np.floating], threshold: float = THRESHOLD
) -> NDArray[np.float32]:
    """Functionals of one utterance's posteriors (T, C).

    Float32 (4 C,): class by class, and in each the order of `FUNCTIONALS`.

    Raises:
        FeatureError: there is no frame, or a posterior is not a finite number.

    Two frames and two classes:

    >>> functionals(np.array([[0.75, 0.25], [1.0, 0.0]])).tolist()
    [1.0, 0.75, 0.875, 1.0, 0.25, 0.0, 0.125, 0.5]
    """
    p = np.asarray(posteriors, dtype=np.float32)
    if p.ndim != 2 or p.shape[0] < 1 or not np.isfinite(p).all():
        raise FeatureError(
            f"posteriors of shape {p.shape}: need finite values (T, C) of at least one frame"
        )
    mean = p.mean(axis=0, dtype=np.float64)
    share = (p > np.float32(threshold)).mean(axis=0)
    by_class = np.stack([p.max(axis=0), p.min(axis=0), mean, share], axis=1)  # (C, 4)
    return by_class.reshape(-1).astype(np.float32)
