"""Frame analysis: window-compensated autocorrelation, its peaks, and short-time descriptors.

A window tapers the autocorrelation, which favors short periods. Dividing by the window's own
autocorrelation compensates for it: Boersma (1993), Accurate short-term analysis of the fundamental
frequency and the harmonics-to-noise ratio of a sampled sound.

Letters: R frames, W samples of a window at half the sample rate, M lags, K ranges of lags.
"""

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
from voxaffect.features.lld.short_time import WHOLE_BAND, Band, ShortTime
from voxaffect.features.packing import ROW_MULTIPLE, AudioChunk, PackedAudio
from voxaffect.features.runtime import compiled, torch_threads
from voxaffect.features.spectra import power_spectrum, transform_size

REACH = 3  # lags on either side of a peak that interpolate it
POINTS_PER_SAMPLE = 2  # interpolated points per lag, before a parabola finds the maximum

NOISE_FLOOR = 1e-10
"""Noise power assumed in a frame, relative to the square of its offset (-100 dB), without effect on
speech; it keeps rounding errors from looking periodic."""

SILENCE = 1e-20
"""Noise power assumed in a frame without offset, -200 dB of full scale."""

Floats = NDArray[np.float32]


class Peaks(NamedTuple):
    """Highest autocorrelation peaks of R frames in each of K ranges of lags."""

    lag: Floats  # (R, K), in samples, positive even where there is no peak
    height: Floats  # (R, K), of the normalized autocorrelation, -inf where there is no peak
    power: Floats  # (R,), of the frames

    @classmethod
    def empty(cls, n_frames: int, n_ranges: int) -> Peaks:
        """Uninitialized peaks."""
        lag, height = np.empty((2, n_frames, n_ranges), np.float32)
        return cls(lag, height, np.empty(n_frames, np.float32))

    def of(self, frames: slice) -> Peaks:
        """Peaks of some frames, as a view."""
        return Peaks(self.lag[frames], self.height[frames], self.power[frames])


def interpolation() -> Floats:
    """Interpolation matrix from 2 REACH + 1 samples to points from -1 to 1 around their middle.

    Wiener interpolation (1949, Extrapolation, Interpolation, and Smoothing of Stationary Time
    Series) of signals whose power spectrum falls as the fourth power of a cosine, roughly as that
    of low-passed speech.
    """
    sample = np.arange(-REACH, REACH + 1)
    point = np.arange(-POINTS_PER_SAMPLE, POINTS_PER_SAMPLE + 1) / POINTS_PER_SAMPLE
    frequency = np.linspace(0.0, np.pi, 257)
    power = np.cos(frequency / 2) ** 4 + 1e-6

    def covariance(distance: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.cos(frequency * distance[..., None]) @ power)

    known = covariance(np.subtract.outer(sample, sample).astype(float))
    weights = np.linalg.solve(known, covariance(np.subtract.outer(sample, point)))
    return np.asarray((weights / weights.sum(0)).T, np.float32)  # preserves constants


INTERPOLATION = interpolation()


@compiled
def find_peaks(
    at_lag: Floats, offset: Floats, borders: NDArray[np.int64], preference: Floats, peaks: Peaks
) -> None:
    """Find the highest peak in each range of lags, interpolated between samples.

    Heights are relative to lag 0. Those above 1 are artifacts of the compensation and are replaced
    by their reciprocals (Boersma 1993).

    Args:
        at_lag: (R, M), autocorrelation, at least `REACH` lags beyond the last border.
        offset: (R,), mean that was subtracted from each frame.
        borders: (K + 1,), borders of the ranges of lags, above REACH.
        preference: (M,), added to the heights when peaks are compared.
        peaks: output, of R frames.
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
    """Lag of the best peak, -1 if there is none."""
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
    """Offset in samples and height of the maximum near a sampled peak; overwrites `points`."""
    for p in range(len(points)):
        points[p] = 0.0
        for n in range(2 * REACH + 1):
            points[p] += INTERPOLATION[p, n] * row[at - REACH + n]
    m = 1
    for p in range(2, len(points) - 1):
        if points[p] > points[m]:
            m = p
    # The maximum of a parabola through three points is at slope / curvature.
    slope = (points[m + 1] - points[m - 1]) / 2
    curvature = 2 * points[m] - points[m - 1] - points[m + 1]
    offset = min(max(slope / curvature, -1.0), 1.0) if curvature > 0 else 0.0
    return (m + offset) / POINTS_PER_SAMPLE - 1, points[m] + slope * offset / 2


TAPS = 24  # length of the decimation filter in samples of the higher rate
HALVED_AT_ONCE = 16  # decimated samples per row of a matrix product

CUT_OFF = 0.8
"""Half-amplitude frequency of the filter relative to the lower rate's band: 3.2 of 4 kHz. Little is
left near 4 kHz, where interpolation is least accurate."""

HIGH_PASS_HZ = 60.0  # half-power frequency of a first-order high-pass, against hum and drift
MIN_OVERLAP = 0.05  # lower bound of the window's autocorrelation, relative to lag 0


class Autocorrelation(NamedTuple):
    """Window-compensated autocorrelation of R frames."""

    at_lag: Tensor  # (R, M), at lags 0, 1, 2 ... samples; at 0 it is the frame's power
    offset: Tensor  # (R,), mean that was subtracted from each frame


@dataclass(frozen=True)
class Autocorrelator:
    """Autocorrelation of frames at half the sample rate; all tensors are float32."""

    low_pass: Tensor  # from `halving_filter`
    window: Tensor  # (W,), padded with M zeros or more, since the transform is periodic
    inverse: Tensor  # (W / 2 + 1, M), from `inverse_transform`
    weight: Tensor  # (W / 2 + 1,), from `high_pass`
    compensated: Tensor  # (W / 2 + 1, M), `weight * inverse` over the window's autocorrelation

    @classmethod
    def of(cls, n_taper: int, n_lags: int, rate_hz: int, device: str) -> Autocorrelator:
        """With a Hann window of `n_taper` samples at half the sample rate."""
        size = transform_size(n_taper + n_lags)
        window, inverse = hann(n_taper, size), inverse_transform(size, n_lags)
        weight = high_pass(size, rate_hz)
        compensated = weight.unsqueeze(1) * inverse / _taper(window, inverse)
        tables = halving_filter(), window, inverse, weight, compensated
        return cls(*(table.float().to(device) for table in tables))

    @property
    def reach(self) -> int:
        """Samples at the full rate from a frame's center to the last that is used."""
        return int(torch.count_nonzero(self.window)) + TAPS // 2

    @property
    def lead(self) -> int:
        """Samples at the full rate from the begin of a frame's row to its center."""
        return len(self.window) + TAPS // 2 - 1

    def whole(self, samples: Tensor, n_rows: int, hop: int) -> Autocorrelation:
        """Autocorrelation of R = `n_rows` frames whose windows are inside their recordings.

        Samples are (R hop + 2 W + TAPS - 2,), from `lead` before the first center on.
        """
        size = len(self.window)
        rows = halve(samples, self.low_pass).unfold(0, size, hop // 2)[:n_rows]
        offset = rows @ (self.window / self.window.sum())
        frames = torch.sub(rows, offset.unsqueeze(1)).mul_(self.window)
        return Autocorrelation(power_spectrum(frames) @ self.compensated, offset)

    def truncated(self, rows: Tensor, inside: Tensor) -> Autocorrelation:
        """Autocorrelation of frames at the ends of recordings, with truncated windows.

        Rows are (R, 2 W + TAPS - 2), from `lead` before the centers on; `inside` marks the samples
        of the recording.
        """
        middle = slice(TAPS // 2 - 1, TAPS // 2 - 1 + 2 * len(self.window), 2)
        window = self.window * inside[:, middle]
        halved = halve(rows, self.low_pass)
        offset = (halved * window).sum(1) / window.sum(1).clamp_min(1e-9)
        spectrum = power_spectrum((halved - offset.unsqueeze(1)) * window) * self.weight
        return Autocorrelation(spectrum @ self.inverse / _taper(window, self.inverse), offset)


def halving_filter() -> Tensor:
    """Hann-windowed sinc for `halve`, one column per decimated sample of a row."""
    sample = torch.arange(2 * HALVED_AT_ONCE - 2 + TAPS, dtype=torch.float64)
    middle = 2 * torch.arange(HALVED_AT_ONCE) + (TAPS - 1) / 2
    distance = sample.unsqueeze(1) - middle
    taper = torch.cos((math.pi / TAPS * distance).clamp_(-math.pi / 2, math.pi / 2)).square()
    return torch.sinc(CUT_OFF / 2 * distance) * CUT_OFF / 2 * taper


def halve(samples: Tensor, low_pass: Tensor) -> Tensor:
    """Decimate by 2, from (..., 2 M + TAPS - 2) to (..., M), M a multiple of HALVED_AT_ONCE.

    Output sample n is at 2 n + (TAPS - 1) / 2 of the input. Above 4 kHz speech is mostly noise.
    """
    around: Tensor = samples.unfold(-1, len(low_pass), 2 * HALVED_AT_ONCE)
    return (around @ low_pass).flatten(-2)


def hann(n_samples: int, size: int) -> Tensor:
    """Symmetric Hann window of n_samples, zero-padded on both sides to `size`."""
    distance = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    inside = distance.abs() < n_samples / 2
    return torch.cos(math.pi / n_samples * distance).square() * inside


def inverse_transform(size: int, n_lags: int) -> Tensor:
    """Matrix (W / 2 + 1, M) from power spectra to M lags; for few, faster than an inverse FFT."""
    lag = torch.arange(n_lags, dtype=torch.float64)
    frequency = 2 * math.pi / size * torch.arange(size // 2 + 1, dtype=torch.float64)
    cosines = torch.cos(frequency.unsqueeze(1) * lag)
    cosines[1:-1] *= 2  # bins with a negative frequency
    return cosines / size


def high_pass(size: int, rate_hz: int) -> Tensor:
    """Power response of a first-order high-pass at the bins of W = `size`, (W / 2 + 1,)."""
    squared_hz = (rate_hz / size * torch.arange(size // 2 + 1, dtype=torch.float64)).square()
    return squared_hz / (squared_hz + HIGH_PASS_HZ**2)


def _taper(window: Tensor, inverse: Tensor) -> Tensor:
    """Autocorrelation (..., M) of windows (..., W), with a lower bound, to divide by."""
    taper = power_spectrum(window) @ inverse
    return torch.maximum(taper, MIN_OVERLAP * taper[..., :1])


def check_hop(grid: FrameGrid) -> None:
    """Raise FeatureError if frames are not aligned to samples at half the rate."""
    if grid.hop_samples % 2:
        raise FeatureError(
            f"hop_s = {grid.hop_s} is {grid.hop_samples} samples, but pitch is tracked at half "
            "the sample rate; choose an even number of samples"
        )


class PeakAnalyzer:
    """Autocorrelation peaks of frames.

    Attribute `reach` is the number of samples on either side of a frame that its pitch depends on,
    and `lead` the number of samples that packed audio must have before and after it. FeatureError
    is raised if the hop is an odd number of samples.
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
        self._size = 2 * len(self._autocorrelator.window) + TAPS - 2  # of a row, at the full rate
        self.reach = max(0, self._autocorrelator.reach - grid.window_samples // 2)
        self.lead = max(0, self._begin + 1)

    def analyze(self, packed: PackedAudio) -> Peaks:
        """Peaks of all rows; those of straddling rows are meaningless."""
        peaks = Peaks.empty(packed.n_rows, len(self._borders) - 1)
        for rows in packed.blocks():
            samples = packed.samples_from(rows, self._begin, len(rows) * self._hop + self._size)
            frames = self._autocorrelator.whole(samples, len(rows), self._hop)
            self._find(frames, peaks.of(slice(rows.start, rows.stop)))
        edges = packed.edge_frames(self.reach)
        if edges.size:
            at_edges = self._truncated(packed, edges)
            for values, own in zip(peaks, at_edges, strict=True):
                values[edges[0]] = own[: edges.shape[1]]
        return peaks

    def _truncated(self, packed: PackedAudio, edges: NDArray[np.int64]) -> Peaks:
        """Peaks of the frames of `PackedAudio.edge_frames`, and of padding after them."""
        edges = np.pad(edges, ((0, 0), (0, -edges.shape[1] % ROW_MULTIPLE)), mode="edge")
        row, before, after = torch.from_numpy(edges).unsqueeze(2)
        sample = torch.arange(self._size)
        device = packed.samples.device
        rows = packed.samples[(packed.lead - self._begin + row * self._hop + sample).to(device)]
        inside = (sample >= self._begin - before) & (sample < self._begin + after)
        peaks = Peaks.empty(len(row), len(self._borders) - 1)
        self._find(self._autocorrelator.truncated(rows, inside.to(device)), peaks)
        return peaks

    def _find(self, frames: Autocorrelation, peaks: Peaks) -> None:
        at_lag, offset = (values.cpu().numpy() for values in frames)
        find_peaks(at_lag, offset, self._borders, self._preference, peaks)


class FrameAnalysis(NamedTuple):
    """Analysis of T frames: `ShortTime.names` float32 (T, 14), and autocorrelation peaks."""

    short_time: Floats
    peaks: Peaks


class FrameAnalyzer:
    """Batched analysis of frames, each independent of the others.

    Attribute `reach` is the number of samples on either side that a frame's analysis depends on.
    """

    def __init__(
        self, grid: FrameGrid, pitch: PitchSettings, device: str, band_hz: Band = WHOLE_BAND
    ) -> None:
        self._grid, self._device = grid, device
        self._pitch = PeakAnalyzer(pitch, grid, device)
        self._short_time = ShortTime(grid, band_hz).to(device)
        self.reach = self._pitch.reach

    @torch.inference_mode()
    def analyze(self, chunks: Sequence[AudioChunk]) -> list[FrameAnalysis]:
        """Frames of one or more chunks."""
        packed = PackedAudio.pack(chunks, self._grid, self._pitch.lead, self._device)
        with torch_threads(1):
            short_time, peaks = self._short_time.analyze(packed), self._pitch.analyze(packed)
        return [FrameAnalysis(short_time[rows], peaks.of(rows)) for rows in packed.parts]
