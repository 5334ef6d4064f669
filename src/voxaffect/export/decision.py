"""ONNX graph from posteriors or rows to probabilities: `utterance`.

Letters: N rows, T frames, C classes, L hidden units and K seen classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voxaffect.export.graph import DOUBLE, FLOAT, Op, Value, exact, part, table
from voxaffect.taxonomy import EMOTION
from voxaffect.utterance.elm_scores import UNSEEN_SCORE, ElmScores


def functionals(op: Op, posteriors: Value, threshold: float) -> Value:
    """Functionals of each class: maximum, minimum, mean, share above threshold, float32 (4 C,)."""
    above = op.Greater(posteriors, threshold)
    by_class = op.Concat(
        op.ReduceMax(posteriors, [0], keepdims=1),
        op.ReduceMin(posteriors, [0], keepdims=1),
        mean(op, posteriors),
        mean(op, op.Cast(above, to=FLOAT)),
        axis=0,
    )
    return op.Reshape(op.Transpose(by_class, perm=[1, 0]), [-1])


def mean(op: Op, by_frame: Value) -> Value:
    """Mean over the frames, float32 (1, C), computed in float64."""
    return op.Cast(op.ReduceMean(op.Cast(by_frame, to=DOUBLE), [0], keepdims=1), to=FLOAT)


def elm_scores(op: Op, high_level: Value, elm: ElmScores) -> Value:
    """Scores, float64 (1, C), of high-level features, float32 (4 C,)."""
    with part(op, "elm"):
        arrays = vars(elm)
        outputs = np.vstack([arrays["coef"], arrays["intercept"]])
        if outputs.shape[1] == 1:  # for the second of two classes
            outputs = np.hstack([-outputs, outputs])
        x = op.Cast(high_level, to=DOUBLE) - exact(op, arrays["mean"], "mean")
        x = op.Unsqueeze(x / exact(op, arrays["scale"], "scale"), [0])
        hidden = op.MatMul(x, exact(op, arrays["hidden_weights"], "hidden_weights"))
        hidden = op.Sigmoid(hidden + exact(op, arrays["hidden_bias"], "hidden_bias"))
        seen = op.MatMul(hidden, table(op, outputs[:-1], "coef")) + table(
            op, outputs[-1], "intercept"
        )
        return of_all_classes(op, seen, arrays["classes"].astype(int).tolist(), UNSEEN_SCORE)


def of_all_classes(
    op: Op, scores: Value, seen: Sequence[int], unseen: float | None = None
) -> Value:
    """Scores float64 (N, C) of all classes by those of the classes seen, (N, K).

    The others score `unseen`, or 1 below the least of a row.
    """
    least = op.ReduceMin(scores, [1], keepdims=1)
    floor = least - 1.0 if unseen is None else least * 0.0 + unseen
    place = [seen.index(c) if c in seen else len(seen) for c in range(EMOTION.n_classes)]
    return op.Gather(op.Concat(scores, floor, axis=1), place, axis=1)


def calibrated(op: Op, scores: Value, temperature: float) -> Value:
    """Probabilities, float64 (N, C), of scores (N, C)."""
    return op.Softmax(scores / temperature, axis=1)
