"""Truncation, gain and clipping, each `(waveform, ...) -> samples`."""

from __future__ import annotations

from typing import Any

import numpy as np

from voxaffect.audio.degrade.degradation import Samples
from voxaffect.audio.degrade.noise import speech_activity
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform


def first_seconds(waveform: Waveform, *_: Any, seconds: float) -> Samples:
    """Silence before the onset of speech, and the first seconds after it; all if it is shorter."""
    return waveform.samples[: max(1, _onset(waveform) + round(seconds * SAMPLE_RATE_HZ))]


def first_share(waveform: Waveform, *_: Any, share: float) -> Samples:
    """Silence before the onset of speech, and a share (0 < share <= 1) of what follows it."""
    onset = _onset(waveform)
    return waveform.samples[: max(1, onset + round(share * (waveform.samples.size - onset)))]


def _onset(waveform: Waveform) -> int:
    """First active sample; a silent recording is an `AudioError`."""
    return int(speech_activity(waveform).active.argmax())


def gain(waveform: Waveform, *_: Any, gain_db: float) -> Samples:
    """Change of level (positive is louder), a control: recognizers normalize it away."""
    return waveform.samples * 10 ** (gain_db / 20)


def clipping(waveform: Waveform, *_: Any, share: float) -> Samples:
    """Hard clipping of a share (0 < share < 1) of all samples, pauses included."""
    magnitudes = np.sort(np.abs(waveform.samples))
    first_clipped = min(round((1 - share) * magnitudes.size), magnitudes.size - 1)
    limit = magnitudes[first_clipped]
    return np.clip(waveform.samples, -limit, limit)
