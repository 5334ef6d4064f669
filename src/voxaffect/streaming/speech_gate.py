"""Speech gate: an utterance has no interim prediction before there is speech in it.

A muted microphone hisses for minutes, and a stream that is open meanwhile must name no emotion.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.speech import speech_of
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError

GROWTH = 1.25
"""An utterance without speech is looked at again when it is so many times as long: all looks
together take at most 5 times the last, and speech is noticed within a quarter of the time before
it."""


class SpeechGate:
    """Whether an utterance so far holds speech, by the rules of `speech_of`; then it stays open."""

    def __init__(self) -> None:
        self.is_open = False
        self._n_seen = 0

    def look(self, so_far: Sequence[NDArray[np.float32]]) -> bool:
        """Whether there is speech in all samples so far, pieces (n,) at 16 kHz."""
        n_samples = sum(map(len, so_far))
        if not self.is_open and n_samples >= max(1, GROWTH * self._n_seen):
            self._n_seen = n_samples
            self.is_open = _holds_speech(np.concatenate(so_far))
        return self.is_open


def _holds_speech(samples: NDArray[np.float32]) -> bool:
    try:
        speech_of(Waveform(samples, "the utterance so far"))
    except AudioError:  # silent, or no speech
        return False
    return True
