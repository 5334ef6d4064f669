"""From posteriors to one decision in the graph: functionals, extreme learning machine, temperature.

Letters: T frames, C classes, L hidden units, K classes seen in training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.export.graph import DOUBLE, FLOAT, Op, Value, part, table
from voxaffect.utterance.elm_scores import UNSEEN_SCORE, ElmScores


def functionals(op: Op, posteriors: Value, threshold: float) -> Value:
    """Maximum, minimum, mean and share above the threshold of each class, float32 (4 C,)."""
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
    """Mean over the frames, float32 (1, C), added up in float64."""
    return op.Cast(op.ReduceMean(op.Cast(by_frame, to=DOUBLE), [0], keepdims=1), to=FLOAT)


def decide(
    op: Op,
    posteriors: Sequence[Value],
    elm: ElmScores,
    n_classes: int,
    *,
    threshold: float,
    temperature: float,
) -> Value:
    """Calibrated probabilities.

    Args:
        op: the builder.
        posteriors: float32 (T, C) of each task that the utterance level sees.
        elm: what makes scores of their functionals.
        n_classes: classes of the answer.
        threshold: of the functionals.
        temperature: of the calibration.

    Returns:
        float32 (n_classes,).
    """
    with part(op, "decision"):
        high_level = [_named(op, n, p, threshold) for n, p in enumerate(posteriors)]
        scores = _scores(op, op.Concat(*high_level, axis=0), elm, n_classes)
        return op.Cast(op.Softmax(op.Div(scores, temperature), axis=0), to=FLOAT)


def _named(op: Op, number: int, posteriors: Value, threshold: float) -> Value:
    with part(op, f"functionals_{number}"):
        return functionals(op, posteriors, threshold)


def _scores(op: Op, high_level: Value, elm: ElmScores, n_classes: int) -> Value:
    """Scores of the classes, float64 (n_classes,)."""
    arrays = elm.to_arrays()
    coef, intercept = _all_classes(arrays, n_classes)
    x = op.Sub(op.Cast(high_level, to=DOUBLE), table(op, arrays["mean"], "mean"))
    x = op.Div(x, table(op, arrays["scale"], "scale"))
    hidden = op.MatMul(x, table(op, arrays["hidden_weights"], "hidden_weights"))
    hidden = op.Sigmoid(op.Add(hidden, table(op, arrays["hidden_bias"], "hidden_bias")))
    return op.Add(op.MatMul(hidden, table(op, coef, "coef")), table(op, intercept, "intercept"))


def _all_classes(
    arrays: Mapping[str, NDArray[Any]], n_classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Output weights (L, n_classes) and biases: two classes are opposite, one unseen constant."""
    seen, learned = arrays["classes"].astype(int), (arrays["coef"], arrays["intercept"])
    coef, intercept = (
        np.concatenate([-part, part], axis=-1) if len(seen) == 2 else part for part in learned
    )
    whole = np.zeros((len(coef), n_classes)), np.full(n_classes, UNSEEN_SCORE)
    whole[0][:, seen], whole[1][seen] = coef, intercept
    return whole
