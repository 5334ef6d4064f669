"""Energy, MFCC and zero crossings in the graph: `voxaffect.features.descriptors.short_time`."""

from __future__ import annotations

import math

import numpy as np

from voxaffect.export.framing import frames
from voxaffect.export.graph import END, FLOAT, INT64, Op, Value, numbers, part, rows, table
from voxaffect.export.spectra import power_spectrum, waves
from voxaffect.features.descriptors.short_time import LOG_FLOOR, PRE_EMPHASIS, ShortTime
from voxaffect.features.frames import FrameGrid


def short_time(op: Op, samples: Value, n_frames: Value, grid: FrameGrid) -> Value:
    """Energy, MFCC 1 to 12 and zero-crossing rate.

    Args:
        op: the builder.
        samples: float32 (n_samples,), levelled.
        n_frames: T, int64 ().
        grid: where the frames lie.

    Returns:
        float32 (T, 14).
    """
    of = ShortTime(grid)
    with part(op, "short_time"):
        windowed = _emphasised(op, samples, n_frames, of)
        squares = op.ReduceSum(op.Mul(windowed, windowed), [1], keepdims=1)
        energy = op.Div(op.Sqrt(squares), math.sqrt(grid.window_samples))
        rate = op.Unsqueeze(zero_crossing_rate(op, samples, n_frames, grid), [1])
        return op.Concat(energy, _mfcc(op, windowed, of), rate, axis=1)


def _emphasised(op: Op, samples: Value, n_frames: Value, of: ShortTime) -> Value:
    """Pre-emphasised, windowed frames (T, window); the first sample is its own predecessor."""
    grid = of.grid
    before = op.Concat([0.0], rows(op, samples, 0, -1), axis=0)
    emphasised = op.Sub(samples, op.Mul(before, PRE_EMPHASIS))
    inner = frames(op, emphasised, n_frames, grid.window_samples, grid.hop_samples)
    places = op.Mul(numbers(op, n_frames), grid.hop_samples)
    first = op.Mul(op.Unsqueeze(op.Gather(samples, places), [1]), 1 - PRE_EMPHASIS)
    is_first = table(op, np.arange(grid.window_samples) == 0, "is_first")
    return op.Mul(op.Where(is_first, first, inner), table(op, of.window.numpy(), "window"))


def _mfcc(op: Op, windowed: Value, of: ShortTime) -> Value:
    """Cepstral coefficients 1 to 12, (T, 12)."""
    power = power_spectrum(op, windowed, waves(op, of.grid.window_samples, of.n_fft))
    bands = op.MatMul(op.Sqrt(power), table(op, of.bands.numpy().T, "bands"))
    return op.MatMul(op.Log(op.Max(bands, LOG_FLOOR)), table(op, of.cosines.numpy().T, "cosines"))


def zero_crossing_rate(op: Op, samples: Value, n_frames: Value, grid: FrameGrid) -> Value:
    """Crossings inside each frame over its number of samples, float32 (T,).

    Crossings are counted from the recording's beginning, a frame's are the difference between two
    counts: whole numbers, so nothing is lost.
    """
    # The first count is of the second sample, since the first of a recording has no predecessor.
    counts = op.Pad(op.CumSum(_crosses(op, samples), table(op, np.int64(0), "time")), [1, 0])
    begin = op.Mul(numbers(op, n_frames), grid.hop_samples)
    end = op.Add(begin, grid.window_samples - 2)
    inside = op.Sub(op.Gather(counts, end), op.Gather(counts, begin))
    return op.Div(op.Cast(inside, to=FLOAT), float(grid.window_samples))


def _crosses(op: Op, samples: Value) -> Value:
    """Whether each sample but the first and last counts, int64 (n_samples - 2,)."""
    sign = op.Sign(samples)
    before, here = rows(op, sign, 0, -2), rows(op, sign, 1, -1)
    after = rows(op, sign, 2, END)
    turns = op.Equal(op.Mul(before, here), -1.0)
    one_side = op.Equal(op.Mul(before, after), 1.0)
    rests = op.And(op.Equal(here, 0.0), op.Not(one_side))
    return op.Cast(op.Or(turns, rests), to=INT64)
