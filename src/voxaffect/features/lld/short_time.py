"""Energy, MFCC and zero crossings of frames.

The definitions are those of the INTERSPEECH 2009 Emotion Challenge set (B. Schuller, S. Steidl,
A. Batliner: The INTERSPEECH 2009 Emotion Challenge, 2009) as openSMILE 3 computes it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import FeatureError
from voxaffect.features.frames import FrameGrid
from voxaffect.features.packing import Counts, PackedAudio, Ragged
from voxaffect.features.runtime import compiled
from voxaffect.features.spectra import magnitude_spectrum, mel_triangles, transform_size

Floats = NDArray[np.float32]


def zero_crossing_rates(samples: Floats, n_frames: int, grid: FrameGrid) -> Floats:
    """Crossings inside each frame over its number of samples.

    A sample counts if its predecessor has the other sign, or if it is zero itself and its
    neighbors do not lie on one side.

    Args:
        samples: float32 (n_samples,), from the first frame's first on.
        n_frames: how many frames.
        grid: where they lie.

    Returns:
        float32 (n_frames,).
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
    """Mark the samples that count; comparisons, since products of denormals vanish."""
    for n in range(1, len(crosses) - 1):
        before, here, after = samples[n - 1], samples[n], samples[n + 1]
        rises, falls = (before < 0) & (here > 0), (before > 0) & (here < 0)
        one_side = ((before > 0) & (after > 0)) | ((before < 0) & (after < 0))
        crosses[n] = rises | falls | ((here == 0) & ~one_side)


# Smoothing and derivatives over time, of recordings that come piece by piece.
#
# Beyond the ends of a recording its edge frames repeat. A column may be kept to stretches of
# frames: then what repeats beyond a stretch's ends is the stretch's own edge value.

LOOK_AHEAD = 3
"""Frames after one that its slope depends on: two for the slope, and one for the means."""


class DeltaSmoother:
    """Means and slopes of F columns, of which the last is kept to its voiced stretches."""

    def __init__(self) -> None:
        self._columns: Floats | None = None  # the frames still needed
        self._n_done = 0  # of these, how many are only neighbors

    def advance(self, columns: Floats, *, ended: bool) -> Floats:
        """Means over three frames and slopes over five of these.

        The slope is that of the regression line, `sum over n = 1, 2 of n (c[t + n] - c[t - n]) /
        10`: The HTK Book (2006), section 5.6.2.

        Args:
            columns: float32 (T, F), of the next frames; the last is voiced where it is above 0.
            ended: nothing follows.

        Returns:
            float32 (n, 2 F), of the frames whose neighbors are all known by now, following on
            those of the last call.
        """
        return smooth_batch([self], [columns], ended=ended).rows


def smooth_batch(
    several: Sequence[DeltaSmoother], columns: Sequence[Floats], *, ended: bool
) -> Ragged:
    """`DeltaSmoother.advance` of U recordings, to the same values at less cost.

    Args:
        several: the recordings.
        columns: U times float32 (T, F).
        ended: nothing follows, of none of them.

    Returns:
        float32 rows (n, 2 F).
    """
    kept = [
        c[:0] if o._columns is None else o._columns for o, c in zip(several, columns, strict=True)
    ]
    known = Ragged.concatenate(kept, columns)
    n_done = np.array([one._n_done for one in several])
    stop = known.counts if ended else np.maximum(n_done, known.counts - LOOK_AHEAD)
    values = np.empty(((stop - n_done).sum(), 2 * known.rows.shape[1]), np.float32)
    _fill_each(known.rows, known.counts, n_done, stop, values)
    n_past = np.maximum(0, stop - LOOK_AHEAD)
    left, n_only_near = known.tails(known.counts - n_past), (stop - n_past).tolist()
    for one, own, n in zip(several, left, n_only_near, strict=True):
        one._columns, one._n_done = own, n
    return Ragged(values, stop - n_done)


@compiled
def _fill_each(
    columns: Floats, n_all: Counts, n_done: Counts, stop: Counts, values: Floats
) -> None:
    """Fill in the values of recordings end to end, of each from frame `n_done` to `stop`."""
    n_columns = columns.shape[1]
    begin, filled = 0, 0
    for u in range(len(n_all)):
        end, full = begin + n_all[u], filled + stop[u] - n_done[u]
        own, room = columns[begin:end], values[filled:full]
        alike = np.ones(len(own), np.bool_)
        _fill_deltas(own, (0, n_columns - 1), alike, n_done[u], room)
        _fill_deltas(own, (n_columns - 1, n_columns), own[:, -1] > 0, n_done[u], room)
        begin, filled = end, full


@compiled
def _fill_deltas(
    columns: Floats, some: tuple[int, int], kind: NDArray[np.bool_], first: int, values: Floats
) -> None:
    """Fill some columns of the frames from `first` on; neighbors are only frames of one kind."""
    n_columns = columns.shape[1]
    smooth = np.empty(columns.shape, np.float32)
    for t in range(len(columns)):
        before, after = _next(kind, t, -1), _next(kind, t, 1)
        for c in range(some[0], some[1]):
            smooth[t, c] = (columns[t, c] + columns[before, c] + columns[after, c]) / 3
    for n in range(len(values)):
        t = first + n
        before, after = _next(kind, t, -1), _next(kind, t, 1)
        far_before, far_after = _next(kind, before, -1), _next(kind, after, 1)
        for c in range(some[0], some[1]):
            near = smooth[after, c] - smooth[before, c]
            far = smooth[far_after, c] - smooth[far_before, c]
            values[n, c], values[n, n_columns + c] = smooth[t, c], (near + 2 * far) / 10


@compiled
def _next(kind: NDArray[np.bool_], t: int, by: int) -> int:
    """The neighbor of a frame, itself where that lies beyond an end or is of another kind."""
    there = t + by
    return there if 0 <= there < len(kind) and kind[there] == kind[t] else t


# Tables of the cepstrum: mel bands and the liftered cosine transform, in float64.
#
# Source: S. Young et al., The HTK Book, version 3.4 (2006), sections 5.4 and 5.6.

N_BANDS = 26
N_COEFFICIENTS = 12
LIFTER = 22


def mel_bands(n_fft: int) -> NDArray[np.float64]:
    """Triangles of height 1, equally spaced and linear in mel from 0 Hz to half the sample rate.

    Args:
        n_fft: length of the Fourier transform whose magnitudes they weigh.

    Returns:
        (n_fft / 2 + 1, 26), a column a band.
    """
    return mel_triangles(n_fft, N_BANDS, 0.0, SAMPLE_RATE_HZ / 2)


def cepstral_transform() -> NDArray[np.float64]:
    """Liftered cosine transform of 26 log energies to coefficients 1 to 12, (26, 12).

    Coefficient k is `(1 + 11 sin(pi k / 22)) sqrt(2 / 26) sum log(E_j) cos(pi k (j + 0.5) / 26)`.
    """
    k = np.arange(1, N_COEFFICIENTS + 1)
    j = np.arange(N_BANDS)[:, None]
    lifter = 1.0 + LIFTER / 2 * np.sin(np.pi * k / LIFTER)
    cosines = np.cos(np.pi * k * (j + 0.5) / N_BANDS)
    return np.asarray(lifter * np.sqrt(2 / N_BANDS) * cosines)


PRE_EMPHASIS = 0.97

LOG_FLOOR = 2.0**-15
"""Least magnitude of a mel band whose logarithm is taken: HTK's floor of 1 at the scale of 16-bit
samples. Silence stays finite, its MFCC are zero to rounding."""


def check_mel_bands(grid: FrameGrid) -> None:
    """Refuse windows so short that a mel band holds no bin of their spectrum.

    Raises:
        FeatureError: there is such a band.
    """
    if not mel_bands(transform_size(grid.window_samples)).any(axis=0).all():
        raise FeatureError(
            f"window_s = {grid.window_s} is too short for the mel bands of MFCC; choose more"
        )


class ShortTime(nn.Module):
    """Descriptors that each frame has by itself.

    Args:
        grid: where the frames lie.
    """

    names = ("energy", *(f"mfcc_{k}" for k in range(1, N_COEFFICIENTS + 1)), "zero_crossing_rate")
    window: Tensor
    bands: Tensor
    cosines: Tensor

    def __init__(self, grid: FrameGrid) -> None:
        super().__init__()
        self.grid = grid
        self.n_fft = transform_size(grid.window_samples)
        window = torch.hamming_window(grid.window_samples, periodic=False, dtype=torch.float64)
        self.register_buffer("window", window.float())
        self.register_buffer("bands", torch.from_numpy(mel_bands(self.n_fft).T.copy()).float())
        self.register_buffer("cosines", torch.from_numpy(cepstral_transform().T.copy()).float())

    def analyze(self, tape: PackedAudio) -> NDArray[np.float32]:
        """Energy, MFCC 1 to 12 and zero-crossing rate of all rows of a tape, float32 (rows, 14)."""
        values = np.empty((tape.n_rows, len(self.names)), np.float32)
        workspace = self.window.new_zeros(max(map(len, tape.blocks()), default=0), self.n_fft)
        for rows in tape.blocks():
            frames = self.fill(workspace[: len(rows)], tape.frame_samples(rows))
            some = torch.from_numpy(values[rows.start : rows.stop])
            some[:, 0], some[:, 1:-1] = self.energy(frames), self.mfcc(frames)
        values[:, -1] = zero_crossing_rates(tape.host[tape.lead :], tape.n_rows, self.grid)
        return values

    def fill(self, workspace: Tensor, samples: Tensor) -> Tensor:
        """Pre-emphasized, Hamming-windowed frames in a workspace.

        A frame's first sample has no predecessor inside the frame and stands for it.

        Args:
            workspace: float32 (T, n_fft) whose columns beyond the window are zeros; the others are
                overwritten. Blocks share it, since touching fresh memory costs more than the
                transform.
            samples: float32 ((T - 1) hop + window,).
        """
        emphasized = torch.sub(samples[1:], samples[:-1], alpha=PRE_EMPHASIS)
        inner = workspace[:, 1 : self.grid.window_samples]
        emphasized = emphasized.unfold(0, inner.shape[1], self.grid.hop_samples)
        torch.mul(emphasized, self.window[1:], out=inner)
        first = samples[:: self.grid.hop_samples][: len(workspace)]
        torch.mul(first, (1 - PRE_EMPHASIS) * self.window[0], out=workspace[:, 0])
        return workspace

    def energy(self, frames: Tensor) -> Tensor:
        """Root mean square of windowed frames, full scale is 1: float32 (T,)."""
        norm: Tensor = torch.linalg.vector_norm(frames, dim=1)
        return norm / math.sqrt(self.grid.window_samples)

    def mfcc(self, frames: Tensor) -> Tensor:
        """Cepstral coefficients 1 to 12 of windowed frames, float32 (T, 12)."""
        # Frames innermost: matrix products like their longest axis there.
        logarithms = (self.bands @ magnitude_spectrum(frames).T).clamp_min_(LOG_FLOOR).log_()
        return (self.cosines @ logarithms).T
