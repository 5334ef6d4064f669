"""Mono waveforms at 16 kHz: level, clipping, gain normalization."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import AudioError

Floats = NDArray[np.float32]

SAMPLE_RATE_HZ = 16_000  # of all decoded audio
FULL_SCALE = 0.999  # magnitude from which a sample counts as clipped
MAX_SAMPLE = 1e6  # largest valid magnitude of a sample

TARGET_RMS = 0.05  # after gain normalization: -26 dB of full scale, usual with ITU-T P.56

SILENCE_RMS = 1e-5
"""-100 dB of full scale, less than the last bit of 16-bit audio: below, a recording is silent."""


@dataclass(frozen=True)
class Waveform:
    """Mono audio at 16 kHz; no samples, several axes or what is not finite are an `AudioError`."""

    samples: Floats  # (n_samples,), full scale is 1
    name: str = "waveform"  # for errors, usually the path

    def __post_init__(self) -> None:
        if self.samples.ndim != 1:
            raise AudioError(f"{self.name}: {self.samples.ndim} axes where mono samples have one")
        if self.samples.size == 0:
            raise AudioError(f"{self.name}: has no samples; remove it or record it again")
        if fault := invalid_sample(self.samples):
            raise AudioError(f"{self.name}: {fault}; export the recording again")

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.samples.size / SAMPLE_RATE_HZ

    def rms(self) -> float:
        """Root mean square of the samples."""
        return rms(self.samples)

    def clipped_share(self) -> float:
        """Share of samples at full scale."""
        return float(np.mean(np.abs(self.samples) >= FULL_SCALE))

    def normalized(self, target_rms: float = TARGET_RMS) -> Waveform:
        """Waveform scaled to a root mean square; a silent one is an `AudioError`."""
        return Waveform(self.samples * gain(self.rms(), self.name, target_rms), self.name)


def rms(samples: NDArray[np.floating]) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def invalid_sample(samples: Floats) -> str:
    """Description of the first sample that is not finite or too large; empty if there is none."""
    if samples.size == 0 or -MAX_SAMPLE <= samples.min() <= samples.max() <= MAX_SAMPLE:
        return ""
    where = int(np.argmin(np.abs(samples) <= MAX_SAMPLE))
    value = samples[where]
    if not np.isfinite(value):
        return f"sample {where} is not a finite number"
    return f"sample {where} is {value:g} where full scale is 1"


def gain(level: float, name: str, target_rms: float = TARGET_RMS) -> np.float32:
    """Factor from one root mean square to another; a silent recording is an `AudioError`."""
    if level < SILENCE_RMS:
        raise AudioError(f"{name}: is silent (all samples below -100 dB); record it again")
    return np.float32(target_rms / level)
