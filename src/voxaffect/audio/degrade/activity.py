"""When somebody speaks and how loud, by ITU-T Recommendation P.56 (2011), method B.

Pauses would make the mean level of a recording depend on how much of it is silent. The active
speech level leaves them out: a sample is active if, within the hangover before it, a smoothed
envelope reached a threshold that lies 15.9 dB below the level of just the active samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d
from scipy.signal import lfilter

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, SILENCE_RMS, Waveform
from voxaffect.errors import AudioError

MARGIN_DB = 15.9
SMOOTHING_S = 0.03
HANGOVER_S = 0.2
THRESHOLDS_DB = np.arange(-60.0, 20.0, 0.1)
"""Relative to the mean level; the standard's are 6 dB apart and interpolated between."""


@dataclass(frozen=True)
class Activity:
    """Where a recording holds speech.

    Args:
        level_db: active speech level, in dB relative to a root mean square of 1.
        active: bool (n_samples,).
    """

    level_db: float
    active: NDArray[np.bool_]

    @property
    def onset(self) -> int:
        """The first active sample."""
        return int(self.active.argmax())


def speech_activity(waveform: Waveform) -> Activity:
    """Active speech level of a recording, and which samples are active.

    Where no threshold lies the margin below its level, as in a single click, all of it is active.

    Raises:
        AudioError: the recording is silent, so that there is no level.
    """
    rms = waveform.rms()
    if rms < SILENCE_RMS:
        raise AudioError(f"{waveform.name}: is silent, so that no noise can be set in relation")
    envelope = _held_envelope(waveform.samples / rms)
    thresholds = 10 ** (THRESHOLDS_DB / 20)
    n_active = envelope.size - np.searchsorted(np.sort(envelope), thresholds)
    levels_db = 10 * np.log10(envelope.size / np.maximum(n_active, 1))
    fits = (levels_db - THRESHOLDS_DB <= MARGIN_DB) & (n_active > 0)
    mean_db = 20 * math.log10(rms)
    if not fits.any():
        return Activity(mean_db, np.ones(envelope.size, bool))
    first = int(fits.argmax())
    return Activity(mean_db + float(levels_db[first]), envelope >= thresholds[first])


def _held_envelope(samples: NDArray[np.floating]) -> NDArray[np.float64]:
    """The magnitude smoothed twice, and held at its maximum over the hangover, (n_samples,)."""
    decay = math.exp(-1 / (SMOOTHING_S * SAMPLE_RATE_HZ))
    once = lfilter([1 - decay], [1, -decay], np.abs(samples, dtype=np.float64))
    twice = lfilter([1 - decay], [1, -decay], once)
    half = round(HANGOVER_S * SAMPLE_RATE_HZ) // 2
    held: NDArray[np.float64] = maximum_filter1d(
        twice, 2 * half + 1, mode="constant", cval=0.0, origin=half
    )
    return held
