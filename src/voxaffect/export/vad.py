"""ONNX graph of voice activity detection: `audio.vad`. T frames of 48 ms every 10 ms."""

from __future__ import annotations

import math

import numpy as np

from voxaffect.audio.vad import (
    DEFAULT,
    DIGITAL_DB,
    HOP,
    LEAD,
    N_FFT,
    SILENCE_DB,
    WINDOW,
    VadSettings,
    track_tables,
)
from voxaffect.export.frames import frames, power_spectrum, waves
from voxaffect.export.graph import (
    BOOL,
    DOUBLE,
    END,
    FLOAT,
    INT64,
    Op,
    Value,
    columns,
    part,
    rows,
    table,
)

LEAST_POWER = 10 ** (SILENCE_DB / 10)
DECIBELS = 10 / math.log(10)  # of a natural logarithm


def track(op: Op, samples: Value, n_frames: Value) -> tuple[Value, Value]:
    """Level in dB and voicing of T frames, float32 (T,), as `track_of`; samples (160 T,)."""
    tables = track_tables()
    first, end = (
        min(tables.level.start, tables.voice.start),
        max(tables.level.stop, tables.voice.stop),
    )
    with part(op, "track"):
        padded = op.Pad(samples, [LEAD, LEAD])
        windowed = frames(op, padded, n_frames, WINDOW, HOP) * table(op, tables.window, "window")
        power = power_spectrum(op, windowed, waves(op, WINDOW, N_FFT, slice(first, end)))
        in_level, in_voice = (
            columns(op, power, bins.start - first, bins.stop - first)
            for bins in (tables.level, tables.voice)
        )
        energy = op.ReduceSum(in_level, [1], keepdims=0) * float(tables.scale)
        level_db = op.Log(op.Max(energy, LEAST_POWER)) * DECIBELS
        return level_db, _voicing(op, in_voice, table(op, tables.cosines, "cosines"))


def _voicing(op: Op, power: Value, cosines: Value) -> Value:
    """Highest peak of the normalized autocorrelation, float32 (T,), by power spectra (T, bins)."""
    correlation = op.MatMul(power, cosines)
    before, inner, after = (
        columns(op, correlation, start, stop) for start, stop in ((0, -2), (1, -1), (2, END))
    )
    is_peak = op.And(op.GreaterOrEqual(inner, before), op.GreaterOrEqual(inner, after))
    highest = op.ReduceMax(op.Where(is_peak, inner, 0.0), [1], keepdims=0)
    total = op.Max(op.ReduceSum(power, [1], keepdims=0), 1e-20)
    return op.Max(op.Min(highest / total, 1.0), 0.0)


def speech_mask(op: Op, level_db: Value, voicing: Value, settings: VadSettings = DEFAULT) -> Value:
    """Whether each of T frames is speech, bool (T,); none is where there is too little of it."""
    with part(op, "mask"):
        voiced = op.GreaterOrEqual(voicing, settings.voicing)
        limit = _limit_db(op, level_db, voiced, settings)
        active = op.Greater(op.Cast(level_db, to=DOUBLE), limit)
        core = _opened(op, op.And(active, voiced), settings.frames(settings.syllable_s))
        speech = op.And(active, _dilated(op, core, settings.frames(settings.reach_s)))
        half = settings.frames(settings.closed_s / 2)
        closed = op.Not(_dilated(op, op.Not(_dilated(op, speech, half)), half))
        mask = _dilated(op, op.Or(speech, closed), settings.frames(settings.edge_s))
        n_voiced = op.ReduceSum(op.Cast(core, to=INT64), [0], keepdims=0)
        return op.And(mask, op.GreaterOrEqual(n_voiced, settings.frames(settings.least_s)))


def _limit_db(op: Op, level_db: Value, voiced: Value, settings: VadSettings) -> Value:
    """Level above which each frame is active, float64 (T,)."""
    reach = settings.frames(settings.neighborhood_s)
    power = op.Exp(op.Cast(level_db, to=DOUBLE) / DECIBELS)
    loud = _highest_near(op, _smoothed_db(op, power, 20), reach)
    quiet = op.Where(op.Less(level_db, DIGITAL_DB), np.inf, _smoothed_db(op, power, 10))
    floor = op.Neg(_highest_near(op, op.Neg(quiet), reach))
    margin = op.Where(voiced, settings.voiced_margin_db, settings.margin_db)
    return op.Max(floor + op.Cast(margin, to=DOUBLE), loud - settings.range_db)


def _smoothed_db(op: Op, power: Value, n_frames: int) -> Value:
    """Levels of the mean of as many powers, float64 (T,); edge values go on beyond the ends."""
    before = n_frames // 2
    padded = op.Pad(power, [before, n_frames - 1 - before], mode="edge")
    mean = _sums(op, padded, n_frames) / float(n_frames)
    return op.Log(op.Max(mean, LEAST_POWER)) * DECIBELS


def _sums(op: Op, values: Value, n: int) -> Value:
    """Sums of n consecutive values, by doubling.

    Differences of a cumulative sum would lose what is faint beside what was loud long before.
    """
    if n == 1:
        return values
    half = n // 2
    of_half = _sums(op, values, half)
    twice = rows(op, of_half, 0, -half) + rows(op, of_half, half, END)
    return twice if n % 2 == 0 else rows(op, twice, 0, -1) + rows(op, values, n - 1, END)


def _highest_near(op: Op, values: Value, reach: int) -> Value:
    """Highest value at most `reach` frames away, float64 or float32 (T,)."""
    pooled = op.MaxPool(
        op.Unsqueeze(values, [0, 1]), kernel_shape=[2 * reach + 1], pads=[reach, reach]
    )
    return op.Squeeze(pooled, [0, 1])


def _dilated(op: Op, mask: Value, n_frames: int) -> Value:
    """Frames with one of a mask at most so many frames away."""
    return op.Cast(_highest_near(op, op.Cast(mask, to=FLOAT), n_frames), to=BOOL)


def _opened(op: Op, mask: Value, n_frames: int) -> Value:
    """Runs of at least so many frames of a mask."""
    half = n_frames // 2
    # Beyond the ends there is nothing: runs are eroded there, too.
    outside = op.Pad(op.Cast(op.Not(mask), to=FLOAT), [half, half], 1.0)
    grown = rows(op, _highest_near(op, outside, half), half, -half)
    return _dilated(op, op.Not(op.Cast(grown, to=BOOL)), half)
