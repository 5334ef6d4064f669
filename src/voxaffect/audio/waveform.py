"""Samples in memory, and what can be said of their level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import AudioError

SAMPLE_RATE_HZ = 16_000
"""Every waveform past the decoder has this rate."""

TARGET_RMS = 0.05
"""Root mean square after gain normalization: -26 dB of full scale, the level that ITU-T P.56
practice gives to speech."""

FULL_SCALE = 0.999
"""From here up a sample counts as clipped."""

MAX_SAMPLE = 1e6
"""Beyond this a number is no sample, whatever its scale was meant to be."""

SILENCE_RMS = 1e-5
"""Below -100 dB of full scale, under the last bit of 16-bit audio, a recording holds no speech."""


@dataclass(frozen=True)
class Waveform:
    """Mono speech at 16 kHz.

    Args:
        samples: float32 (n_samples,), full scale is 1; finite and not empty.
        name: what errors call it, usually the path.

    Raises:
        AudioError: the samples are empty, not one-dimensional or not finite.
    """

    samples: NDArray[np.float32]
    name: str = "waveform"

    def __post_init__(self) -> None:
        if self.samples.ndim != 1:
            raise AudioError(f"{self.name}: {self.samples.ndim} axes where mono samples have one")
        if self.samples.size == 0:
            raise AudioError(f"{self.name}: holds no samples; remove it or record it again")
        if fault := invalid_sample(self.samples):
            raise AudioError(f"{self.name}: {fault}; export the recording again")

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.samples.size / SAMPLE_RATE_HZ

    def rms(self) -> float:
        """Root mean square of the samples, full scale is 1."""
        return float(np.sqrt(np.mean(np.square(self.samples, dtype=np.float64))))

    def clipped_share(self) -> float:
        """Share of samples at full scale."""
        return float(np.mean(np.abs(self.samples) >= FULL_SCALE))

    def normalized(self, target_rms: float = TARGET_RMS) -> Waveform:
        """The waveform at a given root mean square level.

        Raises:
            AudioError: the waveform is silent, so no gain brings it to any level.
        """
        return Waveform(self.samples * gain(self.rms(), self.name, target_rms), self.name)


def invalid_sample(samples: NDArray[np.float32]) -> str:
    """What is wrong with the first sample that is none, in words; empty if all are well."""
    if samples.size == 0 or -MAX_SAMPLE <= samples.min() <= samples.max() <= MAX_SAMPLE:
        return ""
    where = int(np.argmin(np.abs(samples) <= MAX_SAMPLE))
    value = samples[where]
    if not np.isfinite(value):
        return f"sample {where} is not a finite number"
    return f"sample {where} is {value:g} where full scale is 1"


def gain(rms: float, name: str, target_rms: float = TARGET_RMS) -> np.float32:
    """The factor that brings a recording of some root mean square to a given one.

    Raises:
        AudioError: the recording is silent, so no gain brings it to any level.
    """
    if rms < SILENCE_RMS:
        raise AudioError(f"{name}: is silent (all samples below -100 dB); record it again")
    return np.float32(target_rms / rms)
