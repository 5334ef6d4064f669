"""What each frame shows by itself: short-time descriptors, and the peaks that pitch may take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxaffect.errors import FeatureError
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld.pitch_settings import RATE_HZ, PitchSettings
from voxaffect.features.lld.short_time import ShortTime
from voxaffect.features.packing import ROW_MULTIPLE, AudioChunk, PackedAudio
from voxaffect.features.runtime import compiled, torch_threads
from voxaffect.features.spectra import power_spectrum, transform_size

# The peaks of an autocorrelation: how high they are, and where they lie between the samples.
#
# Letters: R frames, M lags, K ranges of lags.

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
        height: float32 (R, K), of the normalized autocorrelation, -inf where there is no peak.
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

    Heights are relative to lag 0. One above 1 is an artifact of the compensation, the less credible
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


# How a frame resembles itself a little later: its compensated autocorrelation.
#
# A window tapers the autocorrelation of what it is laid over, which favors short periods.
# Dividing by the window's own autocorrelation undoes this: Boersma (1993), Accurate short-term
# analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled sound.
#
# Letters: R frames, W samples of a window at half the sample rate, M lags.

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


def check_hop(grid: FrameGrid) -> None:
    """Refuse grids whose frames do not lie on samples of half the rate.

    Raises:
        FeatureError: the grid's hop is an odd number of samples.
    """
    if grid.hop_samples % 2:
        raise FeatureError(
            f"hop_s = {grid.hop_s} is {grid.hop_samples} samples, but pitch is sought at half "
            "the sample rate; choose an even number of samples"
        )


class PeakAnalyzer:
    """Finds the peaks of frames.

    `reach` tells how many samples beyond a frame, on either side, its pitch depends on, and `lead`
    how many a tape must hold.

    Args:
        settings: of the pitch tracker.
        grid: where the frames lie.
        device: where PyTorch computes.

    Raises:
        FeatureError: the grid's hop is an odd number of samples.
    """

    def __init__(self, settings: PitchSettings, grid: FrameGrid, device: str = "cpu") -> None:
        check_hop(grid)
        self._borders = np.array(settings.borders)
        n_lags = settings.borders[-1] + REACH
        self._autocorrelator = Autocorrelator.of(settings.taper_samples, n_lags, RATE_HZ, device)
        octaves = np.log2(np.arange(n_lags).clip(1))
        self._preference = (-settings.octave_cost * octaves).astype(np.float32)
        self._hop = grid.hop_samples
        self._begin = self._autocorrelator.lead - grid.window_samples // 2
        self._size = self._autocorrelator.span
        self.reach = max(0, self._autocorrelator.reach - grid.window_samples // 2)
        self.lead = max(0, self._begin + 1)

    def analyze(self, tape: PackedAudio) -> Peaks:
        """The peaks of all rows of a tape; those of no frame say nothing."""
        peaks = Peaks.empty(tape.n_rows, len(self._borders) - 1)
        for rows in tape.blocks():
            samples = tape.samples_from(rows, self._begin, len(rows) * self._hop + self._size)
            frames = self._autocorrelator.whole(samples, len(rows), self._hop)
            self._find(frames, peaks.of(slice(rows.start, rows.stop)))
        edges = tape.edge_frames(self.reach)
        if edges.size:
            some = self._cut_off(
                tape, np.pad(edges, ((0, 0), (0, -edges.shape[1] % ROW_MULTIPLE)), mode="edge")
            )
            peaks.replace(edges[0], some.of(slice(edges.shape[1])))
        return peaks

    def _cut_off(self, tape: PackedAudio, edges: NDArray[np.int64]) -> Peaks:
        """The peaks of frames whose windows reach beyond their stretches, from `Tape.cut_off`."""
        row, before, after = torch.from_numpy(edges).unsqueeze(2)
        sample = torch.arange(self._size)
        device = tape.samples.device
        rows = tape.samples[(tape.lead - self._begin + row * self._hop + sample).to(device)]
        inside = (sample >= self._begin - before) & (sample < self._begin + after)
        peaks = Peaks.empty(len(row), len(self._borders) - 1)
        self._find(self._autocorrelator.cut_off(rows, inside.to(device)), peaks)
        return peaks

    def _find(self, frames: Autocorrelation, peaks: Peaks) -> None:
        at_lag, offset = (values.cpu().numpy() for values in frames)
        find_peaks(at_lag, offset, self._borders, self._preference, peaks)


class FrameAnalysis(NamedTuple):
    """What T frames show.

    Args:
        short_time: float32 (T, 14), `ShortTime.names`.
        peaks: of their autocorrelation.
    """

    short_time: NDArray[np.float32]
    peaks: Peaks


class FrameAnalyzer:
    """Observes frames of many recordings at once, each independent of all others.

    Args:
        grid: where the frames lie.
        pitch: the settings of pitch.
        device: where PyTorch computes.

    Raises:
        FeatureError: the grid's hop is an odd number of samples.
    """

    def __init__(self, grid: FrameGrid, pitch: PitchSettings, device: str) -> None:
        self._grid = grid
        self._pitch = PeakAnalyzer(pitch, grid, device)
        self._short_time = ShortTime(grid).to(device)
        self._device = device

    @property
    def reach(self) -> int:
        """Samples beyond a frame, on either side, that what it shows depends on."""
        return self._pitch.reach

    @torch.inference_mode()
    def analyze(self, stretches: Sequence[AudioChunk]) -> list[FrameAnalysis]:
        """What the frames of stretches show, at least one of them."""
        tape = PackedAudio.pack(stretches, self._grid, self._pitch.lead, self._device)
        with torch_threads(1):
            short_time, peaks = self._short_time.analyze(tape), self._pitch.analyze(tape)
        return [FrameAnalysis(short_time[rows], peaks.of(rows)) for rows in tape.parts]
