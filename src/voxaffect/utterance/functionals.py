"""High-level features: what an utterance's frame posteriors come to, four numbers a class.

Source: Han, Yu, Tashev, "Speech emotion recognition using deep neural network and extreme learning
machine", Interspeech 2014, section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import FeatureError

FUNCTIONALS = ("max", "min", "mean", "share")
"""Maximum, minimum, mean, and the share of frames whose posterior exceeds the threshold."""

THRESHOLD = 0.2
"""The posterior beyond which Han et al. count a frame."""


def functional_names(classes: Sequence[str]) -> tuple[str, ...]:
    """Column names of `functionals`: class by class, and in each the four functionals.

    >>> functional_names(["sad", "angry"])[2:6]
    ('sad mean', 'sad share', 'angry max', 'angry min')
    """
    return tuple(f"{name} {functional}" for name in classes for functional in FUNCTIONALS)


def functionals(
    posteriors: NDArray[np.floating], threshold: float = THRESHOLD
) -> NDArray[np.float32]:
    """Functionals of one utterance's posteriors.

    Args:
        posteriors: (T, C), probability of every class in every frame, T >= 1.
        threshold: posterior that a frame must exceed to count towards the share.

    Returns:
        float32 (4 C,), ordered as `functional_names`.

    Raises:
        FeatureError: there is no frame, or a posterior is not a finite number.
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


def batch_functionals(
    posteriors: NDArray[np.floating],
    lengths: Sequence[int] | NDArray[np.integer],
    threshold: float = THRESHOLD,
) -> NDArray[np.float32]:
    """Functionals of a padded batch; padding is cut off first, so it changes no number.

    Args:
        posteriors: (B, T, C), utterance b fills its first `lengths[b]` frames.
        lengths: (B,), frames of each utterance, from 1 to T.
        threshold: as in `functionals`.

    Returns:
        float32 (B, 4 C), row b equal to `functionals(posteriors[b, :lengths[b]])`.

    Raises:
        FeatureError: a length is not within 1 and T, or as `functionals`.
    """
    n_batch, n_frames, n_classes = posteriors.shape
    if len(lengths) != n_batch or any(not 1 <= n <= n_frames for n in lengths):
        raise FeatureError(
            f"lengths {[int(n) for n in lengths]}: need {n_batch} numbers from 1 to {n_frames}"
        )
    rows = [functionals(p[:n], threshold) for p, n in zip(posteriors, lengths, strict=True)]
    return np.array(rows, dtype=np.float32).reshape(n_batch, len(FUNCTIONALS) * n_classes)
