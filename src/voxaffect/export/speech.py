"""ONNX graph of the speech of a recording: `audio.speech` and `audio.rumble`.

Letters: n samples of the recording, m of its sound, of which digital silence is left out, p of its
speech, S stretches of speech.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from voxaffect.audio.rumble import REACH, rumble_filter
from voxaffect.audio.speech import AMID_SAMPLES, DROPOUT_SAMPLES, QUIET
from voxaffect.audio.vad import HOP
from voxaffect.audio.waveform import MAX_SAMPLE, SAMPLE_RATE_HZ, SILENCE_RMS, TARGET_RMS
from voxaffect.export.filters import filtered
from voxaffect.export.graph import (
    BOOL,
    DOUBLE,
    END,
    FLOAT,
    INT64,
    Op,
    Value,
    arange,
    length,
    part,
    rows,
    table,
)
from voxaffect.export.vad import speech_mask, track


class Spoken(NamedTuple):
    """Speech of a recording, as `speech_of`."""

    samples: Value  # float32 (p,), at the target level; zeros, as many as asked for, if unusable
    spans: Value  # int64 (S, 2), first sample and end of each stretch in the recording
    seconds: Value  # float32 (), of speech: 0 where too little is, NaN for what Python refuses
    sound: Value  # float32 (m,), the recording without digital silence and rumble
    usable: Value  # bool (), whether there is as much speech as asked for


def spoken(op: Op, samples: Value, shortest: int) -> Spoken:
    """The speech of a recording, float32 (n,), as decoded; usable from `shortest` samples on."""
    with part(op, "speech"):
        is_sample = op.LessOrEqual(op.Abs(samples), MAX_SAMPLE)  # NaN is none
        n_others = op.ReduceSum(op.Cast(op.Not(is_sample), to=INT64), [0], keepdims=0)
        valid = op.Equal(n_others, 0)
        # Digital zeros at an end change nothing, and save all that follows from empty tensors.
        samples = op.Pad(op.Where(valid, samples, 0.0), [0, 2])
        is_sound = op.Not(digital_silence(op, samples))
        sound = op.Compress(samples, is_sound, axis=0)
        clean, n_frames = without_rumble(op, sound)
        by_frame = speech_mask(op, *track(op, clean, n_frames))
        sound = rows(op, clean, 0, length(op, sound))
        mask = _by_sample(op, by_frame, length(op, sound))
        speech = op.Compress(sound, mask, axis=0)
        place = op.Compress(arange(op, length(op, samples)), is_sound, axis=0)
        spans = _spans(op, op.Compress(place, mask, axis=0))
        level, n_speech = _rms(op, speech), length(op, speech)
        is_silent = op.Less(_rms(op, sound), SILENCE_RMS)
        too_soft = op.And(op.Greater(n_speech, 0), op.Less(level, SILENCE_RMS))
        refused = op.Or(op.Not(valid), op.Or(is_silent, too_soft))
        seconds = op.Cast(n_speech, to=FLOAT) / float(SAMPLE_RATE_HZ)
        seconds = op.Where(refused, math.nan, seconds)
        usable = op.And(op.Not(refused), op.GreaterOrEqual(n_speech, shortest))
        gain = op.Cast(TARGET_RMS / level, to=FLOAT)
        missing = op.Reshape(op.Max(shortest - n_speech, 0), [1])
        leveled = op.Pad(op.Where(usable, speech * gain, 0.0), op.Concat([0], missing, axis=0))
        return Spoken(leveled, spans, seconds, sound, usable)


def digital_silence(op: Op, samples: Value) -> Value:
    """Whether each of n samples, two at least, is digital silence, bool (n,)."""
    with part(op, "digital_silence"):
        is_zero = op.Equal(samples, 0.0)
        is_none = op.And(is_zero, _amid_quiet(op, samples, op.Not(is_zero)))
        same = op.Equal(rows(op, samples, 1, END), rows(op, samples, 0, -1))
        long = op.Cast(_in_long_runs(op, same, DROPOUT_SAMPLES - 1), to=INT64)
        is_dropout = op.Cast(op.Pad(long, [0, 1]) + op.Pad(long, [1, 0]), to=BOOL)
        return op.Or(is_none, is_dropout)


def _amid_quiet(op: Op, samples: Value, sounds: Value) -> Value:
    """Whether the sounding samples around each place are quiet, or on one side none, bool (n,)."""
    # A zero more, so that no tensor is empty.
    sounding = op.Concat(op.Compress(samples, sounds, axis=0), [0.0], axis=0)
    precise = op.Cast(sounding, to=DOUBLE)
    squares = precise * precise
    of_loud = op.ReduceSum(squares * squares, keepdims=0) / op.ReduceSum(squares, keepdims=0)
    around = op.MaxPool(
        op.Unsqueeze(op.Abs(sounding), [0, 1]),
        kernel_shape=[2 * AMID_SAMPLES],
        pads=[AMID_SAMPLES - 1, AMID_SAMPLES],
    )
    quiet = op.Less(op.Cast(op.Squeeze(around, [0, 1]), to=DOUBLE), op.Sqrt(of_loud) * QUIET)
    # Places by the number of sounding samples up to them: behind none, behind the first, ...
    number = arange(op, length(op, sounding))
    behind = op.Concat(op.Equal(rows(op, number, 0, 1), 0), rows(op, quiet, 0, -1), axis=0)
    behind = op.Or(behind, op.Equal(number, length(op, sounding) - 1))
    return op.Gather(behind, op.CumSum(op.Cast(sounds, to=INT64), 0))


def _in_long_runs(op: Op, mask: Value, least: int) -> Value:
    """Places of a mask (n,) within runs of at least so many, bool (n,)."""
    inside = op.Cast(mask, to=INT64)
    before, after = op.Pad(inside, [1, 0]), op.Pad(inside, [0, 1])
    place = arange(op, length(op, after))
    begins = op.Greater(after, before)
    starts = op.Compress(place, begins, axis=0)
    ends = op.Compress(place, op.Less(after, before), axis=0)
    is_long = op.Cast(op.GreaterOrEqual(ends - starts, least), to=INT64)
    # Runs are numbered from 1, and places outside of them have the number 0.
    number = op.CumSum(op.Cast(begins, to=INT64), 0)
    number = rows(op, number, 0, -1) * inside
    return op.Cast(op.Gather(op.Pad(is_long, [1, 0]), number), to=BOOL)


def without_rumble(op: Op, sound: Value) -> tuple[Value, Value]:
    """Sound (m,) filtered, and zeros up to T whole hops, float32 (160 T,); and T, 1 at least.

    What the filter takes away is computed and subtracted: it is small, and so is its rounding.
    """
    with part(op, "rumble"):
        n_sound = length(op, sound)
        n_frames = op.Max((n_sound + (HOP - 1)) / HOP, 1)
        place = arange(op, n_frames * HOP + 2 * REACH) - REACH
        inside = op.Max(op.Min(place, n_sound - 1), 0)  # edge samples go on beyond the ends
        some = op.Concat(sound, [0.0], axis=0)
        known = op.Gather(some, inside) - rows(op, some, 0, 1)
        low_pass = -rumble_filter()
        low_pass[REACH] += 1.0
        left = rows(op, known, REACH, -REACH) - filtered(op, known, low_pass)
        is_known = op.Less(arange(op, n_frames * HOP), n_sound)
        return op.Where(is_known, left, 0.0), n_frames


def _by_sample(op: Op, by_frame: Value, n_sound: Value) -> Value:
    """Mask of frames (T,) for the samples (m,) of their hops."""
    wide = op.Expand(op.Unsqueeze(by_frame, [1]), table(op, np.array([1, HOP]), "hop"))
    return rows(op, op.Reshape(wide, [-1]), 0, n_sound)


def _spans(op: Op, place: Value) -> Value:
    """First sample and end of each run of places (p,), int64 (S, 2)."""
    breaks = op.Greater(rows(op, place, 1, END) - rows(op, place, 0, -1), 1)
    edge = op.GreaterOrEqual(rows(op, place, 0, 1), 0)  # true, or empty where there is no place
    starts = op.Compress(place, op.Concat(edge, breaks, axis=0), axis=0)
    ends = op.Compress(place, op.Concat(breaks, edge, axis=0), axis=0) + 1
    return op.Concat(op.Unsqueeze(starts, [1]), op.Unsqueeze(ends, [1]), axis=1)


def _rms(op: Op, samples: Value) -> Value:
    """Root mean square in float64, (); 0 of no samples."""
    precise = op.Cast(samples, to=DOUBLE)
    power = op.ReduceSum(precise * precise, [0], keepdims=0)
    return op.Sqrt(power / op.Cast(op.Max(length(op, samples), 1), to=DOUBLE))
