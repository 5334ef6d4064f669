"""ONNX graph of pitch tracking: `features.lld.autocorrelation` and `.pitch`.

Letters: T frames, W samples of a window, M lags, K ranges of lags with a voiced candidate each,
S = K + 1 states, of which 0 is unvoiced, P interpolated points around a peak, E frames at the ends.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.export.frames import frames, power_spectrum, waves
from voxaffect.export.graph import (
    DOUBLE,
    END,
    FLOAT,
    Op,
    Value,
    arange,
    columns,
    length,
    part,
    repeat,
    rows,
    scan,
    table,
)
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld.autocorrelation import (
    INTERPOLATION,
    MIN_OVERLAP,
    NOISE_FLOOR,
    POINTS_PER_SAMPLE,
    REACH,
    SILENCE,
    TAPS,
    Autocorrelator,
)
from voxaffect.features.lld.pitch import CANDIDATE_NOISE_FLOOR, MAX_BELOW_DB
from voxaffect.features.lld.pitch_settings import RATE_HZ, PitchSettings, Transitions


def best_path(op: Op, score: Value, position: Value, transitions: Transitions, lag: int) -> Value:
    """Viterbi decoding, as `features.lld.pitch.best_path`: states of the frames, int64 (T,).

    Only the scores of the best paths are updated frame by frame, by Scan. Costs and backpointers
    are computed for all frames at once. Sums have Python's order where, as in pitch, a pair of
    states has one of the two costs.
    """
    n_states = len(transitions.fixed)

    def step(op: Op, total: Value, score: Value, cost: Value) -> Value:
        """Scores of the best paths to the next frame's states, relative to the best of all."""
        arriving = op.ReduceMax(total - cost, [1], keepdims=0) + score
        return arriving - op.ReduceMax(arriving, [0], keepdims=1)

    with part(op, "path"):
        cost = _costs(op, op.Cast(position, to=DOUBLE), transitions)
        own = op.Cast(score, to=DOUBLE)
        total = scan(op, step, np.zeros(n_states), [(own, [n_states]), (cost, [n_states] * 2)])
        before = op.Unsqueeze(_previous(op, total), [1])
        into = op.ArgMax(before - cost, axis=2, keepdims=0)
        best = op.ArgMax(total, axis=1, keepdims=0)
        return _trace_back(op, into, best, n_states, lag)


def _costs(op: Op, position: Value, transitions: Transitions) -> Value:
    """Cost of state i (last axis) before state j (middle axis), float64 (T, S, S); 0 at first."""
    before = op.Unsqueeze(_previous(op, position), [1])
    distance = op.Abs(before - op.Unsqueeze(position, [2]))
    slope, fixed = (np.array(x.T, np.float64) for x in (transitions.slope, transitions.fixed))
    cost = distance * table(op, slope, "slope") + table(op, fixed, "fixed")
    is_first = op.Equal(arange(op, length(op, position)), 0)
    return op.Where(op.Unsqueeze(is_first, [1, 2]), 0.0, cost)


def _previous(op: Op, values: Value) -> Value:
    """Values of the previous frame, float64 (T, S); of the first, its own."""
    return op.Concat(rows(op, values, 0, 1), rows(op, values, 0, -1), axis=0)


def _trace_back(op: Op, into: Value, best: Value, n_states: int, lag: int) -> Value:
    """Follow the backpointers of all frames at once, from the best state `lag` frames later."""
    frame = arange(op, length(op, best))
    last = length(op, best) - 1
    flat = op.Reshape(into, [-1])

    def back(op: Op, number: Value, state: Value) -> Value:
        later = frame + lag - number
        place = op.Min(later, last) * n_states + state
        return op.Where(op.LessOrEqual(later, last), op.Gather(flat, place), state)

    end = op.Gather(best, op.Min(frame + lag, last))
    return repeat(op, back, lag, end)


def find_peaks(
    op: Op, at_lag: Value, offset: Value, settings: PitchSettings
) -> tuple[Value, Value, Value]:
    """Highest peak in each range of lags as `Peaks`: lag, height, float32 (T, K), power (T, 1)."""
    with part(op, "peaks"):
        power = columns(op, at_lag, 0, 1)
        level = op.Cast(offset, to=DOUBLE)
        noise = level * level * NOISE_FLOOR + SILENCE
        scale = op.Reciprocal(op.Max(op.Cast(power, to=DOUBLE) + noise, SILENCE))
        at, is_peak = _highest(op, at_lag, scale, settings)
        shift, top = _top(op, at_lag, at)
        height = top * scale
        credible = op.Where(op.Greater(height, 1.0), op.Reciprocal(height), height)
        borders = table(op, np.array(settings.borders[:-1], float), "borders")
        lag = op.Where(is_peak, op.Cast(at, to=DOUBLE) + shift, borders)
        height = op.Where(is_peak, credible, -np.inf)
        return op.Cast(lag, to=FLOAT), op.Cast(height, to=FLOAT), power


def _highest(op: Op, at_lag: Value, scale: Value, settings: PitchSettings) -> tuple[Value, Value]:
    """Lag of the best peak in each range, int64 (T, K), and whether there is one."""
    first, end = settings.borders[0], settings.borders[-1]
    before, here, after = (columns(op, at_lag, first + by, end + by) for by in (-1, 0, 1))
    is_peak = op.And(op.GreaterOrEqual(here, before), op.GreaterOrEqual(here, after))
    octaves = np.log2(np.arange(first, end))
    preference = (-settings.octave_cost * octaves).astype(np.float32).astype(np.float64)
    rank = op.Cast(here, to=DOUBLE) * scale + table(op, preference, "preference")
    rank = op.Where(is_peak, rank, -np.inf)
    at, best = [], []
    for start, stop in zip(settings.borders, settings.borders[1:], strict=False):
        some = columns(op, rank, start - first, stop - first)
        at.append(op.ArgMax(some, axis=1, keepdims=1) + start)
        best.append(op.ReduceMax(some, [1], keepdims=1))
    return op.Concat(*at, axis=1), op.Greater(op.Concat(*best, axis=1), -np.inf)


def _top(op: Op, at_lag: Value, at: Value) -> tuple[Value, Value]:
    """Offset in samples and height of the maxima near sampled peaks, float64 (T, K) each."""
    near = table(op, np.arange(-REACH, REACH + 1), "near")
    around = op.Unsqueeze(at, [2]) + near
    flat = op.Reshape(around, op.Concat(op.Shape(at, start=0, end=1), [-1], axis=0))
    samples = op.Reshape(op.GatherElements(at_lag, flat, axis=1), op.Shape(around))
    products = op.Unsqueeze(samples, [2]) * table(op, INTERPOLATION, "interpolation")
    points = op.ReduceSum(op.Cast(products, to=DOUBLE), [3], keepdims=0)  # (T, K, P)
    middle = op.ArgMax(columns(op, points, 1, -1, axis=2), axis=2, keepdims=1) + 1
    beside = middle + table(op, np.array([-1, 0, 1]), "beside")
    three = op.GatherElements(points, beside, axis=2)
    sides = op.Split(three, axis=2, num_outputs=3, _outputs=3)
    left, top, right = (op.Squeeze(side, [2]) for side in sides)
    # The maximum of a parabola through three points is at slope / curvature.
    slope = (right - left) / 2.0
    curvature = top * 2.0 - left - right
    maximum = op.Max(op.Min(slope / curvature, 1.0), -1.0)
    offset = op.Where(op.Greater(curvature, 0.0), maximum, 0.0)
    place = op.Cast(op.Squeeze(middle, [2]), to=DOUBLE) + offset
    shift = place / float(POINTS_PER_SAMPLE) - 1.0
    return shift, top + slope * offset / 2.0


def score_candidates(
    op: Op, peaks: tuple[Value, Value, Value], loudest: Value, settings: PitchSettings
) -> tuple[Value, Value, Value, Value]:
    """As `PitchCandidates`: score, octave and F0, float32 (T, S), and probability, (T, 1)."""
    lag, height, peak_power = peaks
    floor_hz, ceiling_hz = float(settings.floor_hz), float(settings.ceiling_hz)

    def states(unvoiced: Value, voiced: Value) -> Value:
        return op.Cast(op.Concat(unvoiced, voiced, axis=1), to=FLOAT)

    with part(op, "candidates"):
        power = op.Max(op.Cast(peak_power, to=DOUBLE), 0.0)
        noise = loudest * CANDIDATE_NOISE_FLOOR + SILENCE
        signal_share = power / (power + noise)
        hz = float(RATE_HZ) / op.Cast(lag, to=DOUBLE)
        octave = op.Log(hz / floor_hz) / math.log(2)
        in_range = op.And(op.GreaterOrEqual(hz, floor_hz), op.LessOrEqual(hz, ceiling_hz))
        is_candidate = op.And(in_range, op.Greater(height, 0.0))
        strength = op.Cast(height, to=DOUBLE) * signal_share
        strength = op.Where(is_candidate, strength, -np.inf)
        highest = op.Min(op.Max(op.ReduceMax(strength, [1], keepdims=1), 0.0), 1.0)
        score = strength + octave * float(settings.octave_cost)
        share = power / op.Max(op.Max(loudest, power), SILENCE)
        unvoiced = _unvoiced(op, share, settings)
        zero = power * 0.0
        by_state = states(unvoiced, score), states(zero, octave), states(zero, hz)
        return *by_state, op.Cast(highest, to=FLOAT)


def _unvoiced(op: Op, share: Value, settings: PitchSettings) -> Value:
    """Strength of the unvoiced candidate of frames with a share (T, 1) of the peak power."""
    decibels = op.Log(op.Max(share, 1e-9)) * (-10 / math.log(10))
    softness = op.Min(decibels, MAX_BELOW_DB) * settings.softness_cost / 10.0
    loudness = op.Sqrt(share) / settings.silence_threshold * (1 + settings.voicing_threshold)
    silence = op.Max(2.0 - loudness, 0.0)
    return softness + settings.voicing_threshold + silence


def recent_peak_power(
    op: Op, power: Value, n_frames: Value, settings: PitchSettings, hop_s: float
) -> Value:
    """Recent peak power of each frame, float64 (T, 1), of powers float32 (T, 1)."""
    decay = 10 ** (-settings.loudness_decay_db / 10 * hop_s)  # of power, per hop
    spans_s = settings.loudness_ahead_s, settings.loudness_start_s
    ahead, start = (round(span_s / hop_s) for span_s in spans_s)

    def step(op: Op, before: Value, power: Value) -> Value:
        return op.Max(power, before * decay)

    with part(op, "loudness"):
        greatest = scan(op, step, np.zeros(1), [(op.Cast(power, to=DOUBLE), [1])])
        until = op.Max(arange(op, n_frames) + ahead, start)
        return op.Gather(greatest, op.Min(until, n_frames - 1))


class Geometry(NamedTuple):
    """Pitch windows, as in `PeakAnalyzer`, without zero-padding, as power spectra ignore shifts."""

    of: Autocorrelator  # tables of the Python implementation
    grid: FrameGrid
    window: NDArray[np.float32]  # (W,)
    lead: int  # samples from the begin of the first window, before decimation, to the frame
    reach: int  # samples by which a window exceeds its frame on either side; may be negative


def autocorrelation(
    op: Op, samples: Value, n_frames: Value, geometry: Geometry
) -> tuple[Value, Value]:
    """Window-compensated autocorrelation, float32 (T, M), and means of frames, (T, 1)."""
    grid, reach, size = geometry.grid, geometry.reach, len(geometry.window)
    with part(op, "periodicity"):
        halved = _halved(op, samples, n_frames, geometry)
        windows = frames(op, halved, n_frames, size, grid.hop_samples // 2)
        fourier = waves(op, size, len(geometry.of.window))
        at_lag, offset = _whole(op, windows, fourier, geometry)
        if reach <= 0:
            return at_lag, offset
        # The frames at the ends with truncated windows, int64 (E,), are computed again.
        some = table(op, np.arange(math.ceil(reach / grid.hop_samples)), "some")
        last, n_samples = n_frames - 1, length(op, samples)
        edges = op.Concat(op.Min(some, last), op.Max(last - some, 0), axis=0)
        begin = edges * grid.hop_samples
        middle = 2 * np.arange(size) + TAPS // 2 - 1 - geometry.lead
        sample = op.Unsqueeze(begin, [1]) + table(op, middle, "places")
        inside = op.And(op.GreaterOrEqual(sample, 0), op.Less(sample, n_samples))  # (E, W)
        truncated = _truncated(op, op.Gather(windows, edges), inside, fourier, geometry)
        behind = n_samples - (begin + grid.window_samples)
        is_truncated = op.Unsqueeze(op.Or(op.Less(begin, reach), op.Less(behind, reach)), [1])
        place = op.Unsqueeze(edges, [1])
        return tuple(
            op.ScatterND(whole, place, op.Where(is_truncated, one, op.Gather(whole, edges)))
            for whole, one in zip((at_lag, offset), truncated, strict=True)
        )


def _halved(op: Op, samples: Value, n_frames: Value, geometry: Geometry) -> Value:
    """Decimated samples of the windows, zero-padded beyond the recording."""
    low_pass = geometry.of.low_pass.numpy()[:TAPS, 0].reshape(1, 1, TAPS)
    beyond = 2 * len(geometry.window) + TAPS - 2 - geometry.lead
    needed = (n_frames - 1) * geometry.grid.hop_samples + beyond
    missing = op.Max(needed - length(op, samples), 0)
    before = max(0, geometry.lead)
    padded = op.Pad(samples, op.Concat([before], op.Reshape(missing, [1]), axis=0))
    used = rows(op, padded, before - geometry.lead, END)
    filtered = op.Conv(op.Unsqueeze(used, [0, 1]), table(op, low_pass, "low_pass"), strides=[2])
    return op.Squeeze(filtered, [0, 1])


def _whole(op: Op, windows: Value, fourier: Value, geometry: Geometry) -> tuple[Value, Value]:
    """Autocorrelation of frames with whole windows."""
    level = (geometry.of.window / geometry.of.window.sum()).numpy()
    offset = op.MatMul(windows, table(op, level[level != 0][:, None], "level"))
    tapered = (windows - offset) * table(op, geometry.window, "window")
    power = power_spectrum(op, tapered, fourier)
    return op.MatMul(power, table(op, geometry.of.compensated.numpy(), "compensated")), offset


def _truncated(
    op: Op, windows: Value, inside: Value, fourier: Value, geometry: Geometry
) -> tuple[Value, Value]:
    """Autocorrelation of frames with truncated windows."""
    inverse = table(op, geometry.of.inverse.numpy(), "inverse")
    kept = table(op, geometry.window, "whole_window") * op.Cast(inside, to=FLOAT)
    total = op.Max(op.ReduceSum(kept, [1], keepdims=1), 1e-9)
    offset = op.ReduceSum(windows * kept, [1], keepdims=1) / total
    power = power_spectrum(op, (windows - offset) * kept, fourier)
    weighted = power * table(op, geometry.of.weight.numpy(), "high_pass")
    taper = op.MatMul(power_spectrum(op, kept, fourier), inverse)
    bounded = op.Max(taper, columns(op, taper, 0, 1) * MIN_OVERLAP)
    return op.MatMul(weighted, inverse) / bounded, offset


def pitch(
    op: Op, samples: Value, n_frames: Value, grid: FrameGrid, settings: PitchSettings
) -> tuple[Value, Value]:
    """Probability of voicing and F0 in Hz, 0 where unvoiced, of leveled samples: (T, 1) each."""
    n_lags, half = settings.borders[-1] + REACH, grid.window_samples // 2
    of = Autocorrelator.of(settings.taper_samples, n_lags, RATE_HZ, "cpu")
    padded: NDArray[np.float32] = of.window.numpy()
    window = padded[padded != 0]
    lead, reach = len(window) + TAPS // 2 - 1 - half, of.reach - half
    geometry = Geometry(of, grid, window, lead, reach)
    at_lag, offset = autocorrelation(op, samples, n_frames, geometry)
    peaks = find_peaks(op, at_lag, offset, settings)
    loudest = recent_peak_power(op, peaks[2], n_frames, settings, grid.hop_s)
    score, octave, f0_hz, probability = score_candidates(op, peaks, loudest, settings)
    lag = round(settings.path_ahead_s / grid.hop_s)
    states = best_path(op, score, octave, settings.transitions(grid.hop_s), lag)
    return probability, op.GatherElements(f0_hz, op.Unsqueeze(states, [1]), axis=1)


def log_f0(op: Op, f0_hz: Value) -> Value:
    """Natural logarithm of F0, 0 where unvoiced."""
    return op.Log(op.Where(op.Greater(f0_hz, 0.0), f0_hz, 1.0))
