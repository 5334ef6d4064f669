"""Truncation, gain and clipping."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from voxaffect.audio.degrade.degradation import Degradation, fit_length
from voxaffect.audio.degrade.noise import speech_activity
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform


class _Truncation(Degradation):
    """Only the beginning is kept: silence before the onset of speech, and some time after it."""

    group = "truncation"

    def apply(self, waveform: Waveform, seed: int) -> Waveform:  # noqa: ARG002 nothing is random
        """Truncate; a silent recording is an `AudioError`, as it has no onset."""
        onset = int(speech_activity(waveform).active.argmax())
        end = onset + self._n_samples(waveform.samples.size - onset)
        return Waveform(waveform.samples[: max(1, end)], waveform.name)

    @abstractmethod
    def _n_samples(self, n_samples: int) -> int:
        """Number of samples to keep after the onset, of those that follow it."""


@dataclass(frozen=True)
class FirstSeconds(_Truncation):
    """The first seconds after the onset of speech; a shorter recording is kept whole."""

    seconds: float

    def _describe(self) -> tuple[str, str]:
        return f"first-{1000 * self.seconds:g}ms", f"{self.seconds:g} s of speech"

    def _n_samples(self, n_samples: int) -> int:  # noqa: ARG002
        return round(self.seconds * SAMPLE_RATE_HZ)


@dataclass(frozen=True)
class FirstShare(_Truncation):
    """The first share, above 0 and up to 1, of what follows the onset of speech."""

    share: float

    def _describe(self) -> tuple[str, str]:
        percent = f"{100 * self.share:g}"
        return f"part-{percent}pct", f"{percent} % of the recording"

    def _n_samples(self, n_samples: int) -> int:
        return round(self.share * n_samples)


@dataclass(frozen=True)
class Gain(Degradation):
    """Change of level (positive is louder), a control: recognizers normalize it away."""

    gain_db: float
    group = "gain"

    def _describe(self) -> tuple[str, str]:
        louder = "louder" if self.gain_db > 0 else "quieter"
        return f"{louder}-{abs(self.gain_db):g}db", f"{self.gain_db:+g} dB"

    def apply(self, waveform: Waveform, seed: int) -> Waveform:  # noqa: ARG002 nothing is random
        """Change the level."""
        return fit_length(waveform.samples * 10 ** (self.gain_db / 20), waveform)


@dataclass(frozen=True)
class Clipping(Degradation):
    """Hard clipping of a share (0 < share < 1) of all samples, pauses included."""

    share: float
    group = "clipping"

    def _describe(self) -> tuple[str, str]:
        percent = f"{100 * self.share:g}"
        return f"clipped-{percent}pct", f"{percent} % of the samples"

    def apply(self, waveform: Waveform, seed: int) -> Waveform:  # noqa: ARG002 nothing is random
        """Clip."""
        magnitudes = np.sort(np.abs(waveform.samples))
        first_clipped = min(round((1 - self.share) * magnitudes.size), magnitudes.size - 1)
        limit = magnitudes[first_clipped]
        return fit_length(np.clip(waveform.samples, -limit, limit), waveform)
