"""Novelty (out-of-distribution) score: distance of an utterance from the training utterances.

An utterance is the mean and the spread of its standardized frames; the distance is Mahalanobis'
from the mean of the training utterances, with a shrunk covariance (Ledoit and Wolf, "A
well-conditioned estimator for large-dimensional covariance matrices", 2004). Distance 1 is the one
that a stated share of utterances like the training's exceed: the false alarms. It is measured on
training utterances held out of the covariance, part by part. These share speakers and rooms with
the others: a new voice in a new room exceeds it more often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import ArtifactError, TrainingError
from voxaffect.features.standardize import Standardizer

FALSE_ALARMS = 0.01
N_PARTS = 10
LEAST_SPREAD = 0.01  # deviation that counts, relative to that of all training frames: a sine's

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Novelty:
    """Distance of utterances from the training's; 1 is the limit.

    Vectors less the mean, times the whitening, have the identity for a covariance, over the limit.

    Raises:
        ArtifactError: shapes contradict one another, or a value is not finite.
    """

    mean: Floats  # (K,), of the training utterances' vectors, K = 2 F
    whitening: Floats  # (K, K)
    false_alarms: float  # share of utterances like the training's beyond the limit

    def __post_init__(self) -> None:
        k = self.mean.size
        if self.mean.shape != (k,) or self.whitening.shape != (k, k):
            raise ArtifactError(
                f"novelty has a mean of shape {self.mean.shape} and a whitening of "
                f"{self.whitening.shape}; save the recognizer again"
            )
        is_finite = np.isfinite(self.mean).all() and np.isfinite(self.whitening).all()
        if not (is_finite and 0 < self.false_alarms <= 1):
            raise ArtifactError(
                f"novelty has values that are not finite, or {self.false_alarms} false alarms; "
                "save the recognizer again"
            )

    @classmethod
    def fit(cls, frames: Sequence[Floats], standardizer: Standardizer, seed: int) -> Novelty:
        """Fit to the frames (T, F) of N training utterances, one of which is in memory at a time.

        Few utterances guarantee only a larger share of false alarms, which is stated.

        Raises:
            TrainingError: there are fewer than two utterances.
        """
        if len(frames) < 2:
            raise TrainingError(f"{len(frames)} training utterances; two or more are needed")
        vectors = np.stack([summary(standardizer.transform(np.asarray(f))) for f in frames])
        # Of N + 1 utterances drawn alike, the last lies beyond the r-th smallest distance of the
        # others with a probability of at most 1 - r / (N + 1), as in conformal prediction.
        n = len(vectors)
        rank = min(n, ceil((n + 1) * (1 - FALSE_ALARMS)))
        limit = np.sort(_unseen_distances(vectors, seed))[rank - 1]
        mean, whitening = _whitened(vectors)
        scaled = (whitening / limit).astype(np.float32)
        return cls(mean.astype(np.float32), scaled, 1 - rank / (n + 1))

    def of(self, standardized: Floats) -> float:
        """Novelty of an utterance by its standardized frames (T, F): above 1 it is unfamiliar."""
        offset = summary(standardized) - self.mean
        return float(np.linalg.norm(offset @ self.whitening.astype(np.float64)))


def summary(standardized: Floats) -> NDArray[np.float64]:
    """Mean and log standard deviation of each column of frames (T, F), float64 (2 F,)."""
    frames = standardized.astype(np.float64)
    spread = np.log(np.maximum(frames.std(axis=0), LEAST_SPREAD))
    return np.concatenate([frames.mean(axis=0), spread])


def _unseen_distances(vectors: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Distance (N,) of each utterance by the covariance of the other parts."""
    n_parts = min(N_PARTS, len(vectors))
    part = np.random.default_rng(seed).permutation(len(vectors)) % n_parts
    distances = np.empty(len(vectors))
    for k in range(n_parts):
        mean, whitening = _whitened(vectors[part != k])
        distances[part == k] = np.linalg.norm((vectors[part == k] - mean) @ whitening, axis=1)
    return distances


def _whitened(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (K,) of vectors (N, K), and the matrix (K, K) that makes their covariance one."""
    from sklearn.covariance import ledoit_wolf  # noqa: PLC0415 (slow to load)

    mean = vectors.mean(axis=0)
    covariance, _ = ledoit_wolf(vectors - mean, assume_centered=True)
    values, directions = np.linalg.eigh(covariance)
    return mean, directions / np.sqrt(np.maximum(values, np.finfo(np.float32).eps))
