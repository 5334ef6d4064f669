"""How a frame resembles itself a little later: its compensated autocorrelation.

A window tapers the autocorrelation of what it is laid over, which favours short periods. Dividing
by the window's own autocorrelation undoes this: Boersma (1993), Accurate short-term analysis of the
fundamental frequency and the harmonics-to-noise ratio of a sampled sound.

Letters: R frames, W samples of a window at half the sample rate, M lags.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from voxaffect.features.spectra import power_spectrum, transform_size

TAPS = 24
"""Length of the filter that halves the sample rate, in samples of the higher rate."""

CUT_OFF = 0.8
"""Where the filter falls to half, as a share of the lower rate's band: 3.2 of 4 kHz. Little is
left near 4 kHz, where samples say least about what lies between them."""

HALVED_AT_ONCE = 16
"""Samples of the lower rate that one row of a matrix product yields."""

HIGH_PASS_HZ = 60.0
"""Where a first-order high-pass halves the power: hum and drift have periods, too."""

LEAST_OVERLAP = 0.05
"""Share of a window's power below which a lag has too little of it left to compensate by."""


class Autocorrelation(NamedTuple):
    """Of R frames, as if no window had been laid over them.

    Args:
        at_lag: float32 (R, M), at lags 0, 1, 2 ... samples; at 0 it is the frame's power.
        offset: float32 (R,), the mean that was taken off the frame.
    """

    at_lag: Tensor
    offset: Tensor


@dataclass(frozen=True)
class Autocorrelator:
    """Computes the autocorrelation of frames at half their sample rate.

    Args:
        low_pass: from `halving_filter`.
        window: float32 (W,), with M zeros or more at its ends, since the transform is periodic.
        inverse: float32 (W / 2 + 1, M), from `inverse_transform`.
        weight: float32 (W / 2 + 1,), of the spectrum, from `high_pass`.
        compensated: float32 (W / 2 + 1, M), weighted, over the window's own autocorrelation.
    """

    low_pass: Tensor
    window: Tensor
    inverse: Tensor
    weight: Tensor
    compensated: Tensor

    @classmethod
    def of(cls, n_taper: int, n_lags: int, rate_hz: int, device: str) -> Autocorrelator:
        """One with a Hann window of `n_taper` samples at a rate, which is the halved one."""
        size = transform_size(n_taper + n_lags)
        window, inverse = hann(n_taper, size), inverse_transform(size, n_lags)
        weight = high_pass(size, rate_hz)
        compensated = weight.unsqueeze(1) * inverse / _taper(window, inverse)
        tables = halving_filter(), window, inverse, weight, compensated
        return cls(*(table.float().to(device) for table in tables))

    @property
    def reach(self) -> int:
        """Samples at the full rate from a frame's middle to the last that counts."""
        n_taper = int(torch.count_nonzero(self.window))
        return n_taper + TAPS // 2

    @property
    def lead(self) -> int:
        """Samples at the full rate from a frame's middle to the beginning of its row."""
        return len(self.window) + TAPS // 2 - 1

    @property
    def span(self) -> int:
        """Samples at the full rate of a row."""
        return 2 * len(self.window) + TAPS - 2

    def whole(self, samples: Tensor, n_rows: int, hop: int) -> Autocorrelation:
        """Of frames that lie inside their recordings.

        Args:
            samples: float32 (n_rows hop + 2 W + TAPS - 2,), from `lead` before the first middle on.
            n_rows: R.
            hop: samples between two frames, an even number.
        """
        size = len(self.window)
        rows = halve(samples, self.low_pass).unfold(0, size, hop // 2)[:n_rows]
        offset = rows @ (self.window / self.window.sum())
        frames = torch.sub(rows, offset.unsqueeze(1)).mul_(self.window)
        return Autocorrelation(power_spectrum(frames) @ self.compensated, offset)

    def cut_off(self, rows: Tensor, inside: Tensor) -> Autocorrelation:
        """Of frames that reach beyond their recordings: from what they have of the window.

        Args:
            rows: float32 (R, 2 W + TAPS - 2), from `lead` before the middles on.
            inside: bool (R, 2 W + TAPS - 2), which of these are of the recording.
        """
        middle = slice(TAPS // 2 - 1, TAPS // 2 - 1 + 2 * len(self.window), 2)
        window = self.window * inside[:, middle]
        halved = halve(rows, self.low_pass)
        offset = (halved * window).sum(1) / window.sum(1).clamp_min(1e-9)
        spectrum = power_spectrum((halved - offset.unsqueeze(1)) * window) * self.weight
        return Autocorrelation(spectrum @ self.inverse / _taper(window, self.inverse), offset)


def halving_filter() -> Tensor:
    """Hann-windowed sinc for `halve`, a column for each sample that a row yields."""
    sample = torch.arange(2 * HALVED_AT_ONCE - 2 + TAPS, dtype=torch.float64)
    middle = 2 * torch.arange(HALVED_AT_ONCE) + (TAPS - 1) / 2
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


def hann(n_samples: int, size: int) -> Tensor:
    """Symmetric Hann window of n_samples in the middle of `size` samples, zeros on either side."""
    distance = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    inside = distance.abs() < n_samples / 2
    return torch.cos(math.pi / n_samples * distance).square() * inside


def inverse_transform(size: int, n_lags: int) -> Tensor:
    """Matrix (W / 2 + 1, M) from the power spectrum of W = `size` samples to M lags.

    A few lags of many frames are cheaper by a product than by the whole inverse transform.
    """
    lag = torch.arange(n_lags, dtype=torch.float64)
    frequency = 2 * math.pi / size * torch.arange(size // 2 + 1, dtype=torch.float64)
    cosines = torch.cos(frequency.unsqueeze(1) * lag)
    cosines[1:-1] *= 2  # bins that stand for their mirror images too
    return cosines / size


def high_pass(size: int, rate_hz: int) -> Tensor:
    """What a first-order high-pass leaves of the power in each bin of W = `size`, (W / 2 + 1,)."""
    squared_hz = (rate_hz / size * torch.arange(size // 2 + 1, dtype=torch.float64)).square()
    return squared_hz / (squared_hz + HIGH_PASS_HZ**2)


def _taper(window: Tensor, inverse: Tensor) -> Tensor:
    """What windows (..., W) leave of an autocorrelation (..., M), bounded to divide by."""
    taper = power_spectrum(window) @ inverse
    return torch.maximum(taper, LEAST_OVERLAP * taper[..., :1])
