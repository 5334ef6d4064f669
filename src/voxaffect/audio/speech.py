"""Speech of a recording: rumble removed, everything but speech cut away, at one level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import Waveform


@dataclass(frozen=True)
class Speech:
    """The speech of a recording: what frames, training and answers see.

    Args:
        waveform: speech alone, its stretches joined, at the target level, 16 kHz.
        spans: int64 (S, 2), first sample and end of each stretch in the recording, in order.
    """

    waveform: Waveform
    spans: NDArray[np.int64]

    def times_s(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Times (T,) within the joined speech as times in the recording."""
        raise NotImplementedError


def speech_of(waveform: Waveform) -> Speech:
    """The speech of a recording.

    Raises:
        AudioError: the recording is silent.
        NoSpeechError: too little of it is speech.
    """
    return Speech(waveform.normalized(), np.array([[0, waveform.samples.size]]))
