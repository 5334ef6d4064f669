"""The voice source: the air flow through a vibrating glottis.

Rosenberg's (1971) pulse with the controls of Klatt & Klatt (1990): open quotient, spectral tilt,
aspiration. All on sample arrays; nothing loops over samples or periods.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.simulation.expressions import Delivery
from voxaffect.simulation.levels import Samples, factor, rms

MEAN_DIFFERENCE = 2 / np.sqrt(np.pi)
"""Mean absolute difference of two independent normal numbers of unit variance: what turns jitter
and shimmer, which are defined by differences of neighbours, into standard deviations."""


def glottal_source(f0_hz: Samples, delivery: Delivery, rng: np.random.Generator) -> Samples:
    """Derivative of the glottal flow with aspiration, (n_samples,), unit RMS of the voiced part.

    Taking the derivative here accounts for the radiation from the lips (Klatt 1980).

    Args:
        f0_hz: F0 a sample, (n_samples,).
        delivery: jitter, shimmer, open quotient, tilt and breathiness.
        rng: source of the irregularities and of the noise.
    """
    cycles = jittered_cycles(f0_hz, delivery.jitter, rng)
    flow = rosenberg_pulse(cycles % 1, delivery.open_quotient) * _shimmer(cycles, delivery, rng)
    voice = tilt(np.diff(flow, prepend=flow[0]), delivery.tilt_db)
    return voice / rms(voice) + _aspiration(flow, delivery.breathiness_db, rng)


def jittered_cycles(f0_hz: Samples, jitter: float, rng: np.random.Generator) -> Samples:
    """Cycles since the beginning, a sample, (n_samples,), every period longer or shorter by chance.

    The integral of F0 counts steady cycles; cycle i is made to last 1 + d_i of them.
    """
    steady = np.cumsum(f0_hz) / SAMPLE_RATE_HZ
    n_cycles = 2 * int(steady[-1]) + 2  # more than enough, however short chance makes them
    lasting = 1 + rng.normal(0, jitter / MEAN_DIFFERENCE, n_cycles)
    ends = np.concatenate([[0.0], np.cumsum(lasting)])
    cycles: Samples = np.interp(steady, ends, np.arange(n_cycles + 1.0))
    return cycles


def rosenberg_pulse(phase: Samples, open_quotient: float) -> Samples:
    """Flow at a phase of the cycle in [0, 1): Rosenberg's (1971) polynomial pulse B.

    The glottis opens over two thirds of the open phase and closes, faster, over the last third.
    """
    opening, closing = 2 / 3 * open_quotient, 1 / 3 * open_quotient
    rise = np.clip(phase / opening, 0.0, 1.0)
    fall = np.clip((phase - opening) / closing, 0.0, 1.0)
    return 3 * rise**2 - 2 * rise**3 - fall**2


def _shimmer(cycles: Samples, delivery: Delivery, rng: np.random.Generator) -> Samples:
    """Gain of the cycle that each sample lies in, (n_samples,)."""
    cycle = np.floor(cycles).astype(np.int64)
    gain_db = rng.normal(0, delivery.shimmer_db / MEAN_DIFFERENCE, cycle[-1] + 1)
    return np.asarray(10 ** (gain_db / 20))[cycle]


def tilt(samples: Samples, tilt_db: float, at_hz: float = 3000.0) -> Samples:
    """Low-pass by one pole, so that `at_hz` falls by `tilt_db` against 0 Hz.

    With g the power gain at angular frequency w, the pole a solves
    (1 - a)^2 = g (1 - 2 a cos w + a^2).
    """
    gain = 10 ** (-tilt_db / 10)
    if gain == 1.0:
        return samples
    half = (1 - gain * np.cos(2 * np.pi * at_hz / SAMPLE_RATE_HZ)) / (1 - gain)
    pole = half - np.sqrt(half**2 - 1)
    return lfilter([1 - pole], [1, -pole], samples)


def _aspiration(flow: Samples, level_db: float, rng: np.random.Generator) -> Samples:
    """Noise of the air, strongest while the glottis is open, never quite gone (Klatt 1980)."""
    noise = rng.normal(size=flow.size) * (0.3 + 0.7 * flow)
    return noise * factor(level_db) / rms(noise)
