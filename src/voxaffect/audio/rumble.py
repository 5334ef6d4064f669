"""Removal of what lies below speech: a constant offset, rumble, hum of the mains.

A linear-phase high-pass filter, for whole recordings and for streams with the same result but for
rounding. Beyond its ends a recording goes on as its edge samples, so that an offset leaves nothing.
"""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from voxaffect.audio.waveform import SAMPLE_RATE_HZ

Floats = NDArray[np.float32]

RUMBLE_HZ = 70.0  # -6 dB; hum of 50 Hz is 40 dB lower, the lowest voices lose 3 dB
REACH = 400  # samples on either side of a filtered one, 25 ms
N_FFT = 8192
BLOCKS = 16  # transformed at once: 1 MB


@cache
def rumble_filter() -> NDArray[np.float64]:
    """Impulse response (2 REACH + 1,), which sums to zero: a windowed sinc (Kaiser, 40 dB)."""
    places = np.arange(-REACH, REACH + 1)
    cutoff = 2 * RUMBLE_HZ / SAMPLE_RATE_HZ
    taps = (np.sinc(places) - cutoff * np.sinc(cutoff * places)) * np.kaiser(places.size, 3.4)
    taps /= (taps * np.cos(np.pi * places)).sum()  # 0 dB at half the sample rate
    response: NDArray[np.float64] = taps - taps.mean()
    return response


@lru_cache(32)
def _transfer(n_fft: int) -> NDArray[np.complex128]:
    return np.asarray(fft.rfft(rumble_filter(), n_fft))


def _convolved(samples: Floats) -> NDArray[np.float64]:
    """Filter samples (n + 2 REACH,) -> (n,), by overlap-save; scipy.signal is slow to load."""
    n = samples.size - 2 * REACH
    n_fft = min(N_FFT, fft.next_fast_len(samples.size, real=True))
    hop = n_fft - 2 * REACH
    found = np.empty((-(-n // hop), hop))
    padded = np.zeros(found.size + 2 * REACH)
    padded[: samples.size] = samples
    blocks = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    for first in range(0, len(blocks), BLOCKS):
        some = slice(first, first + BLOCKS)
        filtered = fft.irfft(fft.rfft(blocks[some]) * _transfer(n_fft), n_fft)
        found[some] = filtered[:, 2 * REACH :]
    return found.ravel()[:n]


def without_rumble(samples: Floats) -> Floats:
    """Samples (n,) of a whole recording, filtered."""
    stream = RumbleFilter()
    return np.concatenate([stream.push(samples), stream.finish()])


class RumbleFilter:
    """Filter one recording piece by piece; its output is `REACH` samples behind."""

    def __init__(self) -> None:
        self._offset = np.float32(0)  # the first sample, subtracted from all
        self._last: np.float32 | None = None
        self._context = np.zeros(2 * REACH, np.float32)

    def push(self, samples: Floats) -> Floats:
        """Take samples (n,), and return those that are known now."""
        if samples.size == 0:
            return samples
        if self._last is None:  # the edge is continued, and less the offset it is zero
            self._offset, self._context = samples[0], np.zeros(REACH, np.float32)
        self._last = samples[-1]
        return self._filtered(samples - self._offset)

    def finish(self) -> Floats:
        """The last samples."""
        if self._last is None:
            return np.zeros(0, np.float32)
        return self._filtered(np.full(REACH, self._last - self._offset, np.float32))

    def _filtered(self, samples: Floats) -> Floats:
        known = np.concatenate([self._context, samples])
        self._context = known[max(0, known.size - 2 * REACH) :]
        if known.size <= 2 * REACH:
            return np.zeros(0, np.float32)
        return _convolved(known).astype(np.float32)
