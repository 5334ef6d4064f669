"""What frames may be, in the graph: `voxaffect.features.descriptors.candidates`.

Letters: T frames, K voiced candidates, S = K + 1 states, of which 0 is unvoiced.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from voxaffect.export.graph import DOUBLE, FLOAT, Op, Value, numbers, part, scan
from voxaffect.export.peaks import Peaks
from voxaffect.features.descriptors.candidates import MOST_BELOW_DB, NOISE_FLOOR
from voxaffect.features.descriptors.peaks import SILENCE
from voxaffect.features.descriptors.pitch_settings import RATE_HZ, PitchSettings


class Candidates(NamedTuple):
    """What frames offer.

    Args:
        score: float32 (T, S), strength, -inf where there is no peak.
        octave: float32 (T, S), octaves above the floor.
        f0_hz: float32 (T, S), 0 for the unvoiced.
        probability: float32 (T, 1), of voicing.
    """

    score: Value
    octave: Value
    f0_hz: Value
    probability: Value


def weigh(op: Op, peaks: Peaks, loudest: Value, settings: PitchSettings) -> Candidates:
    """How likely each candidate is.

    Args:
        op: the builder.
        peaks: of T frames.
        loudest: float64 (T, 1), power of the loudest frame of late beside each.
        settings: of the pitch tracker.
    """
    with part(op, "candidates"):
        power = op.Max(op.Cast(peaks.power, to=DOUBLE), 0.0)
        noise = op.Add(op.Mul(loudest, NOISE_FLOOR), SILENCE)
        heard = op.Div(power, op.Add(power, noise))
        hz = op.Div(float(RATE_HZ), op.Cast(peaks.lag, to=DOUBLE))
        octave = op.Div(op.Log(op.Div(hz, float(settings.floor_hz))), math.log(2))
        strength = _strength(op, peaks, heard, hz, settings)
        highest = op.Min(op.Max(op.ReduceMax(strength, [1], keepdims=1), 0.0), 1.0)
        score = op.Add(strength, op.Mul(octave, float(settings.octave_cost)))
        share = op.Div(power, op.Max(op.Max(loudest, power), SILENCE))
        unvoiced = _unvoiced(op, share, settings)
        nothing = op.Mul(power, 0.0)
        return Candidates(
            _states(op, unvoiced, score),
            _states(op, nothing, octave),
            _states(op, nothing, hz),
            op.Cast(highest, to=FLOAT),
        )


def _strength(op: Op, peaks: Peaks, heard: Value, hz: Value, settings: PitchSettings) -> Value:
    """Strengths of the voiced candidates, float64 (T, K), -inf where there is none."""
    in_range = op.And(
        op.GreaterOrEqual(hz, float(settings.floor_hz)),
        op.LessOrEqual(hz, float(settings.ceiling_hz)),
    )
    offered = op.And(in_range, op.Greater(peaks.height, 0.0))
    strength = op.Mul(op.Cast(peaks.height, to=DOUBLE), heard)
    return op.Where(offered, strength, -np.inf)


def _unvoiced(op: Op, share: Value, settings: PitchSettings) -> Value:
    """Strength of having no pitch, of frames with a share (T, 1) of the loudest frame's power."""
    decibels = op.Mul(op.Log(op.Max(share, 1e-9)), -10 / math.log(10))
    softness = op.Div(op.Mul(op.Min(decibels, MOST_BELOW_DB), settings.softness_cost), 10.0)
    loudness = op.Mul(
        op.Div(op.Sqrt(share), settings.silence_threshold), 1 + settings.voicing_threshold
    )
    silence = op.Max(op.Sub(2.0, loudness), 0.0)
    return op.Add(op.Add(softness, settings.voicing_threshold), silence)


def _states(op: Op, unvoiced: Value, voiced: Value) -> Value:
    """The unvoiced state's value before those of the voiced, float32 (T, S)."""
    return op.Cast(op.Concat(unvoiced, voiced, axis=1), to=FLOAT)


def loudest_of_late(
    op: Op, power: Value, n_frames: Value, settings: PitchSettings, hop_s: float
) -> Value:
    """Power of the loudest frame of late beside each, float64 (T, 1).

    Args:
        op: the builder.
        power: float32 (T, 1), of the frames.
        n_frames: T, int64 ().
        settings: of the pitch tracker.
        hop_s: distance of the frames in seconds.
    """
    decay = 10 ** (-settings.loudness_decay_db / 10 * hop_s)  # of a power in a hop
    ahead, start = (
        round(seconds / hop_s) for seconds in (settings.loudness_ahead_s, settings.loudness_start_s)
    )
    with part(op, "loudness"):
        greatest = scan(
            op,
            lambda op, before, power: op.Max(power, op.Mul(before, decay)),
            np.zeros(1),
            [(op.Cast(power, to=DOUBLE), [1])],
        )
        until = op.Max(op.Add(numbers(op, n_frames), ahead), start)
        return op.Gather(greatest, op.Min(until, op.Sub(n_frames, 1)))
