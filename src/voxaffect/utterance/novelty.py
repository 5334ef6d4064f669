"""Novelty (out-of-distribution) score: distance of an utterance from the training utterances.

An utterance is the mean and the spread of its standardized frames, or, where features describe it
as a whole, its one row, by medians and interquartile ranges and cut at three deviations. The
distance is Mahalanobis' from the mean of the training utterances, by their deviations and their
correlations, which are shrunk halfway to none: training corpora are few, and in what they have in
common other corpora differ. Of more than `WIDEST` numbers the correlations are left out. Distance 1
is the one that a stated share of utterances like the training's exceed: the false alarms. It is
measured on training utterances held out of the covariance, part by part. These share speakers and
rooms with the others: a new voice in a new room exceeds it more often.

Measured with layer 3 of Whisper base (1,024 numbers) and with the 32 descriptors (64), trained on
three of EmoDB, EMOVO, RAVDESS and URDU, on the fourth, ASED, and 32 tones, hums, noises, sirens and
pieces of music. Whole covariances (Ledoit and Wolf) reject all sounds, but also 66 % of URDU and 13
% of ASED by Whisper, 42 % and 48 % by the descriptors. Deviations alone reject all sounds by
Whisper, with 12 % of URDU and 6 % of ASED; by the descriptors they let sounds pass that half the
correlations, with 20 % of URDU and 23 % of ASED, reject. Rows of eGeMAPS and ComParE that are
neither centered on medians nor cut let half the sounds pass, as a few outliers in training set the
limit; with both, 94 % of the sounds and more are rejected, and 0 to 10 % of each corpus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import ArtifactError, TrainingError
from voxaffect.features.standardize import Standardizer

FALSE_ALARMS = 0.01
N_PARTS = 10
LEAST_SPREAD = 0.01  # deviation that counts, relative to that of all training frames: a sine's
LEAST_DEVIATION = 0.01  # of utterances, so that what never varied in training does not decide
QUARTILES = 1.349  # interquartile range of a normal distribution, in deviations
MOST = 3.0  # deviations of a row's number that count: functionals have heavy tails
CORRELATION = 0.5  # share of the correlations that counts
WIDEST = 256  # numbers of an utterance, beyond which none of them counts

Floats = NDArray[np.float32]
ARRAYS = ("center", "scale", "mean", "whitening")


@dataclass(frozen=True, eq=False)
class Novelty:
    """Distance of utterances from the training's; 1 is the limit.

    Vectors less the mean, times the whitening, have about the identity for a covariance, over the
    limit.

    Raises:
        ArtifactError: shapes contradict one another, or a value is not finite.
    """

    standardizer: Standardizer  # of the training frames (T, F)
    mean: Floats  # (K,), of the training utterances' vectors; K = 2 F, or F of a single row
    whitening: Floats  # (K, K), or (K,), the diagonal of one without correlations
    false_alarms: float  # share of utterances like the training's beyond the limit

    def __post_init__(self) -> None:
        n_features, k = self.standardizer.mean.size, self.mean.size
        if (
            k not in {n_features, 2 * n_features}
            or self.mean.shape != (k,)
            or self.whitening.shape not in {(k, k), (k,)}
        ):
            raise ArtifactError(
                f"novelty of {n_features} features has a mean of shape {self.mean.shape} and a "
                f"whitening of {self.whitening.shape}; save the recognizer again"
            )
        is_finite = np.isfinite(self.mean).all() and np.isfinite(self.whitening).all()
        if not (is_finite and 0 < self.false_alarms <= 1):
            raise ArtifactError(
                f"novelty has values that are not finite, or {self.false_alarms} false alarms; "
                "save the recognizer again"
            )

    @classmethod
    def fit(cls, frames: Sequence[Floats], seed: int) -> Novelty:
        """Fit to the frames (T, F) of N training utterances, one of which is in memory at a time.

        Where each of them is a single row, the vector of an utterance is this row. Few utterances
        guarantee only a larger share of false alarms, which is stated.

        Raises:
            TrainingError: there are fewer than two utterances.
        """
        if len(frames) < 2:
            raise TrainingError(f"{len(frames)} training utterances; two or more are needed")
        are_rows = all(len(one) == 1 for one in frames)
        standardizer = _of_rows(frames) if are_rows else Standardizer.fit(frames)
        standardized = (standardizer.transform(np.asarray(one)) for one in frames)
        vectors = np.stack([_row(one) if are_rows else summary(one) for one in standardized])
        # Of N + 1 utterances drawn alike, the last lies beyond the r-th smallest distance of the
        # others with a probability of at most 1 - r / (N + 1), as in conformal prediction.
        n = len(vectors)
        rank = min(n, ceil((n + 1) * (1 - FALSE_ALARMS)))
        limit = np.sort(_unseen_distances(vectors, seed))[rank - 1]
        mean, whitening = _whitened(vectors)
        scaled = (whitening / limit).astype(np.float32)
        return cls(standardizer, mean.astype(np.float32), scaled, 1 - rank / (n + 1))

    @property
    def of_rows(self) -> bool:
        """Whether the vector of an utterance is its one row of features."""
        return self.mean.size == self.standardizer.mean.size

    def of(self, frames: Floats) -> float:
        """Novelty of an utterance by its frames (T, F): above 1 it is unfamiliar."""
        standardized = self.standardizer.transform(frames)
        vector = _row(standardized) if self.of_rows else summary(standardized)
        return float(_lengths(vector - self.mean, self.whitening.astype(np.float64)))

    def arrays(self) -> dict[str, Floats]:
        """`ARRAYS` by name, for saving."""
        center, scale = self.standardizer.mean, self.standardizer.scale
        return dict(zip(ARRAYS, (center, scale, self.mean, self.whitening), strict=True))

    def values(self) -> dict[str, float]:
        """What is saved beside the arrays."""
        return {"false_alarms": self.false_alarms}

    @classmethod
    def restored(cls, values: Any, arrays: Mapping[str, Floats], n_features: int) -> Novelty:
        """The novelty of a saved recognizer of F features.

        Raises:
            ArtifactError: something is missing, or does not fit.
        """
        if missing := [name for name in ARRAYS if name not in arrays]:
            raise ArtifactError(f"novelty lacks {', '.join(missing)}; save the recognizer again")
        false_alarms = values.get("false_alarms") if isinstance(values, dict) else None
        if not isinstance(false_alarms, float):
            raise ArtifactError("novelty lacks false alarms; save the recognizer again")
        center, scale, mean, whitening = (arrays[name] for name in ARRAYS)
        if center.size != n_features:
            raise ArtifactError(
                f"novelty was fitted to {center.size} features where the recognizer has "
                f"{n_features}; save the recognizer again"
            )
        return cls(Standardizer(center, scale), mean, whitening, false_alarms)


def summary(standardized: Floats) -> NDArray[np.float64]:
    """Mean and log standard deviation of each column of frames (T, F), float64 (2 F,)."""
    frames = standardized.astype(np.float64)
    spread = np.log(np.maximum(frames.std(axis=0), LEAST_SPREAD))
    return np.concatenate([frames.mean(axis=0), spread])


def _of_rows(rows: Sequence[Floats]) -> Standardizer:
    """Medians and interquartile ranges of rows (1, F), which outliers do not move."""
    table = np.concatenate([np.asarray(row) for row in rows]).astype(np.float64)
    low, median, high = np.percentile(table, (25, 50, 75), axis=0)
    scale, deviation = (high - low) / QUARTILES, table.std(axis=0)
    scale = np.where(scale > 0, scale, np.where(deviation > 0, deviation, 1.0))
    return Standardizer(median.astype(np.float32), scale.astype(np.float32))


def _row(standardized: Floats) -> NDArray[np.float64]:
    """The mean of rows (T, F), of which there is one, within `MOST`."""
    row: NDArray[np.float64] = standardized.mean(axis=0, dtype=np.float64)
    return row.clip(-MOST, MOST)


def _lengths(offsets: NDArray[np.float64], whitening: NDArray[np.float64]) -> NDArray[np.float64]:
    """Length of each offset (..., K) after whitening."""
    white = offsets * whitening if whitening.ndim == 1 else offsets @ whitening
    return np.asarray(np.linalg.norm(white, axis=-1))


def _unseen_distances(vectors: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Distance (N,) of each utterance by the covariance of the other parts."""
    n_parts = min(N_PARTS, len(vectors))
    part = np.random.default_rng(seed).permutation(len(vectors)) % n_parts
    distances = np.empty(len(vectors))
    for k in range(n_parts):
        mean, whitening = _whitened(vectors[part != k])
        distances[part == k] = _lengths(vectors[part == k] - mean, whitening)
    return distances


def _whitened(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (K,) of vectors (N, K), and what makes their covariance about one, (K, K) or (K,)."""
    mean, deviation = vectors.mean(axis=0), vectors.std(axis=0)
    inverse = 1 / np.maximum(deviation, LEAST_DEVIATION)
    if vectors.shape[1] > WIDEST:
        return mean, inverse
    scaled = (vectors - mean) * inverse
    values, directions = np.linalg.eigh(scaled.T @ scaled / len(vectors))
    shrunk = CORRELATION * np.maximum(values, 0) + (1 - CORRELATION)
    return mean, inverse[:, None] * directions / np.sqrt(shrunk)
