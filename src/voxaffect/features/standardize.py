"""Mean and standard deviation of training frames, and features relative to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import FeatureError

CONSTANT = 1e-6
"""A column that varies by less than this share of its magnitude is constant up to float32 rounding;
its scale is 1."""


@dataclass(frozen=True, eq=False)
class Standardizer:
    """Brings every column to mean 0 and standard deviation 1 over the frames it was fitted to.

    Args:
        mean: float32 (F,).
        scale: float32 (F,), positive.

    Raises:
        FeatureError: shapes differ, or a value is not finite or a scale not positive.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.mean.ndim != 1 or self.mean.shape != self.scale.shape:
            raise FeatureError(
                f"mean of shape {self.mean.shape} and scale of shape {self.scale.shape}: both "
                "must have one value a column"
            )
        if not (np.isfinite(self.mean).all() and np.isfinite(self.scale).all()):
            raise FeatureError("mean and scale must be finite; fit the standardizer again")
        if not (self.scale > 0).all():
            column = int(np.argmin(self.scale))
            raise FeatureError(
                f"scale of column {column} is {self.scale[column]}; it must be positive"
            )

    @classmethod
    def fit(cls, frames: Iterable[NDArray[np.float32]]) -> Standardizer:
        """Statistics over all frames of all utterances, one utterance in memory at a time.

        Args:
            frames: float32 (T, F) each.

        Raises:
            FeatureError: there are no frames, or utterances differ in their columns.
        """
        moments = _Moments.of_none()
        for utterance in frames:
            moments = moments.merged(_Moments.of(utterance))
        if moments.count == 0:
            raise FeatureError("no frames to standardize by; give at least one utterance")
        deviation = np.sqrt(moments.squares / moments.count)
        constant = deviation <= CONSTANT * np.abs(moments.mean)
        scale = np.where(constant | (deviation < np.finfo(np.float32).tiny), 1.0, deviation)
        return cls(moments.mean.astype(np.float32), scale.astype(np.float32))

    def transform(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values (..., F) less the mean, over the scale, float32.

        Raises:
            FeatureError: the number of columns is another one.
        """
        if values.shape[-1:] != self.mean.shape:
            raise FeatureError(
                f"features of shape {values.shape} where the standardizer was fitted to "
                f"{self.mean.size} columns"
            )
        return ((values - self.mean) / self.scale).astype(np.float32, copy=False)


@dataclass(frozen=True)
class _Moments:
    """Count, mean (F,) and sum of squared deviations from the mean (F,), in float64."""

    count: int
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of_none(cls) -> _Moments:
        return cls(0, np.zeros(1), np.zeros(1))

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> _Moments:
        if len(values) == 0:
            return cls.of_none()
        mean = values.mean(axis=0, dtype=np.float64)
        return cls(len(values), mean, np.square(values - mean).sum(axis=0))

    def merged(self, other: _Moments) -> _Moments:
        """Moments of both together (Chan, Golub and LeVeque 1983): no large sums cancel."""
        if self.count == 0 or other.count == 0:
            return other if self.count == 0 else self
        if self.mean.shape != other.mean.shape:
            raise FeatureError(
                f"an utterance has {other.mean.size} columns, those before it {self.mean.size}; "
                "features of one kind only can be standardized together"
            )
        count = self.count + other.count
        shift = other.mean - self.mean
        squares = self.squares + other.squares + shift**2 * (self.count * other.count / count)
        return _Moments(count, self.mean + shift * (other.count / count), squares)
