"""Simulated speech and melodies that several tests share."""

from __future__ import annotations

from functools import cache

import numpy as np

from voxaffect.audio.waveform import Waveform
from voxaffect.simulation.plans import PLANS
from voxaffect.simulation.trees import plan_takes, record


@cache
def takes(n: int, seed: int = 0) -> tuple[Waveform, ...]:
    """Random takes of the EmoDB plan, 16 kHz, full scale 1."""
    plan = PLANS["emodb"]
    planned = list(plan_takes(plan, seed, 4.0))
    chosen = np.random.default_rng(seed).permutation(len(planned))[:n]
    recordings = [record(plan, (planned[i],), seed) for i in chosen]
    return tuple(
        Waveform(r.samples[:, 0].astype(np.float32) / np.float32(32_768), f"take {i}")
        for i, r in enumerate(recordings)
    )


def vowel(n_samples: int, seed: int | list[int] = 0) -> np.ndarray:
    """A vowel that swells and fades: short, and to the last sample speech; float32."""
    rng = np.random.default_rng(seed)
    phase = 2 * np.pi * rng.uniform(100, 250) / 16_000 * np.arange(n_samples)
    voice = np.sum([np.sin(k * phase) / k for k in range(1, 9)], axis=0)
    swell = np.sin(np.pi * np.arange(n_samples) / n_samples) ** 2
    noise = rng.choice([-1e-3, 1e-3], n_samples)  # hardly ever zero, which would be cut away
    return np.asarray(0.1 * swell * voice + noise, np.float32)


def notes(frequencies_hz: tuple[float, ...], seconds: float) -> np.ndarray:
    """Melody of plucked strings, float32."""
    time = np.arange(round(16_000 * seconds)) / 16_000
    pluck = np.exp(-2 * time) * np.minimum(1, time / 0.01)
    parts = [
        pluck * sum(np.sin(2 * np.pi * f * k * time) / k for k in range(1, 7))
        for f in frequencies_hz
    ]
    return (0.1 * np.concatenate(parts)).astype(np.float32)
