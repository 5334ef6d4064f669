"""ONNX graph of energy, MFCC, zero-crossing rate and deltas: `features.lld.short_time`."""

from __future__ import annotations

import math

import numpy as np

from voxaffect.export.filters import BLOCK, filtered
from voxaffect.export.frames import frames, power_spectrum, waves
from voxaffect.export.graph import (
    DOUBLE,
    END,
    FLOAT,
    INT64,
    Op,
    Value,
    arange,
    columns,
    length,
    part,
    rows,
    table,
)
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld.short_time import (
    LOG_FLOOR,
    LOW_PASS_TAPS,
    PRE_EMPHASIS,
    WHOLE_BAND,
    Band,
    ShortTime,
    low_pass_filter,
)


def over_time(op: Op, values: Value) -> Value:
    """Smoothing and deltas, float32 (T, 2 F), of values float32 (T, F), as `DeltaSmoother`."""
    with part(op, "over_time"):
        others, f0 = columns(op, values, 0, -1), columns(op, values, -1, END)
        voiced = op.Greater(op.Squeeze(f0, [1]), 0.0)
        one_segment = op.Or(voiced, op.Not(voiced))
        parts = [_in_segments(op, others, one_segment), _in_segments(op, f0, voiced)]
        means, slopes = zip(*parts, strict=True)
        return op.Concat(*means, *slopes, axis=1)


def _in_segments(op: Op, values: Value, kind: Value) -> tuple[Value, Value]:
    """Means and slopes of columns within segments of equal `kind`."""
    frame = arange(op, length(op, kind))
    changes = op.Cast(op.Xor(rows(op, kind, 1, END), rows(op, kind, 0, -1)), to=INT64)
    same = 1 - changes
    # The previous and next frame, the frame itself at the end of its segment.
    before, after = frame - op.Pad(same, [1, 0]), frame + op.Pad(same, [0, 1])
    smooth = (values + op.Gather(values, before) + op.Gather(values, after)) / 3.0

    def difference(before: Value, after: Value) -> Value:
        """Subtracted in float32, returned in float64."""
        return op.Cast(op.Gather(smooth, after) - op.Gather(smooth, before), to=DOUBLE)

    near = difference(before, after)
    far = difference(op.Gather(before, before), op.Gather(after, after))
    return smooth, op.Cast((near + far * 2.0) / 10.0, to=FLOAT)


def short_time(
    op: Op, samples: Value, n_frames: Value, grid: FrameGrid, band_hz: Band = WHOLE_BAND
) -> Value:
    """Energy, MFCC 1 to 12 and zero-crossing rate of leveled samples, float32 (T, 14)."""
    of, size = ShortTime(grid, band_hz), grid.window_samples
    with part(op, "short_time"):
        before = op.Concat([0.0], rows(op, samples, 0, -1), axis=0)
        inner = frames(op, samples - before * PRE_EMPHASIS, n_frames, size, grid.hop_samples)
        # The first sample of a frame is its own predecessor.
        begin = arange(op, n_frames) * grid.hop_samples
        first = op.Unsqueeze(op.Gather(samples, begin), [1]) * (1 - PRE_EMPHASIS)
        emphasized = op.Where(table(op, np.arange(size) == 0, "is_first"), first, inner)
        windowed = emphasized * table(op, of.window.numpy(), "window")
        power = power_spectrum(op, windowed, waves(op, size, of.n_fft))
        if of.is_whole:
            squares, samples_of_rate = windowed * windowed, samples
        else:
            squares = columns(op, power, of.inside.start, of.inside.stop) * (2 / of.n_fft)
            samples_of_rate = low_passed(op, samples, band_hz[1])
        energy = op.Sqrt(op.ReduceSum(squares, [1], keepdims=1)) / math.sqrt(size)
        rate = op.Unsqueeze(zero_crossing_rate(op, samples_of_rate, n_frames, grid), [1])
        bands = op.MatMul(op.Sqrt(power), table(op, of.bands.numpy().T, "bands"))
        cosines = table(op, of.cosines.numpy().T, "cosines")
        mfcc = op.MatMul(op.Log(op.Max(bands, LOG_FLOOR)), cosines)
        return op.Concat(energy, mfcc, rate, axis=1)


def low_passed(op: Op, samples: Value, high_hz: float) -> Value:
    """Samples without what lies above a frequency, and what is behind them, up to a whole block."""
    reach = LOW_PASS_TAPS // 2
    missing = op.Mod(op.Neg(length(op, samples)), BLOCK)
    behind = op.Reshape(missing + reach, [1])
    padded = op.Pad(samples, op.Concat([reach], behind, axis=0))
    return filtered(op, padded, low_pass_filter(high_hz))


def zero_crossing_rate(op: Op, samples: Value, n_frames: Value, grid: FrameGrid) -> Value:
    """Zero-crossing rate, float32 (T,), by differences of the cumulative count of crossings."""
    sign = op.Sign(samples)
    before, here, after = (rows(op, sign, at, end) for at, end in ((0, -2), (1, -1), (2, END)))
    sign_change = op.Equal(before * here, -1.0)
    one_side = op.Equal(before * after, 1.0)
    at_zero = op.And(op.Equal(here, 0.0), op.Not(one_side))
    crosses = op.Cast(op.Or(sign_change, at_zero), to=INT64)  # at all samples but first and last
    # The first count is that of the second sample; the first has no predecessor.
    counts = op.Pad(op.CumSum(crosses, table(op, np.int64(0), "time")), [1, 0])
    begin = arange(op, n_frames) * grid.hop_samples
    end = begin + (grid.window_samples - 2)
    inside = op.Gather(counts, end) - op.Gather(counts, begin)
    return op.Cast(inside, to=FLOAT) / float(grid.window_samples)
