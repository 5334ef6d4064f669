"""How periodic a frame is, and with which periods: peaks of its normalised autocorrelation.

A window tapers the autocorrelation of what it is laid over, which favours short periods. Dividing
by the window's own autocorrelation undoes this: Boersma (1993), Accurate short-term analysis of the
fundamental frequency and the harmonics-to-noise ratio of a sampled sound.

Letters: R frames, W samples of a window, M lags, K peaks. Frames are the innermost axis of all that
is known of lags and peaks, along which PyTorch vectorises.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

TAPS = 24
"""Length of the filter that halves the sample rate, in samples of the higher rate."""

CUT_OFF = 0.8
"""Where the filter falls to half, as a share of the lower rate's band: 3.2 of 4 kHz. Little is
left near 4 kHz, where samples say least about what lies between them."""

HALVED_AT_ONCE = 16
"""Samples of the lower rate that one row of a matrix product yields."""

REACH = 3
"""Samples of the autocorrelation on either side of a peak that interpolate it."""

POINTS_A_SAMPLE = 2
"""Points a sample at which it is interpolated, before a parabola finds the top."""

NO_PEAK = 1e3
"""What is taken from the height of a sample that is no peak: more than any peak has."""

NOISE_FLOOR = 1e-10
"""Power of the white noise that every frame is taken to hold, relative to the recording's peak.
100 dB under the peak, it leaves speech alone and keeps rounding errors in silence from periods."""

DRIFT_BINS = 3
"""Lowest bins of the spectrum, below 40 Hz: they hold offset and drift, and no voice."""

LEAST_OVERLAP = 0.05
"""Share of a window's power below which a lag has too little of it left to compensate by."""


def halving_filter(device: torch.device) -> Tensor:
    """Hann-windowed sinc for `halve`, a column for each sample that a row yields."""
    sample = torch.arange(2 * HALVED_AT_ONCE - 2 + TAPS, device=device)
    middle = 2 * torch.arange(HALVED_AT_ONCE, device=device) + (TAPS - 1) / 2
    distance = sample.unsqueeze(1) - middle
    taper = torch.cos((math.pi / TAPS * distance).clamp_(-math.pi / 2, math.pi / 2)).square()
    return torch.sinc(CUT_OFF / 2 * distance) * CUT_OFF / 2 * taper


def halve(samples: Tensor, low_pass: Tensor) -> Tensor:
    """Samples at half the rate: number n lies at 2 n + (TAPS - 1) / 2 of the given.

    Above 4 kHz speech is mostly noise, or missing where it came by telephone.

    Args:
        samples: (..., 2 M + TAPS - 2), with M a multiple of HALVED_AT_ONCE.
        low_pass: from `halving_filter`.

    Returns:
        (..., M).
    """
    around: Tensor = samples.unfold(-1, len(low_pass), 2 * HALVED_AT_ONCE)
    return (around @ low_pass).flatten(-2)


def hann(n_samples: int, size: int, device: torch.device) -> Tensor:
    """Symmetric Hann window of n_samples in the middle of `size` samples, zeros on either side."""
    distance = torch.arange(size, dtype=torch.float64, device=device) - (size - 1) / 2
    phase = (math.pi / n_samples * distance).clamp_(-math.pi / 2, math.pi / 2)
    return torch.cos(phase).square().float()


def inverse_transform(size: int, n_lags: int, device: torch.device) -> Tensor:
    """Matrix (M, W / 2 + 1) from the power spectrum of W = `size` samples to M lags.

    A few lags of many frames are cheaper by a product than by the whole inverse transform.
    """
    lag = torch.arange(n_lags, dtype=torch.float64, device=device).unsqueeze(1)
    cosines = torch.cos(2 * math.pi / size * lag * torch.arange(size // 2 + 1, device=device))
    cosines[:, 1:-1] *= 2  # bins that stand for their mirror images too
    return (cosines / size).float()


def autocorrelation(signal: Tensor, inverse: Tensor) -> Tensor:
    """Autocorrelation by the theorem of Wiener and Khinchin.

    Args:
        signal: (R, W), with at least M zeros at its ends, since the transform is periodic.
        inverse: from `inverse_transform` for W samples, whose bins may be weighted.

    Returns:
        (M, R), at lags 0, 1, 2 ... samples.
    """
    real, imaginary = torch.view_as_real(torch.fft.rfft(signal)).square_().unbind(2)
    return inverse @ (real + imaginary).T


@dataclass(frozen=True)
class Window:
    """A window and what its taper does to an autocorrelation.

    Args:
        weights: (W,), or (R, W) where each frame has its own, with M zeros or more at the ends.
        taper: (M, 1) or (M, R), its autocorrelation, bounded from below to divide by.
        inverse: (M, W / 2 + 1), from `inverse_transform`, without the bins of drift.
    """

    weights: Tensor
    taper: Tensor
    inverse: Tensor

    @classmethod
    def of(cls, weights: Tensor, n_lags: int) -> Window:
        """A window with the taper of its first M lags."""
        inverse = inverse_transform(weights.shape[-1], n_lags, weights.device)
        taper = autocorrelation(weights.view(-1, weights.shape[-1]), inverse)
        inverse[:, :DRIFT_BINS] = 0.0
        return cls(weights, torch.maximum(taper, LEAST_OVERLAP * taper[0]), inverse)


def normalised_autocorrelation(frames: Tensor, window: Window) -> Tensor:
    """Autocorrelation over that at lag 0, as if no window had been laid over the frames.

    Args:
        frames: (R, W), relative to the recording's peak.
        window: of W samples.

    Returns:
        (M, R), 1 at lag 0, or 0 for a frame without power. Peaks may exceed 1 where the amplitude
        changes fast.
    """
    correlation = autocorrelation(frames * window.weights, window.inverse)
    power = correlation[0] / window.taper[0] + NOISE_FLOOR
    return correlation.div_(power * window.taper)


@dataclass(frozen=True)
class PeakFinder:
    """Finds the highest peak in each of several ranges of lags, between the samples.

    Args:
        ranges: K ranges of lags in samples, each of which begins where the last one ends.
        preference: (lags, 1), added to the heights among which the highest are chosen.
        between: from `interpolation`.
    """

    ranges: Sequence[range]
    preference: Tensor
    between: Tensor

    def __call__(self, correlation: Tensor) -> tuple[Tensor, Tensor]:
        """Lags in samples and heights at most 1 of the peaks of (M, R), each (K, R).

        `REACH` lags beyond the last are known. A peak that is missing has the height -inf.
        """
        start, stop = self.ranges[0].start, self.ranges[-1].stop
        before, at, after = (correlation[start + d : stop + d] for d in (-1, 0, 1))
        # 1 where a neighbour is higher. PyTorch is slow at everything boolean.
        no_peak = torch.maximum(before, after).sub_(at).sign_().clamp_min_(0.0)
        ranked = torch.add(at, no_peak, alpha=-NO_PEAK).add_(self.preference)
        highest = [part.max(0) for part in torch.split(ranked, [len(r) for r in self.ranges])]
        lag = torch.stack([h.indices + r.start for h, r in zip(highest, self.ranges, strict=True)])
        missing = torch.stack([h.values for h in highest]) < -NO_PEAK / 2
        shift, height = self._interpolate(correlation, lag)
        # A compensated peak above 1 is the less credible the higher it is (Boersma).
        height = torch.where(height > 1.0, height.reciprocal(), height)
        return lag + shift, height.masked_fill_(missing, -torch.inf)

    def _interpolate(self, correlation: Tensor, lag: Tensor) -> tuple[Tensor, Tensor]:
        """Shift in samples and height, (K, R) each, of the tops near the sampled peaks (K, R)."""
        reach = torch.arange(-REACH, REACH + 1, device=lag.device).view(-1, 1, 1)
        n_frames = lag.shape[1]
        around = (lag + reach).abs_().mul_(n_frames)  # an autocorrelation is even
        around += torch.arange(n_frames, device=lag.device)
        sampled = correlation.flatten().index_select(0, around.flatten()).view(len(reach), -1)
        points = (self.between @ sampled).view(-1, *lag.shape)  # (points from -1 to 1 sample, K, R)
        first = points[1:-1].max(0, keepdim=True).indices
        left, middle, right = points.gather(0, torch.cat([first, first + 1, first + 2]))
        # A parabola through three points has its top at its slope over its curvature.
        slope, curvature = (right - left) / 2, (2 * middle - left - right).clamp_min_(1e-12)
        offset = (slope / curvature).clamp_(-1.0, 1.0)
        return (first[0] + 1 + offset) / POINTS_A_SAMPLE - 1, middle + slope * offset / 2


def interpolation(device: torch.device) -> Tensor:
    """Matrix from 2 REACH + 1 samples to the points from -1 to 1 sample about their middle.

    Of all weights it has those of least mean squared error for signals whose power spectrum falls
    to the end of the band as the fourth power of a cosine, as that of filtered speech about does:
    Wiener (1949), Extrapolation, Interpolation, and Smoothing of Stationary Time Series.
    """
    sample = torch.arange(-REACH, REACH + 1, dtype=torch.float64, device=device)
    steps = torch.arange(-POINTS_A_SAMPLE, POINTS_A_SAMPLE + 1, device=device)
    frequency = torch.linspace(0.0, math.pi, 257, dtype=torch.float64, device=device)
    power = torch.cos(frequency / 2) ** 4 + 1e-6

    def covariance(distance: Tensor) -> Tensor:
        expected: Tensor = torch.cos(frequency * distance.unsqueeze(-1)) @ power
        return expected

    known = covariance(sample.unsqueeze(1) - sample)
    sought = covariance(sample.unsqueeze(1) - steps / POINTS_A_SAMPLE)
    weights: Tensor = torch.linalg.solve(known, sought)
    weights /= weights.sum(0)  # level ground stays level
    return weights.T.float().contiguous()
