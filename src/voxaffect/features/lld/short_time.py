"""Energy, MFCC and zero-crossing rate of frames, and smoothing and deltas over time.

The definitions are those of the INTERSPEECH 2009 Emotion Challenge set (B. Schuller, S. Steidl,
A. Batliner: The INTERSPEECH 2009 Emotion Challenge, 2009) as openSMILE 3 computes it. Those of the
cepstrum are in S. Young et al., The HTK Book, version 3.4 (2006), sections 5.4 and 5.6.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import FeatureError
from voxaffect.features.frames import FrameGrid
from voxaffect.features.packing import PackedAudio
from voxaffect.features.runtime import compiled
from voxaffect.features.spectra import magnitude_spectrum, mel_triangles, transform_size

Floats = NDArray[np.float32]


def zero_crossing_rates(samples: Floats, n_frames: int, grid: FrameGrid) -> Floats:
    """Zero-crossing rate of T frames, float32 (T,), of samples (n_samples,).

    A sample counts if its predecessor has the opposite sign, or if it is zero and its neighbors do
    not have the same sign.
    """
    rates = np.empty(n_frames, np.float32)
    if n_frames:
        _fill_crossings(samples, grid.hop_samples, grid.window_samples, rates)
    return rates


@compiled
def _fill_crossings(samples: Floats, hop: int, window: int, rates: Floats) -> None:
    crosses = np.zeros((len(rates) - 1) * hop + window, np.uint8)
    _mark(samples, crosses)
    for t in range(len(rates)):
        rates[t] = crosses[t * hop + 1 : t * hop + window - 1].sum() / window


@compiled
def _mark(samples: Floats, crosses: NDArray[np.uint8]) -> None:
    """Mark crossings, by comparisons, since products of denormals vanish."""
    for n in range(1, len(crosses) - 1):
        before, here, after = samples[n - 1], samples[n], samples[n + 1]
        rises, falls = (before < 0) & (here > 0), (before > 0) & (here < 0)
        one_side = ((before > 0) & (after > 0)) | ((before < 0) & (after < 0))
        crosses[n] = rises | falls | ((here == 0) & ~one_side)


LOOK_AHEAD = 3  # later frames that a delta depends on: two for the slope, and one for the means


class DeltaSmoother:
    """Incremental smoothing of one recording: means over three frames, slopes over five of these.

    The slope is `sum over n = 1, 2 of n (c[t + n] - c[t - n]) / 10`: The HTK Book (2006), section
    5.6.2. Edge frames are repeated beyond the ends; of the last column, F0, beyond the ends of each
    voiced segment. Arrays of its state are replaced, so that a shallow copy is independent.
    """

    def __init__(self, n_columns: int) -> None:
        self._columns = np.zeros((0, n_columns), np.float32)  # frames that are still needed
        self._n_done = 0  # how many of these are only context

    def smooth(self, columns: Floats, *, ended: bool) -> Floats:
        """Means and slopes of the next frames whose neighbors are known, float32 (n, 2 F).

        Args:
            columns: float32 (T, F), the next frames; the last column is voiced where above 0.
            ended: whether these are the last frames.
        """
        known, n_done = np.concatenate([self._columns, columns]), self._n_done
        stop = len(known) if ended else max(n_done, len(known) - LOOK_AHEAD)
        n_past = max(0, stop - LOOK_AHEAD)
        self._columns, self._n_done = known[n_past:], stop - n_past
        return _smooth(known, n_done, stop)


@compiled
def _smooth(columns: Floats, first: int, stop: int) -> Floats:
    """Means and slopes of frames `first` to `stop`."""
    last = columns.shape[1] - 1
    values = np.empty((stop - first, 2 * (last + 1)), np.float32)
    one_segment = np.ones(len(columns), np.bool_)
    _fill_deltas(columns, (0, last), one_segment, first, values)
    _fill_deltas(columns, (last, last + 1), columns[:, -1] > 0, first, values)
    return values


@compiled
def _fill_deltas(
    columns: Floats, some: tuple[int, int], kind: NDArray[np.bool_], first: int, values: Floats
) -> None:
    """Compute some columns from frame `first` on, within segments of equal `kind`."""
    n_columns = columns.shape[1]
    smooth = np.empty(columns.shape, np.float32)
    for t in range(len(columns)):
        before, after = _neighbor(kind, t, -1), _neighbor(kind, t, 1)
        for c in range(some[0], some[1]):
            smooth[t, c] = (columns[t, c] + columns[before, c] + columns[after, c]) / 3
    for n in range(len(values)):
        t = first + n
        before, after = _neighbor(kind, t, -1), _neighbor(kind, t, 1)
        far_before, far_after = _neighbor(kind, before, -1), _neighbor(kind, after, 1)
        for c in range(some[0], some[1]):
            near = smooth[after, c] - smooth[before, c]
            far = smooth[far_after, c] - smooth[far_before, c]
            values[n, c], values[n, n_columns + c] = smooth[t, c], (near + 2 * far) / 10


@compiled
def _neighbor(kind: NDArray[np.bool_], t: int, by: int) -> int:
    """Index of a frame's neighbor; of the frame itself at the end of its segment."""
    there = t + by
    return there if 0 <= there < len(kind) and kind[there] == kind[t] else t


N_BANDS, N_COEFFICIENTS, LIFTER = 26, 12, 22


Band = tuple[float, float]
WHOLE_BAND: Band = (0.0, SAMPLE_RATE_HZ / 2)

TELEPHONE_BAND: Band = (100.0, 3400.0)
"""Descriptors within it do not depend on how wide the line is, from a telephone upwards."""


def mel_bands(n_fft: int, band_hz: Band = WHOLE_BAND) -> NDArray[np.float64]:
    """Mel filter bank of MFCC within a band, (n_fft / 2 + 1, 26)."""
    return mel_triangles(n_fft, N_BANDS, *band_hz)


LOW_PASS_TAPS = 257  # a transition of 250 Hz


def low_passed(samples: Floats, high_hz: float) -> Floats:
    """Samples (n,) without what lies above a frequency, where the filter is at -6 dB."""
    from scipy.signal import oaconvolve  # noqa: PLC0415 (slow to load)

    taps = low_pass_filter(high_hz)
    padded = np.pad(samples, LOW_PASS_TAPS // 2)
    return oaconvolve(padded.astype(np.float64), taps, mode="valid").astype(np.float32)


def low_pass_filter(high_hz: float) -> NDArray[np.float64]:
    """Impulse response (LOW_PASS_TAPS,)."""
    from scipy.signal import firwin  # noqa: PLC0415 (slow to load)

    taps: NDArray[np.float64] = firwin(LOW_PASS_TAPS, high_hz, fs=SAMPLE_RATE_HZ)
    return taps


def cepstral_transform() -> NDArray[np.float64]:
    """Liftered cosine transform of 26 log energies to MFCC 1 to 12, (26, 12).

    Coefficient k is `(1 + 11 sin(pi k / 22)) sqrt(2 / 26) sum log(E_j) cos(pi k (j + 0.5) / 26)`.
    """
    k, j = np.arange(1, N_COEFFICIENTS + 1), np.arange(N_BANDS)[:, None]
    lifter = 1.0 + LIFTER / 2 * np.sin(np.pi * k / LIFTER)
    cosines = np.cos(np.pi * k * (j + 0.5) / N_BANDS)
    return np.asarray(lifter * np.sqrt(2 / N_BANDS) * cosines)


PRE_EMPHASIS = 0.97
LOG_FLOOR = 2.0**-15
"""Lower bound of a mel band's magnitude before the logarithm: HTK's 1 at the scale of 16-bit
samples. The MFCC of silence are zero to rounding."""


def check_mel_bands(grid: FrameGrid, band_hz: Band) -> None:
    """Raise FeatureError if a mel band contains no FFT bin, as the window is too short."""
    if not mel_bands(transform_size(grid.window_samples), band_hz).any(axis=0).all():
        raise FeatureError(
            f"window_s = {grid.window_s} is too short for the mel bands of MFCC; increase it"
        )


class ShortTime(nn.Module):
    """Energy, MFCC 1 to 12 and zero-crossing rate of frames, of what lies within a band."""

    names = ("energy", *(f"mfcc_{k}" for k in range(1, N_COEFFICIENTS + 1)), "zero_crossing_rate")
    window: Tensor
    bands: Tensor
    cosines: Tensor

    def __init__(self, grid: FrameGrid, band_hz: Band = WHOLE_BAND) -> None:
        super().__init__()
        self.grid, self.band_hz = grid, band_hz
        self.n_fft = transform_size(grid.window_samples)
        window = torch.hamming_window(grid.window_samples, periodic=False, dtype=torch.float64)
        bands = mel_bands(self.n_fft, band_hz)
        self.register_buffer("window", window.float())
        self.register_buffer("bands", torch.from_numpy(bands.T.copy()).float())
        self.register_buffer("cosines", torch.from_numpy(cepstral_transform().T.copy()).float())

    def analyze(self, packed: PackedAudio) -> NDArray[np.float32]:
        """Descriptors of all rows, float32 (rows, 14)."""
        values = np.empty((packed.n_rows, len(self.names)), np.float32)
        workspace = self.window.new_zeros(max(map(len, packed.blocks()), default=0), self.n_fft)
        for rows in packed.blocks():
            frames = self.fill(workspace[: len(rows)], packed.frame_samples(rows))
            some = torch.from_numpy(values[rows.start : rows.stop])
            magnitudes = magnitude_spectrum(frames)
            some[:, 0] = self.energy(frames, magnitudes)
            some[:, 1:-1] = self.mfcc(magnitudes)
        samples = packed.host if self.is_whole else low_passed(packed.host, self.band_hz[1])
        values[:, -1] = zero_crossing_rates(samples[packed.lead :], packed.n_rows, self.grid)
        return values

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.band_hz == WHOLE_BAND

    @property
    def inside(self) -> slice:
        """Bins of the band."""
        low, high = (round(edge / (SAMPLE_RATE_HZ / self.n_fft)) for edge in self.band_hz)
        return slice(low, high + 1)

    def fill(self, workspace: Tensor, samples: Tensor) -> Tensor:
        """Pre-emphasis and Hamming window; a frame's first sample is its own predecessor.

        The workspace, float32 (T, n_fft), is zero beyond the window. Blocks share it, since fresh
        memory costs more than the transform.
        """
        emphasized = torch.sub(samples[1:], samples[:-1], alpha=PRE_EMPHASIS)
        inner = workspace[:, 1 : self.grid.window_samples]
        emphasized = emphasized.unfold(0, inner.shape[1], self.grid.hop_samples)
        torch.mul(emphasized, self.window[1:], out=inner)
        first = samples[:: self.grid.hop_samples][: len(workspace)]
        torch.mul(first, (1 - PRE_EMPHASIS) * self.window[0], out=workspace[:, 0])
        return workspace

    def energy(self, frames: Tensor, magnitudes: Tensor) -> Tensor:
        """RMS of windowed frames (T, n_fft) within the band, full scale is 1: float32 (T,)."""
        if self.is_whole:
            norm: Tensor = torch.linalg.vector_norm(frames, dim=1)
        else:  # Parseval's theorem; the spectrum's other half is the same
            inside = magnitudes[:, self.inside]
            norm = torch.linalg.vector_norm(inside, dim=1) * math.sqrt(2 / self.n_fft)
        return norm / math.sqrt(self.grid.window_samples)

    def mfcc(self, magnitudes: Tensor) -> Tensor:
        """MFCC 1 to 12 of magnitude spectra (T, n_fft / 2 + 1), float32 (T, 12)."""
        # Matrix products are fastest with the longest axis, frames, innermost.
        logarithms = (self.bands @ magnitudes.T).clamp_min_(LOG_FLOOR).log_()
        return (self.cosines @ logarithms).T
