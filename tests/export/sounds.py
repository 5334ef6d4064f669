"""Test signals at 16 bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.simulation.voices import MAN, WOMAN, sentence
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.simulation.expressions import ACTED, ANGRY, HAPPY, NEUTRAL, SAD
from voxaffect.simulation.voice import synthesize

Samples = NDArray[np.float32]


def speech(seed: int, n_syllables: int = 4) -> Samples:
    """Simulated speech; the seed determines emotion and speaker."""
    expression = (NEUTRAL, HAPPY, SAD, ANGRY)[seed % 4]
    speaker = (WOMAN, MAN)[seed // 4 % 2]
    rng = np.random.default_rng(seed)
    spoken = synthesize(sentence(seed, n_syllables), speaker, expression, ACTED, rng).samples
    return as_pcm(spoken + 1e-4 * rng.normal(size=spoken.size))


def noise(seed: int, n_samples: int) -> Samples:
    return as_pcm(0.1 * np.random.default_rng(seed).normal(size=n_samples))


def tone(f0_hz: float, n_samples: int = SAMPLE_RATE_HZ) -> Samples:
    time_s = np.arange(n_samples) / SAMPLE_RATE_HZ
    numbers = np.arange(1, 6)[:, None]
    return as_pcm((np.sin(2 * np.pi * numbers * f0_hz * time_s) / numbers).sum(axis=0) / 4)


def silence(n_samples: int) -> Samples:
    return np.zeros(n_samples, np.float32)


def as_pcm(samples: NDArray[np.floating]) -> Samples:
    """Samples rounded to 16 bits."""
    return (np.round(samples * 32_768).clip(-32_768, 32_767) / 32_768).astype(np.float32)


def waveforms() -> list[Waveform]:
    """Speech of several lengths, with silence, noise and tones."""
    cry = speech(3)
    sounds = {
        "one frame": cry[8_000:8_400],
        "one frame and a sample": cry[8_000:8_401],
        "two frames": cry[8_000:8_560],
        "three tenths": cry[4_000:8_800],
        "an odd number": cry[: len(cry) - 77],
        "several seconds": np.concatenate([speech(seed, 6) for seed in range(4)]),
        "silence before": np.concatenate([silence(9_000), cry]),
        "silence behind": np.concatenate([cry, silence(9_000)]),
        "silence between": np.concatenate([cry, silence(20_000), speech(0)]),
        "noise": noise(1, 20_000),
        "low tone": tone(82.0),
        "high tone": tone(510.0),
        "hum": as_pcm(cry + 0.2 * tone(50.0, len(cry))),
        "loud": np.clip(9 * cry, -1, 1),
        "soft": cry * np.float32(1e-3),
    }
    return [Waveform(samples, name) for name, samples in sounds.items()]
