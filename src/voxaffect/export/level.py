"""Gain normalisation in the graph, and what Python refuses."""

from __future__ import annotations

from voxaffect.audio.waveform import GREATEST, SILENCE_RMS, TARGET_RMS
from voxaffect.export.graph import DOUBLE, FLOAT, Op, Value, length, part


def levelled(op: Op, samples: Value, shortest: int) -> tuple[Value, Value]:
    """Samples at the level of all others, as `Waveform.normalised` gives them.

    A graph cannot refuse, so it tells whether Python would: `Waveform` and the extractor do so with
    what is shorter than a frame, silent, not finite or far beyond full scale.

    Args:
        op: the builder.
        samples: float32 (n_samples,), full scale is 1.
        shortest: samples of a frame; fewer are padded to as many, so that there is one.

    Returns:
        float32 (max(n_samples, shortest),), and whether they can be analysed, bool (); those that
        cannot are zeros.
    """
    with part(op, "level"):
        n_samples = length(op, samples)
        missing = op.Max(op.Sub(shortest, n_samples), 0)
        samples = op.Pad(samples, op.Concat([0], op.Reshape(missing, [1]), axis=0))
        precise = op.Cast(samples, to=DOUBLE)
        power = op.ReduceSum(op.Mul(precise, precise), [0], keepdims=0)
        rms = op.Sqrt(op.Div(power, op.Cast(n_samples, to=DOUBLE)))
        highest = op.ReduceMax(op.Abs(samples), [0], keepdims=0)
        usable = op.And(
            op.And(op.GreaterOrEqual(n_samples, shortest), op.GreaterOrEqual(rms, SILENCE_RMS)),
            op.LessOrEqual(highest, GREATEST),
        )
        gain = op.Cast(op.Div(TARGET_RMS, rms), to=FLOAT)
        return op.Where(usable, op.Mul(samples, gain), 0.0), usable
