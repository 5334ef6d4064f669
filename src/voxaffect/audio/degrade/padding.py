"""What lies around speech: digital zeros and quiet rooms, each `(waveform, ...) -> samples`."""

from __future__ import annotations

from typing import Any

import numpy as np

from voxaffect.audio.degrade.degradation import Samples
from voxaffect.audio.degrade.noise import speech_activity
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform

MIN_PAUSE_S = 0.1  # beyond the hangover of P.56, so that no sound of speech is interrupted


def zeros_around(waveform: Waveform, *_: Any, before: int, after: int) -> Samples:
    """Put so many samples of digital silence before and after a recording."""
    return np.pad(waveform.samples, (before, after))


def zeros_in_pause(waveform: Waveform, *_: Any, added: int) -> Samples:
    """Put so many samples of digital silence into the middle of the longest pause.

    A recording without a pause between active speech (ITU-T P.56) remains as it is.
    """
    active = speech_activity(waveform).active
    steps = np.flatnonzero(np.diff(active))  # pauses at the ends are none between words
    edges = steps[0 if active[0] else 1 :]
    ends = edges[1::2]
    starts = edges[::2][: ends.size]
    if not ends.size or (ends - starts).max() < MIN_PAUSE_S * SAMPLE_RATE_HZ:
        return waveform.samples
    longest = int((ends - starts).argmax())
    middle = int(starts[longest] + ends[longest] + 1) // 2
    return np.insert(waveform.samples, middle, np.zeros(added, np.float32))


def noise_around(
    waveform: Waveform,
    rng: np.random.Generator,
    *_: Any,
    before_s: float,
    after_s: float,
    level_db: float,
) -> Samples:
    """Put white noise of a level in dB of full scale before and after a recording."""
    before, after = (
        10 ** (level_db / 20) * rng.standard_normal(round(seconds * SAMPLE_RATE_HZ))
        for seconds in (before_s, after_s)
    )
    return np.concatenate([before, waveform.samples, after])
