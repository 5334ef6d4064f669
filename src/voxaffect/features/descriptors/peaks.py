"""The peaks of an autocorrelation: how high they are, and where they lie between the samples.

Letters: R frames, M lags, K ranges of lags.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.compiled import compiled

REACH = 3
"""Samples of the autocorrelation on either side of a peak that interpolate it."""

POINTS_A_SAMPLE = 2
"""Points a sample at which it is interpolated, before a parabola finds the top."""

NOISE_FLOOR = 1e-10
"""Power of the noise that a frame is taken to hold, relative to the square of its offset: 100 dB
under it. This leaves speech alone and keeps rounding errors from having periods."""

SILENCE = 1e-20
"""Power of that noise in a frame without offset: 200 dB under full scale."""

Floats = NDArray[np.float32]


class Peaks(NamedTuple):
    """The highest peak of R frames in each of K ranges of lags.

    Args:
        lag: float32 (R, K), in samples, positive even where there is no peak.
        height: float32 (R, K), of the normalised autocorrelation, -inf where there is no peak.
        power: float32 (R,), of the frames.
    """

    lag: Floats
    height: Floats
    power: Floats

    @classmethod
    def empty(cls, n_frames: int, n_ranges: int) -> Peaks:
        """Room for the peaks of so many frames."""
        lag, height = np.empty((2, n_frames, n_ranges), np.float32)
        return cls(lag, height, np.empty(n_frames, np.float32))

    def replace(self, frames: NDArray[np.int64], by: Peaks) -> None:
        """Let other peaks take the place of some frames'."""
        self.lag[frames], self.height[frames] = by.lag, by.height
        self.power[frames] = by.power

    def of(self, frames: slice) -> Peaks:
        """The peaks of some frames, a view."""
        return Peaks(self.lag[frames], self.height[frames], self.power[frames])


def interpolation() -> Floats:
    """Matrix from 2 REACH + 1 samples to the points from -1 to 1 sample about their middle.

    Of all weights it has those of least mean squared error for signals whose power spectrum falls
    to the end of the band as the fourth power of a cosine, as that of filtered speech about does:
    Wiener (1949), Extrapolation, Interpolation, and Smoothing of Stationary Time Series.
    """
    sample = np.arange(-REACH, REACH + 1)
    point = np.arange(-POINTS_A_SAMPLE, POINTS_A_SAMPLE + 1) / POINTS_A_SAMPLE
    frequency = np.linspace(0.0, np.pi, 257)
    power = np.cos(frequency / 2) ** 4 + 1e-6

    def covariance(distance: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.cos(frequency * distance[..., None]) @ power)

    known = covariance(np.subtract.outer(sample, sample).astype(float))
    weights = np.linalg.solve(known, covariance(np.subtract.outer(sample, point)))
    return np.asarray((weights / weights.sum(0)).T, np.float32)  # level ground stays level


INTERPOLATION = interpolation()


@compiled
def find_peaks(
    at_lag: Floats, offset: Floats, borders: NDArray[np.int64], preference: Floats, peaks: Peaks
) -> None:
    """Find the highest peak in each range of lags, between the samples.

    Heights are relative to lag 0. One above 1 is an artefact of the compensation, the less credible
    the higher it is: it counts as its reciprocal (Boersma 1993).

    Args:
        at_lag: (R, M), autocorrelation of frames, `REACH` lags beyond the last border and more.
        offset: (R,), the mean that was taken off the frames.
        borders: (K + 1,), lags where a range begins and the one before ends, above REACH.
        preference: (M,), added to the heights among which the highest are chosen.
        peaks: room for R frames, filled in.
    """
    points = np.empty(len(INTERPOLATION))
    for r in range(len(at_lag)):
        row = at_lag[r]
        peaks.power[r] = row[0]
        scale = 1.0 / max(row[0] + NOISE_FLOOR * offset[r] ** 2 + SILENCE, SILENCE)
        for k in range(len(borders) - 1):
            at = _highest(row, scale, borders[k], borders[k + 1], preference)
            if at < 0:
                peaks.lag[r, k], peaks.height[r, k] = borders[k], -np.inf
            else:
                shift, top = _top(row, at, points)
                top *= scale
                peaks.lag[r, k], peaks.height[r, k] = at + shift, 1 / top if top > 1 else top


@compiled
def _highest(row: Floats, scale: float, start: int, stop: int, preference: Floats) -> int:
    """Lag of the peak that is preferred among `start` to `stop`, -1 where there is none."""
    best, at = -np.inf, -1
    for lag in range(start, stop):
        here = row[lag]
        if here >= row[lag - 1] and here >= row[lag + 1]:
            rank = here * scale + preference[lag]
            if rank > best:
                best, at = rank, lag
    return at


@compiled
def _top(row: Floats, at: int, points: NDArray[np.float64]) -> tuple[float, float]:
    """Shift in samples and height of the top near a sampled peak; `points` are overwritten."""
    for p in range(len(points)):
        points[p] = 0.0
        for n in range(2 * REACH + 1):
            points[p] += INTERPOLATION[p, n] * row[at - REACH + n]
    m = 1
    for p in range(2, len(points) - 1):
        if points[p] > points[m]:
            m = p
    # A parabola through three points has its top at its slope over its curvature.
    slope = (points[m + 1] - points[m - 1]) / 2
    curvature = 2 * points[m] - points[m - 1] - points[m + 1]
    offset = min(max(slope / curvature, -1.0), 1.0) if curvature > 0 else 0.0
    return (m + offset) / POINTS_A_SAMPLE - 1, points[m] + slope * offset / 2
