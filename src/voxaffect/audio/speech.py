"""Speech of a recording: rumble removed, everything but speech cut away, at one level.

All frames are computed on it, in training and in use. What is added outside speech changes nothing:
digital silence is removed before anything else, so that not even the positions of frames move.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, oaconvolve

from voxaffect.audio.vad import HOP, speech_mask, track_of
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, SILENCE_RMS, Waveform, rms
from voxaffect.errors import AudioError, NoSpeechError

Floats = NDArray[np.float32]

SPEECH_VERSION = 1
"""To be increased when speech is found otherwise, so that stored features are computed anew."""

RUMBLE_HZ = 70.0  # -6 dB; hum of 50 Hz is 40 dB lower, the lowest voices lose 3 dB
RUMBLE_REACH = 400  # samples on either side of a filtered one, 25 ms

QUIET = 2.0**-11
"""Digital zeros between samples below it, -66 dB, are no sound: whatever their number."""

DROPOUT_SAMPLES = 160  # and so are as many samples of one value anywhere


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
        """Times (T,) within the joined speech as times in the recording, in seconds."""
        lengths = self.spans[:, 1] - self.spans[:, 0]
        starts = np.cumsum(lengths) - lengths
        position = times_s * SAMPLE_RATE_HZ
        stretch = np.searchsorted(starts, position, side="right") - 1
        moved: NDArray[np.float64] = position - starts[stretch] + self.spans[stretch, 0]
        return moved / SAMPLE_RATE_HZ


def speech_of(waveform: Waveform) -> Speech:
    """The speech of a recording.

    Raises:
        AudioError: the recording is silent, or constant.
        NoSpeechError: too little of it is speech.
    """
    is_sound = ~digital_silence(waveform.samples)
    sound = without_rumble(waveform.samples[is_sound])
    if sound.size == 0 or rms(sound) < SILENCE_RMS:
        raise AudioError(f"{waveform.name}: is silent (all samples below -100 dB); record it again")
    mask = np.repeat(speech_mask(track_of(sound)), HOP)[: sound.size]
    if not mask.any():
        raise NoSpeechError(f"{waveform.name}: no speech found; {REMEDY}")
    places = np.flatnonzero(is_sound)[mask]
    breaks = np.flatnonzero(np.diff(places) > 1)
    spans = np.stack(
        [places[np.concatenate([[0], breaks + 1])], places[np.append(breaks, -1)] + 1], axis=1
    )
    return Speech(Waveform(sound[mask], waveform.name).normalized(), spans)


REMEDY = "check that somebody speaks and that the microphone is not muted"


def without_rumble(samples: Floats) -> Floats:
    """Samples (n,) without what lies below speech: a constant offset, rumble, hum of the mains.

    A linear-phase filter; beyond its ends the signal goes on as its edge samples, so that an offset
    leaves nothing.
    """
    if samples.size == 0:
        return samples
    padded = np.pad(samples.astype(np.float64), RUMBLE_REACH, mode="edge")
    padded -= padded[0]  # leaves a constant exactly
    return oaconvolve(padded, rumble_filter(), mode="valid").astype(np.float32)


@cache
def rumble_filter() -> NDArray[np.float64]:
    """Impulse response (2 RUMBLE_REACH + 1,) of the high-pass filter; it sums to zero."""
    taps = firwin(
        2 * RUMBLE_REACH + 1,
        RUMBLE_HZ,
        pass_zero=False,
        window=("kaiser", 3.4),
        fs=SAMPLE_RATE_HZ,
    )
    response: NDArray[np.float64] = taps - taps.mean()
    return response


def digital_silence(samples: Floats) -> NDArray[np.bool_]:
    """Whether each sample (n,) belongs to a stretch that no microphone has made.

    Zeros at an end or between quiet samples, and long stretches of any one value.
    """
    silence = np.zeros(samples.size, np.bool_)
    starts, ends = runs(samples == 0)
    quiet = np.pad(np.abs(samples), 1) < QUIET  # beyond the ends, too
    is_quiet = quiet[starts] & quiet[ends + 1]
    for start, end in zip(starts[is_quiet], ends[is_quiet], strict=True):
        silence[start:end] = True
    starts, ends = runs(samples[1:] == samples[:-1])
    is_long = ends - starts + 1 >= DROPOUT_SAMPLES
    for start, end in zip(starts[is_long], ends[is_long], strict=True):
        silence[start : end + 1] = True
    return silence


def runs(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First place of each run of a mask (n,) and the one after its last."""
    steps = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return steps[::2], steps[1::2]
