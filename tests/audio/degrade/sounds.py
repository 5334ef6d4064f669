"""Speech to degrade, and signals with known properties."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.simulation.voices import PLAIN, sentence
from voxaffect.audio.degrade.degradation import Degradation
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.simulation.voice import render

Sound = NDArray[np.floating]


@cache
def speech(seed: int = 0) -> Waveform:
    """Simulated sentence, normalized."""
    spoken = render(sentence(seed), PLAIN, np.random.default_rng(seed))
    return Waveform(spoken.samples, f"speech {seed}").normalized()


def degraded(
    effect: Callable[..., Sound],
    waveform: Waveform,
    seed: int = 0,
    talkers: Sequence[Waveform] = (),
    **settings: Any,
) -> Waveform:
    """A recording after an effect with some settings."""
    return Degradation("", "", "", partial(effect, **settings)).apply(waveform, seed, talkers)


def tone(hz: float, duration_s: float = 1.0, amplitude: float = 0.1) -> Waveform:
    time = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return Waveform((amplitude * np.sin(2 * np.pi * hz * time)).astype(np.float32), f"{hz} Hz")


def silence(duration_s: float) -> Waveform:
    return Waveform(np.zeros(round(duration_s * SAMPLE_RATE_HZ), np.float32), "silence")


def joined(*parts: Waveform) -> Waveform:
    return Waveform(np.concatenate([part.samples for part in parts]), "joined")


def power_db(samples: Sound) -> float:
    """Mean power in dB relative to 1."""
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


def band_db(samples: Sound, low_hz: float, high_hz: float) -> float:
    """Power within a band in dB."""
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2
    frequency = np.fft.rfftfreq(samples.size, 1 / SAMPLE_RATE_HZ)
    inside = (frequency >= low_hz) & (frequency < high_hz)
    return float(10 * np.log10(spectrum[inside].sum() + 1e-30))
