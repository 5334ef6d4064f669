"""How far an utterance lies from the training's, in the graph: `voxaffect.utterance.novelty`."""

from __future__ import annotations

import numpy as np

from voxaffect.export.graph import DOUBLE, FLOAT, Op, Value, part, table
from voxaffect.utterance.novelty import LEAST_SPREAD, Novelty


def novelty(op: Op, standardised: Value, of: Novelty) -> Value:
    """Novelty of an utterance by its standardised frames (T, F): float32 (), above 1 unfamiliar."""
    with part(op, "novelty"):
        offset = op.Sub(_summary(op, standardised), table(op, of.mean.astype(np.float64), "mean"))
        whitening = table(op, of.whitening.astype(np.float64), "whitening")
        return op.Cast(op.ReduceL2(op.MatMul(offset, whitening), keepdims=0), to=FLOAT)


def _summary(op: Op, standardised: Value) -> Value:
    """Mean and log standard deviation of each column, float64 (2 F,)."""
    frames = op.Cast(standardised, to=DOUBLE)
    mean = op.ReduceMean(frames, [0], keepdims=1)
    offset = op.Sub(frames, mean)
    spread = op.Sqrt(op.ReduceMean(op.Mul(offset, offset), [0], keepdims=0))
    logarithm = op.Log(op.Max(spread, LEAST_SPREAD))
    return op.Concat(op.Squeeze(mean, [0]), logarithm, axis=0)
