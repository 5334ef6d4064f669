"""Speech of a recording: rumble removed, everything but speech cut away, at one level.

All frames are computed on it, in training and in use. What is added outside speech changes nothing:
digital silence is removed before anything else, so that not even the positions of frames move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.rumble import without_rumble
from voxaffect.audio.stretches import times_in_recording
from voxaffect.audio.vad import HOP, speech_mask, track_of
from voxaffect.audio.waveform import SILENCE_RMS, Waveform, rms
from voxaffect.errors import AudioError, NoSpeechError

Floats = NDArray[np.float32]

SPEECH_VERSION = 1
"""To be increased when speech is found otherwise, so that stored features are computed anew."""

QUIET, AMID_SAMPLES = 10 ** (-35 / 20), 40
"""Digital zeros are no sound, whatever their number, between so many samples on either side that
are 35 dB below the loud ones: speech is not that faint."""

GAPS_AT_ONCE = 4096

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
        return times_in_recording(self.spans, times_s)


def speech_of(waveform: Waveform) -> Speech:
    """The speech of a recording.

    Raises:
        AudioError: the recording is silent, or constant.
        NoSpeechError: too little of it is speech.
    """
    is_sound, sound = sound_of(waveform.samples)
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


def sound_of(samples: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Which samples (n,) are no digital silence, and these without rumble."""
    is_sound = ~digital_silence(samples)
    return is_sound, without_rumble(samples[is_sound])


def digital_silence(samples: Floats) -> NDArray[np.bool_]:
    """Whether each sample (n,) belongs to a stretch that no microphone has made.

    Zeros at an end or amid quiet samples, and long stretches of any one value. What is quiet is
    told by the samples that are not zero, so that zeros more or less change nothing.
    """
    silence = np.zeros(samples.size, np.bool_)
    sounding = np.flatnonzero(samples)
    if sounding.size == 0:
        return ~silence
    silence[: sounding[0]], silence[sounding[-1] + 1 :] = True, True
    gaps = np.flatnonzero(np.diff(sounding) > 1)
    gaps = gaps[_is_quiet(samples[sounding], gaps)]
    _fill(silence, sounding[gaps] + 1, sounding[gaps + 1])
    starts, ends = runs(samples[1:] == samples[:-1])
    is_long = ends - starts + 1 >= DROPOUT_SAMPLES
    _fill(silence, starts[is_long], ends[is_long] + 1)
    return silence


def _is_quiet(sounding: Floats, gaps: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether samples (n,) without zeros are quiet around the places after those of gaps (G,)."""
    squares = np.square(sounding, dtype=np.float64)
    level = np.sqrt(np.square(squares).sum() / squares.sum())  # of what is loud, however rare
    padded = np.pad(np.abs(sounding), (AMID_SAMPLES - 1, AMID_SAMPLES))
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * AMID_SAMPLES)
    is_quiet = np.empty(gaps.size, np.bool_)
    for first in range(0, gaps.size, GAPS_AT_ONCE):
        some = slice(first, first + GAPS_AT_ONCE)
        is_quiet[some] = around[gaps[some]].max(axis=1) < QUIET * level
    return is_quiet


def _fill(mask: NDArray[np.bool_], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
    """Set stretches of a mask, which do not overlap."""
    steps = np.zeros(mask.size + 1, np.int8)
    steps[starts] += 1
    steps[ends] -= 1  # where one ends another may begin
    mask |= np.cumsum(steps[:-1], dtype=np.int8) > 0


def runs(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First place of each run of a mask (n,) and the one after its last."""
    steps = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return steps[::2], steps[1::2]
