"""How periodic a frame is, and with which periods: peaks of its normalised autocorrelation.

A window tapers the autocorrelation of what it is laid over, which favours short periods. Dividing
by the window's own autocorrelation undoes this: Boersma (1993), Accurate short-term analysis of the
fundamental frequency and the harmonics-to-noise ratio of a sampled sound.

Letters: R frames, W samples of a window, M lags, K peaks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.fft import irfft, rfft

SINC_REACH = 8
"""Samples of the autocorrelation on either side of a peak that interpolate it."""

POINTS_A_SAMPLE = 4
"""Points between two samples where the sinc is evaluated, before a parabola finds the top."""

NOISE_FLOOR = 1e-10
"""Power of the white noise that every frame is taken to hold, relative to the recording's peak.
100 dB under the peak, it leaves speech alone and keeps rounding errors in silence from periods."""

DRIFT_BINS = 3
"""Lowest bins of the spectrum, below 40 Hz at 16 kHz: they hold offset and drift, and no voice."""

ROLL_OFF = 2 / 3
"""Share of the band with full weight, to 2.7 kHz at a sample rate of 16 kHz."""

LEAST_OVERLAP = 0.05
"""Share of a window's power below which a lag has too little of it left to compensate by."""


def hann(n_samples: int, device: torch.device) -> Tensor:
    """Hann window (W,), symmetric, without zeros at its ends."""
    middles = torch.arange(n_samples, dtype=torch.float64, device=device) + 0.5
    return torch.sin(math.pi / n_samples * middles).square().float()


def voice_band(n_samples: int, device: torch.device) -> Tensor:
    """Weights of the power spectrum up to a quarter of the sample rate, for `n_samples` or more.

    Above, speech is mostly noise, or missing where it came by telephone. The weights fall from 1 to
    0 over the upper third, so that what is left can be interpolated between samples; offset and
    drift have none.
    """
    size = 1 << (n_samples - 1).bit_length()
    height = torch.linspace(0.0, 1.0, size // 4 + 1, device=device)
    fall = ((height - ROLL_OFF) / (1 - ROLL_OFF)).clamp_min_(0.0)
    weights = torch.cos(math.pi / 2 * fall).square()
    weights[:DRIFT_BINS] = 0.0
    return weights


def autocorrelation(signal: Tensor, band: Tensor, n_lags: int) -> Tensor:
    """Autocorrelation within a band, at every second lag.

    By the theorem of Wiener and Khinchin it is the inverse transform of the power spectrum; without
    the spectrum's upper half, that is the autocorrelation at half the sample rate.

    Args:
        signal: (..., W).
        band: weights of the power spectrum, from `voice_band` for W samples and the longest lag.
        n_lags: M.

    Returns:
        (..., M), at lags 0, 2, 4 ... samples.
    """
    n_bins = len(band)
    spectrum: Tensor = rfft(signal, 4 * (n_bins - 1))[..., :n_bins]
    correlation: Tensor = irfft(spectrum * spectrum.conj() * band, 2 * (n_bins - 1))
    return correlation[..., :n_lags]


@dataclass(frozen=True)
class Window:
    """A window and what its taper does to an autocorrelation.

    Args:
        weights: (W,), or (R, W) where each frame has its own.
        taper: (M,) or (R, M), its autocorrelation, bounded from below to divide by.
    """

    weights: Tensor
    taper: Tensor

    @classmethod
    def of(cls, weights: Tensor, n_lags: int) -> Window:
        """A window with the taper of its first M lags."""
        everything = torch.ones_like(voice_band(weights.shape[-1] + 2 * n_lags, weights.device))
        taper = autocorrelation(weights, everything, n_lags)
        return cls(weights, torch.maximum(taper, LEAST_OVERLAP * taper[..., :1]))


def normalised_autocorrelation(frames: Tensor, window: Window, band: Tensor) -> Tensor:
    """Autocorrelation over that at lag 0, as if no window had been laid over the frames.

    Args:
        frames: (R, W), relative to the recording's peak.
        window: of W samples.
        band: weights of the power spectrum.

    Returns:
        (R, M), 1 at lag 0, or 0 for a frame without power. Peaks may exceed 1 where the amplitude
        changes fast.
    """
    taper = window.taper
    correlation = autocorrelation(frames * window.weights, band, taper.shape[-1])
    power = correlation[:, :1] / taper[..., :1] + NOISE_FLOOR
    return correlation / (power * taper)


@dataclass(frozen=True)
class PeakFinder:
    """Finds the highest peaks of an autocorrelation, between its samples.

    Args:
        lags: where to look, in samples.
        n_peaks: K.
        preference: (lags,), added to the heights among which the K highest are chosen.
        sinc: from `sinc_table`.
    """

    lags: range
    n_peaks: int
    preference: Tensor
    sinc: Tensor

    def __call__(self, correlation: Tensor) -> tuple[Tensor, Tensor]:
        """Lags in samples and heights at most 1 of the peaks of (R, M), each (R, K).

        `SINC_REACH` lags beyond the last are known. A peak that is missing has the height -inf.
        """
        start, stop = self.lags.start, self.lags.stop
        before, at, after = (correlation[:, start + d : stop + d] for d in (-1, 0, 1))
        is_peak = at >= torch.maximum(before, after)
        chosen = torch.where(is_peak, at + self.preference, -torch.inf).topk(self.n_peaks)
        lag = chosen.indices + start
        shift, height = self._interpolate(correlation, lag)
        # A compensated peak above 1 is the less credible the higher it is (Boersma).
        height = torch.where(height > 1.0, height.reciprocal(), height)
        return lag + shift, height.masked_fill_(chosen.values.isneginf(), -torch.inf)

    def _interpolate(self, correlation: Tensor, lag: Tensor) -> tuple[Tensor, Tensor]:
        """Shift in samples and height, (R, K) each, of the tops near the sampled peaks (R, K)."""
        reach = torch.arange(-SINC_REACH, SINC_REACH + 1, device=lag.device)
        around = (lag.unsqueeze(2) + reach).abs_()  # an autocorrelation is even
        sampled = correlation.gather(1, around.flatten(1)).view(around.shape)
        points = sampled @ self.sinc  # (R, K, points from -1 to 1 sample)
        first = points[..., 1:-1].max(2, keepdim=True).indices
        left, middle, right = points.gather(2, first + reach[:3] - reach[0]).unbind(2)
        # A parabola through three points has its top at its slope over its curvature.
        slope, curvature = (right - left) / 2, (2 * middle - left - right).clamp_min_(1e-12)
        offset = (slope / curvature).clamp_(-1.0, 1.0)
        shift = (first.squeeze(2) + 1 + offset) / POINTS_A_SAMPLE - 1
        return shift, middle + slope * offset / 2


def sinc_table(device: torch.device) -> Tensor:
    """Hann-windowed sinc from 2 reach + 1 samples to the points from -1 to 1 sample."""
    sample = torch.arange(-SINC_REACH, SINC_REACH + 1, device=device).unsqueeze(1)
    point = torch.arange(-POINTS_A_SAMPLE, POINTS_A_SAMPLE + 1, device=device) / POINTS_A_SAMPLE
    distance = sample - point
    return torch.sinc(distance) * torch.cos(math.pi / 2 * distance / (SINC_REACH + 1)).square()
