"""The gain of an utterance so far: what `Waveform.normalised` would apply if it ended here."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SILENCE_RMS, gain


class RunningGain:
    """Power of all samples until now, and the factor that brings them to the target level."""

    def __init__(self) -> None:
        self._power = 0.0
        self._n_samples = 0

    def add(self, samples: NDArray[np.float32]) -> None:
        """Count the next samples, float32 (n_samples,)."""
        self._power += float(np.square(samples, dtype=np.float64).sum())
        self._n_samples += len(samples)

    @property
    def rms(self) -> float:
        """Root mean square of the samples until now, 0 before the first."""
        return math.sqrt(self._power / max(self._n_samples, 1))

    @property
    def factor(self) -> np.float32 | None:
        """The gain so far; None while all is silent, as no gain brings silence to any level."""
        return None if self.rms < SILENCE_RMS else gain(self.rms, "the utterance so far")
