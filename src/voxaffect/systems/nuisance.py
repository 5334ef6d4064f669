"""Nuisance attribute projection: directions in which voices differ are taken out of rows.

Speakers' means differ by anatomy, language, microphone and room. The leading directions of these
differences are removed before a machine is fitted, so that it cannot rely on them: Solomonoff,
Campbell and Boardman, "Advances in channel compensation for SVM speaker recognition", ICASSP 2005,
here with speakers as the nuisance. A speaker's mean is that of the means of each emotion, or else
emotions that a speaker has much of would pass for the voice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]
LEAST_CLASSES = 3  # of a speaker whose mean counts: of one or two emotions it is not the voice's


def speaker_directions(
    rows: Table, target: NDArray[np.int64], speakers: NDArray[np.int64], n_directions: int
) -> Table:
    """Orthonormal directions (K, D) in which the speakers' means differ most.

    Args:
        rows: (N, K).
        target: (N,), emotion classes.
        speakers: (N,), numbers of the speakers, -1 where unknown.
        n_directions: D at most; fewer where there are not more speakers than that.
    """
    means = []
    for speaker in np.unique(speakers[speakers >= 0]):
        own = speakers == speaker
        classes = np.unique(target[own])
        if classes.size >= LEAST_CLASSES:
            means.append(np.mean([rows[own & (target == c)].mean(0) for c in classes], axis=0))
    n = min(n_directions, len(means) - 1)
    if n <= 0:
        return np.zeros((rows.shape[1], 0))
    centered = np.array(means) - np.mean(means, axis=0)
    directions: Table = np.linalg.svd(centered, full_matrices=False)[2][:n].T
    return directions


def without(values: Table, directions: Table) -> Table:
    """Values (..., K) less their part in orthonormal directions (K, D)."""
    left: Table = values - (values @ directions) @ directions.T
    return left
