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

LEAST_OVERLAP = 0.05
"""Share of a window's power below which a lag has too little of it left to compensate by."""


def hann(n_samples: int, device: torch.device) -> Tensor:
    """Hann window (W,), symmetric, without zeros at its ends."""
    middles = torch.arange(n_samples, dtype=torch.float64, device=device) + 0.5
    return torch.sin(math.pi / n_samples * middles).square().float()


def fft_size(n_samples: int, max_lag: int) -> int:
    """Smallest size 2^a 3^b whose circular autocorrelation is the linear one up to `max_lag`.

    >>> fft_size(640, 222)
    864
    """
    needed = n_samples + max_lag
    powers_of_3 = (3**b for b in range(1 + math.ceil(math.log(needed, 3))))
    return min(p * 2 ** max(0, math.ceil(math.log2(needed / p))) for p in powers_of_3)


def autocorrelation(signal: Tensor, n_lags: int) -> Tensor:
    """Sum over n of signal[n] signal[n + lag], (..., W) -> (..., M), by way of the spectrum."""
    size = fft_size(signal.shape[-1], n_lags - 1)
    spectrum = rfft(signal, size)
    return irfft(spectrum * spectrum.conj(), size)[..., :n_lags]


def compensation(window: Tensor, n_lags: int) -> Tensor:
    """What undoes the taper of a window (..., W): its power over its autocorrelation, (..., M)."""
    taper = autocorrelation(window, n_lags)
    power = taper[..., :1]
    return power / torch.maximum(taper, LEAST_OVERLAP * power)


def normalised_autocorrelation(frames: Tensor, window: Tensor, compensation: Tensor) -> Tensor:
    """Autocorrelation over that at lag 0, as if no window had been laid over the frames.

    Args:
        frames: (R, W), relative to the recording's peak.
        window: (W,), or (R, W) where each frame has its own.
        compensation: (M,) or (R, M), the window's.

    Returns:
        (R, M), 1 at lag 0, or 0 for a frame without power. Peaks may exceed 1 where the amplitude
        changes fast.
    """
    weighted = frames * window
    mean = weighted.sum(1, keepdim=True) / window.sum(-1, keepdim=True)
    weighted.sub_(mean * window)
    correlation = autocorrelation(weighted, compensation.shape[-1])
    noise = NOISE_FLOOR * window.square().sum(-1, keepdim=True)
    return (correlation / (correlation[:, :1] + noise)).mul_(compensation)


@dataclass(frozen=True)
class PeakFinder:
    """Finds the highest peaks of an autocorrelation, between its samples.

    Args:
        lags: where to look, in samples.
        n_peaks: K.
        preference: (lags,), added to the heights among which the K highest are chosen.
    """

    lags: range
    n_peaks: int
    preference: Tensor

    @property
    def n_lags(self) -> int:
        """Lags M that must be known, from 0."""
        return self.lags.stop + SINC_REACH

    def __call__(self, correlation: Tensor) -> tuple[Tensor, Tensor]:
        """Lags in samples and heights at most 1 of the peaks of (R, M), each (R, K).

        A peak that is missing has the height -inf.
        """
        start, stop = self.lags.start, self.lags.stop
        before, at, after = (correlation[:, start + d : stop + d] for d in (-1, 0, 1))
        is_peak = at >= torch.maximum(before, after)
        chosen = torch.where(is_peak, at + self.preference, -torch.inf).topk(self.n_peaks)
        lag = chosen.indices + start
        shift, height = _interpolate(correlation, lag)
        # A compensated peak above 1 is the less credible the higher it is (Boersma).
        height = torch.where(height > 1.0, height.reciprocal(), height)
        return lag + shift, height.masked_fill_(chosen.values.isneginf(), -torch.inf)


def _interpolate(correlation: Tensor, lag: Tensor) -> tuple[Tensor, Tensor]:
    """Shift in samples and height, (R, K) each, of the tops near the sampled peaks `lag` (R, K)."""
    reach = torch.arange(-SINC_REACH, SINC_REACH + 1, device=lag.device)
    around = (lag.unsqueeze(2) + reach).abs_()  # an autocorrelation is even
    sampled = correlation.gather(1, around.flatten(1)).view(around.shape)
    points = sampled @ _sinc_table(lag.device)  # (R, K, points from -1 to 1 sample)
    first = points[..., 1:-1].max(2, keepdim=True).indices
    left, middle, right = points.gather(2, first + reach[:3] - reach[0]).unbind(2)
    # A parabola through three points has its top at its slope over its curvature.
    slope, curvature = (right - left) / 2, (2 * middle - left - right).clamp_min_(1e-12)
    offset = (slope / curvature).clamp_(-1.0, 1.0)
    shift = (first.squeeze(2) + 1 + offset) / POINTS_A_SAMPLE - 1
    return shift, middle + slope * offset / 2


def _sinc_table(device: torch.device) -> Tensor:
    """Hann-windowed sinc from 2 reach + 1 samples to the points from -1 to 1 sample."""
    sample = torch.arange(-SINC_REACH, SINC_REACH + 1, device=device).unsqueeze(1)
    point = torch.arange(-POINTS_A_SAMPLE, POINTS_A_SAMPLE + 1, device=device) / POINTS_A_SAMPLE
    distance = sample - point
    return torch.sinc(distance) * torch.cos(math.pi / 2 * distance / (SINC_REACH + 1)).square()
