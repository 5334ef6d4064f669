"""The vocal tract: a cascade of formant resonators that moves every control frame, and friction."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.signal.windows import hann

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.simulation.levels import Samples, factor, rms
from voxaffect.simulation.phones import Friction

BANDWIDTHS_HZ = np.array([70.0, 90.0, 140.0, 200.0])
"""Bandwidths of F1 to F4 in vowels (Klatt 1980, rounded)."""

HIGHER_FORMANTS_HZ = np.array([4500.0, 5500.0, 6500.0, 7500.0])
"""F5 and above of a uniform tube of 17.5 cm, odd multiples of c / 4 L."""

TOP_HZ = 0.96 * SAMPLE_RATE_HZ / 2
"""A short tract lifts its highest formants out of the band: those above this are left out."""


RING_SAMPLES = 768
"""Samples for which a frame is followed: after its 10 ms, 38 ms in which a formant 70 Hz wide
decays by 72 dB."""


def resonators(
    frequencies_hz: NDArray[np.float64], bandwidths_hz: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Denominators 1 + a1 / z + a2 / z^2 of Klatt's (1980) resonators, (..., 3).

    The numerator that gives unit gain at 0 Hz is their sum.

    Args:
        frequencies_hz: centre frequencies, any shape.
        bandwidths_hz: widths between the half-power points, a shape that broadcasts.
    """
    f, b = np.broadcast_arrays(frequencies_hz, bandwidths_hz)
    radius = np.exp(-np.pi * b / SAMPLE_RATE_HZ)
    a1 = -2 * radius * np.cos(2 * np.pi * f / SAMPLE_RATE_HZ)
    return np.stack([np.ones_like(a1), a1, radius**2], axis=-1)


def vocal_tract(
    source: Samples, formants_hz: NDArray[np.float64], damping: NDArray[np.float64], scale: float
) -> Samples:
    """Filter a source through formants that move.

    Each control frame's share of the source, under a Hann window twice as long, rings through the
    formants of its own frame; the sum glides from one filter to the next without a click, which a
    recursive filter with changing coefficients would make.

    Args:
        source: (n_samples,), K whole control frames.
        formants_hz: F1 to F4, (K, 4).
        damping: factor on their bandwidths, (K,).
        scale: formant scale of the speaker, which places the formants above F4.

    Returns:
        (n_samples,); what rings on after the last frame is cut off.
    """
    hop = source.size // len(formants_hz)
    bandwidths = BANDWIDTHS_HZ * damping[:, None]
    response = _response(resonators(formants_hz, bandwidths)) * _response(_higher(scale))
    frames = _windowed(source, hop)
    rung = np.fft.irfft(np.fft.rfft(frames, RING_SAMPLES) * response, RING_SAMPLES)
    return _overlap_add(rung, hop)[hop // 2 : hop // 2 + source.size]


def _higher(scale: float) -> NDArray[np.float64]:
    """Resonators of the fixed formants above F4 that the band holds, (S, 3)."""
    frequencies = HIGHER_FORMANTS_HZ * scale
    frequencies = frequencies[frequencies < TOP_HZ]
    return resonators(frequencies, 0.06 * frequencies)


def _response(cascade: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Frequency response of resonators in cascade, (..., S, 3) -> (..., RING_SAMPLES / 2 + 1).

    Their polynomials are multiplied as short spectra, then evaluated as a long one.
    """
    order = 2 * cascade.shape[-2]
    short = 2 * order  # points enough that the product of polynomials does not wrap around
    polynomial = np.fft.irfft(np.prod(np.fft.rfft(cascade, short), axis=-2), short)
    polynomial = polynomial[..., : order + 1]
    gain = polynomial.sum(axis=-1, keepdims=True)
    response: NDArray[np.complex128] = gain / np.fft.rfft(polynomial, RING_SAMPLES)
    return response


def _windowed(samples: Samples, hop: int) -> NDArray[np.float64]:
    """Frames under periodic Hann windows of 2 hops that sum to one, (K, 2 hop).

    Frame k is centred on control frame k; the ends are extended by half a hop of silence.
    """
    padded = np.pad(samples, hop // 2)
    return sliding_window_view(padded, 2 * hop)[::hop] * hann(2 * hop, sym=False)


def _overlap_add(frames: NDArray[np.float64], hop: int) -> Samples:
    """Sum of frames each `hop` samples after the one before, (K, n) -> (K hop + n - hop,)."""
    n_frames, length = frames.shape
    total = np.zeros((n_frames + length // hop, hop))
    for i, block in enumerate(np.split(frames[:, : length // hop * hop], length // hop, axis=1)):
        total[i : i + n_frames] += block
    return total.ravel()


def friction_noise(friction: Friction, n_samples: int, rng: np.random.Generator) -> Samples:
    """A phone's noise, (n_samples,), silent before its onset, its RMS after that at its level.

    The noise fades over 3 ms at either end, so that no click is heard.
    """
    start = round(friction.onset * n_samples)
    white = np.diff(rng.normal(size=n_samples - start), prepend=0.0)  # radiation: 6 dB an octave
    cavity = resonators(np.array(friction.centre_hz), np.array(friction.bandwidth_hz))
    noise = lfilter([1.0], cavity, white)
    noise *= factor(friction.level_db) / rms(noise)
    return np.concatenate([np.zeros(start), noise * _fade(noise.size)])


def _fade(n_samples: int) -> Samples:
    """A trapezium with flanks of 3 ms, (n_samples,)."""
    distance = np.minimum(np.arange(n_samples), np.arange(n_samples)[::-1])
    return np.minimum((distance + 1) / (0.003 * SAMPLE_RATE_HZ), 1.0)
