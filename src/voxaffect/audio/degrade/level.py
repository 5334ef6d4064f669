"""Levels: a recording that is too quiet or too loud, and one that was cut off at the top."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voxaffect.audio.degrade.degradation import fit_length
from voxaffect.audio.degrade.noise import speech_activity
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform

# An answer is wanted before all has been said: only the beginning of a recording is heard.
#
# Time counts from the onset of speech (`activity.py`), so that silence before it takes none of it;
# the silence is heard as it was.


@dataclass(frozen=True)
class FirstSeconds:
    """Some time of speech; a recording that is shorter stays whole.

    Args:
        seconds: from the onset of speech on.
    """

    seconds: float

    @property
    def name(self) -> str:
        """Its name in the catalog."""
        return f"first-{1000 * self.seconds:g}ms"

    @property
    def group(self) -> str:
        """What it is a kind of."""
        return "truncation"

    @property
    def severity(self) -> str:
        """How strong it is."""
        return f"{self.seconds:g} s of speech"

    def apply(self, waveform: Waveform, seed: int) -> Waveform:  # noqa: ARG002 nothing is random
        """The beginning of the recording.

        Raises:
            AudioError: it is silent, so that speech never begins.
        """
        onset = speech_activity(waveform).onset
        end = onset + round(self.seconds * SAMPLE_RATE_HZ)
        return Waveform(waveform.samples[:end], waveform.name)


@dataclass(frozen=True)
class FirstShare:
    """A share of what there is from the onset of speech to the end of the recording.

    Args:
        share: above 0, at most 1.
    """

    share: float

    @property
    def name(self) -> str:
        """Its name in the catalog."""
        return f"part-{100 * self.share:g}pct"

    @property
    def group(self) -> str:
        """What it is a kind of."""
        return "truncation"

    @property
    def severity(self) -> str:
        """How strong it is."""
        return f"{100 * self.share:g} % of the recording"

    def apply(self, waveform: Waveform, seed: int) -> Waveform:  # noqa: ARG002 nothing is random
        """The beginning of the recording.

        Raises:
            AudioError: it is silent, so that speech never begins.
        """
        onset = speech_activity(waveform).onset
        end = onset + round(self.share * (waveform.samples.size - onset))
        return Waveform(waveform.samples[: max(1, end)], waveform.name)


@dataclass(frozen=True)
class Gain:
    """Another level, and nothing else: samples beyond full scale stay as they are.

    What a recognizer hears is set to one level first, so that this changes no answer: a control.

    Args:
        gain_db: positive is louder.
    """

    gain_db: float

    @property
    def name(self) -> str:
        """Its name in the catalog."""
        return f"{'louder' if self.gain_db > 0 else 'quieter'}-{abs(self.gain_db):g}db"

    @property
    def group(self) -> str:
        """What it is a kind of."""
        return "gain"

    @property
    def severity(self) -> str:
        """How strong it is."""
        return f"{self.gain_db:+g} dB"

    def apply(self, waveform: Waveform, seed: int) -> Waveform:  # noqa: ARG002 nothing is random
        """Speech at another level."""
        return fit_length(waveform.samples * 10 ** (self.gain_db / 20), waveform)


@dataclass(frozen=True)
class Clipping:
    """Hard clipping at whatever level cuts a share of the samples, pauses counted.

    Args:
        share: of the samples that are cut, above 0 and below 1.
    """

    share: float

    @property
    def name(self) -> str:
        """Its name in the catalog."""
        return f"clipped-{100 * self.share:g}pct"

    @property
    def group(self) -> str:
        """What it is a kind of."""
        return "clipping"

    @property
    def severity(self) -> str:
        """How strong it is."""
        return f"{100 * self.share:g} % of the samples"

    def apply(self, waveform: Waveform, seed: int) -> Waveform:  # noqa: ARG002 nothing is random
        """Speech whose largest samples are all alike."""
        magnitudes = np.sort(np.abs(waveform.samples))
        first_cut = min(round((1 - self.share) * magnitudes.size), magnitudes.size - 1)
        limit = magnitudes[first_cut]
        return fit_length(np.clip(waveform.samples, -limit, limit), waveform)
