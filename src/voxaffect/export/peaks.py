"""Peaks of autocorrelations in the graph: `voxaffect.features.descriptors.peaks`.

Letters: T frames, M lags, K ranges of lags, P points about a peak.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from voxaffect.export.graph import DOUBLE, FLOAT, Op, Value, columns, part, table
from voxaffect.features.descriptors.peaks import (
    INTERPOLATION,
    NOISE_FLOOR,
    POINTS_A_SAMPLE,
    REACH,
    SILENCE,
)
from voxaffect.features.descriptors.pitch_settings import PitchSettings

NONE = -np.inf


class Peaks(NamedTuple):
    """The highest peak of frames in each range of lags.

    Args:
        lag: float32 (T, K), in samples.
        height: float32 (T, K), -inf where there is no peak.
        power: float32 (T, 1), of the frames.
    """

    lag: Value
    height: Value
    power: Value


def find_peaks(op: Op, at_lag: Value, offset: Value, settings: PitchSettings) -> Peaks:
    """Find the highest peak in each range of lags, between the samples.

    Args:
        op: the builder.
        at_lag: float32 (T, M), autocorrelation of frames.
        offset: float32 (T, 1), the means that were taken off them.
        settings: of the pitch tracker.
    """
    with part(op, "peaks"):
        power = columns(op, at_lag, 0, 1)
        scale = _scale(op, power, offset)
        at, is_peak = _highest(op, at_lag, scale, settings)
        shift, top = _top(op, at_lag, at)
        height = op.Mul(top, scale)
        credible = op.Where(op.Greater(height, 1.0), op.Reciprocal(height), height)
        borders = table(op, np.array(settings.borders[:-1], float), "borders")
        lag = op.Where(is_peak, op.Add(op.Cast(at, to=DOUBLE), shift), borders)
        height = op.Where(is_peak, credible, NONE)
        return Peaks(op.Cast(lag, to=FLOAT), op.Cast(height, to=FLOAT), power)


def _scale(op: Op, power: Value, offset: Value) -> Value:
    """What makes heights relative to lag 0, where a frame holds some noise: float64 (T, 1)."""
    level = op.Cast(offset, to=DOUBLE)
    noise = op.Add(op.Mul(op.Mul(level, level), NOISE_FLOOR), SILENCE)
    return op.Reciprocal(op.Max(op.Add(op.Cast(power, to=DOUBLE), noise), SILENCE))


def _highest(op: Op, at_lag: Value, scale: Value, settings: PitchSettings) -> tuple[Value, Value]:
    """Lag of the preferred peak in each range, int64 (T, K), and whether there is one."""
    first, end = settings.borders[0], settings.borders[-1]
    before, here, after = (columns(op, at_lag, first + by, end + by) for by in (-1, 0, 1))
    is_peak = op.And(op.GreaterOrEqual(here, before), op.GreaterOrEqual(here, after))
    octaves = np.log2(np.arange(first, end))
    preference = (-settings.octave_cost * octaves).astype(np.float32).astype(np.float64)
    rank = op.Add(op.Mul(op.Cast(here, to=DOUBLE), scale), table(op, preference, "preference"))
    rank = op.Where(is_peak, rank, NONE)
    at, best = [], []
    for start, stop in zip(settings.borders, settings.borders[1:], strict=False):
        some = columns(op, rank, start - first, stop - first)
        at.append(op.Add(op.ArgMax(some, axis=1, keepdims=1), start))
        best.append(op.ReduceMax(some, [1], keepdims=1))
    return op.Concat(*at, axis=1), op.Greater(op.Concat(*best, axis=1), NONE)


def _top(op: Op, at_lag: Value, at: Value) -> tuple[Value, Value]:
    """Shift in samples and height of the tops near sampled peaks, float64 (T, K) each."""
    points = _interpolated(op, at_lag, at)
    middle = op.Add(op.ArgMax(columns(op, points, 1, -1, axis=2), axis=2, keepdims=1), 1)
    beside = op.Add(middle, table(op, np.array([-1, 0, 1]), "beside"))
    three = op.GatherElements(points, beside, axis=2)
    left, top, right = (
        op.Squeeze(x, [2]) for x in op.Split(three, axis=2, num_outputs=3, _outputs=3)
    )
    # A parabola through three points has its top at its slope over its curvature.
    slope = op.Div(op.Sub(right, left), 2.0)
    curvature = op.Sub(op.Sub(op.Mul(top, 2.0), left), right)
    turn = op.Max(op.Min(op.Div(slope, curvature), 1.0), -1.0)
    offset = op.Where(op.Greater(curvature, 0.0), turn, 0.0)
    place = op.Add(op.Cast(op.Squeeze(middle, [2]), to=DOUBLE), offset)
    shift = op.Sub(op.Div(place, float(POINTS_A_SAMPLE)), 1.0)
    return shift, op.Add(top, op.Div(op.Mul(slope, offset), 2.0))


def _interpolated(op: Op, at_lag: Value, at: Value) -> Value:
    """Heights of the points about sampled peaks, float64 (T, K, P)."""
    near = table(op, np.arange(-REACH, REACH + 1), "near")
    around = op.Add(op.Unsqueeze(at, [2]), near)
    flat = op.Reshape(around, op.Concat(op.Shape(at, start=0, end=1), [-1], axis=0))
    samples = op.Reshape(op.GatherElements(at_lag, flat, axis=1), op.Shape(around))
    products = op.Mul(op.Unsqueeze(samples, [2]), table(op, INTERPOLATION, "interpolation"))
    return op.ReduceSum(op.Cast(products, to=DOUBLE), [3], keepdims=0)
