"""ONNX graph of the novelty: `utterance.novelty`."""

from __future__ import annotations

import numpy as np

from voxaffect.export.graph import DOUBLE, FLOAT, Op, Value, exact, part
from voxaffect.export.net import standardized
from voxaffect.utterance.novelty import LEAST_SPREAD, MOST, Novelty


def novelty(op: Op, features: Value, of: Novelty) -> Value:
    """Novelty of frames (T, F): float32 (), above 1 is out-of-distribution."""
    with part(op, "novelty"):
        frames = op.Cast(standardized(op, features, of.standardizer), to=DOUBLE)
        mean = op.ReduceMean(frames, [0], keepdims=1)
        centered = frames - mean
        spread = op.Sqrt(op.ReduceMean(centered * centered, [0], keepdims=0))
        logarithm = op.Log(op.Max(spread, LEAST_SPREAD))
        row = op.Squeeze(mean, [0])
        vector = op.Clip(row, -MOST, MOST) if of.of_rows else op.Concat(row, logarithm, axis=0)
        offset = vector - exact(op, of.mean.astype(np.float64), "mean")
        whitening = exact(op, of.whitening.astype(np.float64), "whitening")
        white = offset * whitening if of.whitening.ndim == 1 else op.MatMul(offset, whitening)
        return op.Cast(op.ReduceL2(white, keepdims=0), to=FLOAT)
