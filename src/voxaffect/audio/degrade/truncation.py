"""An answer is wanted before all has been said: only the beginning of a recording is heard.

Time counts from the onset of speech (`activity.py`), so that silence before it takes none of it;
the silence is heard as it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from voxaffect.audio.degrade.activity import speech_activity
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform


@dataclass(frozen=True)
class FirstSeconds:
    """Some time of speech; a recording that is shorter stays whole.

    Args:
        seconds: from the onset of speech on.
    """

    seconds: float

    @property
    def name(self) -> str:
        """Its name in the catalogue."""
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
        """Its name in the catalogue."""
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
