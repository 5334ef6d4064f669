"""Standardization (z-scores) of features by the statistics of training frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import FeatureError


@dataclass(frozen=True, eq=False)
class Standardizer:
    """Scale every column to mean 0 and standard deviation 1 over the training frames.

    Raises:
        FeatureError: shapes differ, a value is not finite or a scale not positive.
    """

    mean: NDArray[np.float32]  # (F,)
    scale: NDArray[np.float32]  # (F,), positive

    def __post_init__(self) -> None:
        if self.mean.ndim != 1 or self.mean.shape != self.scale.shape:
            raise FeatureError(
                f"mean of shape {self.mean.shape} and scale of shape {self.scale.shape}: both "
                "must have one value per column"
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
        """Fit to all frames of all utterances, float32 (T, F) each, one in memory at a time.

        Moments are merged as in Chan, Golub and LeVeque (1983), without cancellation.

        Raises:
            FeatureError: there are no frames, or utterances differ in their columns.
        """
        count, mean, squares = 0, np.zeros(0), np.zeros(0)
        for values in (one for one in frames if len(one)):
            own, n = values.mean(axis=0, dtype=np.float64), len(values)
            own_squares = np.square(values - own).sum(axis=0)
            if not count:
                count, mean, squares = n, own, own_squares
                continue
            if own.shape != mean.shape:
                raise FeatureError(
                    f"an utterance has {own.size} columns, those before it {mean.size}; "
                    "standardize features of one kind only"
                )
            total, shift = count + n, own - mean
            squares = squares + own_squares + shift**2 * (count * n / total)
            mean = mean + shift * (n / total)
            count = total
        if not count:
            raise FeatureError("no frames to standardize by; give at least one utterance")
        deviation = np.sqrt(squares / count)
        # Where it is below this share of the mean, a column is constant up to float32 rounding.
        constant = deviation <= 1e-6 * np.abs(mean)
        scale = np.where(constant | (deviation < np.finfo(np.float32).tiny), 1.0, deviation)
        return cls(mean.astype(np.float32), scale.astype(np.float32))

    def transform(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standardize values (..., F), float32.

        Raises:
            FeatureError: the number of columns differs.
        """
        if values.shape[-1:] != self.mean.shape:
            raise FeatureError(
                f"features of shape {values.shape} do not fit a standardizer of "
                f"{self.mean.size} columns"
            )
        return ((values - self.mean) / self.scale).astype(np.float32, copy=False)
