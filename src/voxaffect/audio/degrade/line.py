"""Faults of a sound card or player: offset, hum, few bits, speed; `(waveform, ...) -> samples`."""

from __future__ import annotations

from typing import Any

import numpy as np
import soxr

from voxaffect.audio.degrade.degradation import Samples
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform


def offset(waveform: Waveform, *_: Any, value: float) -> Samples:
    """Add a constant, as cheap converters do."""
    return waveform.samples + np.float32(value)


def hum(waveform: Waveform, *_: Any, hz: float, level_db: float, n_harmonics: int = 1) -> Samples:
    """Add hum of the mains of a level in dB of full scale; harmonics fall as 1 / number."""
    phase = 2 * np.pi * hz * np.arange(waveform.samples.size) / SAMPLE_RATE_HZ
    amplitudes = 1 / np.arange(1, n_harmonics + 1)
    amplitudes *= 10 ** (level_db / 20) / np.sqrt(np.square(amplitudes).sum() / 2)
    partials = (a * np.sin(n * phase) for n, a in enumerate(amplitudes, start=1))
    return np.asarray(waveform.samples + sum(partials))


def quantized(waveform: Waveform, *_: Any, level_db: float, n_bits: int = 16) -> Samples:
    """Round to integers of so many bits, recorded at a level (dB of full scale, RMS)."""
    gain = 10 ** (level_db / 20) / max(waveform.rms(), 1e-12)
    steps = 2 ** (n_bits - 1)
    rounded = np.clip(np.round(waveform.samples * gain * steps), -steps, steps - 1)
    return np.asarray(rounded / steps)


def speed(waveform: Waveform, *_: Any, factor: float) -> Samples:
    """Play faster (a factor above 1), which raises pitch and formants as well."""
    return np.asarray(soxr.resample(waveform.samples, SAMPLE_RATE_HZ * factor, SAMPLE_RATE_HZ))
