"""ONNX graph of machines that learn from one row an utterance: `systems.summaries`, `.machines`.

Letters: T frames, F features, N rows of K numbers, C classes seen, V support vectors, P pairs of
classes.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from voxaffect.export.decision import of_all_classes
from voxaffect.export.graph import DOUBLE, Op, Value, arange, exact, length, part, table
from voxaffect.systems.machines import KernelMachine, LinearMachine, Machine, RowScaler
from voxaffect.systems.summaries import FUNCTIONALS, MEAN, MEAN_AND_DEVIATION, Summary

CONSTANT = 1e-15  # deviation over mean, at which SciPy's skewness takes a column for constant


def row(op: Op, frames: Value, summary: Summary) -> Value:
    """The row of an utterance, float64 (1, K), by frames float32 (T, F)."""
    with part(op, "row"):
        x = op.Cast(frames, to=DOUBLE)
        if summary is MEAN:
            return _mean(op, x)
        if summary is MEAN_AND_DEVIATION:
            return op.Concat(_mean(op, x), _deviation(op, x), axis=1)
        assert summary is FUNCTIONALS  # noqa: S101 features of one row are not exported
        return descriptor_functionals(op, x)


def by_frame(op: Op, frames: Value, summary: Summary) -> Value:
    """Rows float64 (T, K) of frames (T, F), whose mean is the utterance's."""
    x = op.Cast(frames, to=DOUBLE)
    if summary is MEAN:
        return x
    deviation = op.Expand(_deviation(op, x), op.Shape(x))
    return op.Concat(x, deviation, axis=1)


def descriptor_functionals(op: Op, x: Value) -> Value:
    """The 12 functionals of frames float64 (T, F), functional by functional, (1, 12 F)."""
    n_frames = op.Cast(length(op, x), to=DOUBLE)
    high, low = op.ReduceMax(x, [0], keepdims=1), op.ReduceMin(x, [0], keepdims=1)
    position = [
        op.Cast(find(x, axis=0, keepdims=1), to=DOUBLE) / n_frames
        for find in (op.ArgMax, op.ArgMin)
    ]
    mean = _mean(op, x)
    middle = (n_frames - 1.0) / 2.0
    time = op.Unsqueeze(op.Cast(arange(op, length(op, x)), to=DOUBLE) - middle, [1])
    squares = op.ReduceSum(time * time, keepdims=1)
    slope = op.ReduceSum(time * x, [0], keepdims=1) / op.Max(squares, 1.0)
    centered = x - mean
    residual = centered - time * slope
    moments = [_mean(op, op.Pow(centered, float(k))) for k in (2, 3, 4)]
    variance = moments[0]
    # A constant column has neither skewness nor kurtosis.
    smallest = mean * CONSTANT
    is_constant = op.LessOrEqual(variance, smallest * smallest)
    divisor = op.Where(is_constant, 1.0, variance)
    skewness = moments[1] / (divisor * op.Sqrt(divisor))
    kurtosis = moments[2] / (divisor * divisor) - 3.0
    shape = [op.Where(is_constant, 0.0, one) for one in (skewness, kurtosis)]
    line = [slope, mean - slope * middle, _mean(op, residual * residual)]
    deviation = op.Sqrt(variance)
    return op.Concat(high, low, high - low, *position, mean, *line, deviation, *shape, axis=1)


def _mean(op: Op, x: Value) -> Value:
    return op.ReduceMean(x, [0], keepdims=1)


def _deviation(op: Op, x: Value) -> Value:
    centered = x - _mean(op, x)
    return op.Sqrt(_mean(op, centered * centered))


def standardized_rows(op: Op, rows: Value, by: RowScaler) -> Value:
    """Standardized rows float64 (N, K)."""
    return (rows - exact(op, by.mean, "mean")) / exact(op, by.scale, "scale")


def class_scores(op: Op, rows: Value, machine: Machine) -> Value:
    """Scores float64 (N, C) of all classes by standardized rows (N, K)."""
    if isinstance(machine, LinearMachine):
        scores = linear_scores(op, rows, machine)
    else:
        scores = kernel_scores(op, rows, machine)
    return of_all_classes(op, scores, machine.classes.tolist(), machine.unseen)


def linear_scores(op: Op, rows: Value, machine: LinearMachine) -> Value:
    """Scores float64 (N, C) of the classes seen."""
    product = op.MatMul(rows, exact(op, machine.coef, "coef"))
    return product + exact(op, machine.intercept, "intercept")


def kernel_scores(op: Op, rows: Value, machine: KernelMachine) -> Value:
    """Scores float64 (N, C) of the classes seen."""
    support = machine.support
    squares = op.ReduceSum(rows * rows, [1], keepdims=1) + table(
        op, np.square(support).sum(axis=1), "squares"
    )
    products = op.MatMul(rows, op.Transpose(exact(op, support, "support"), perm=[1, 0]))
    distances = op.Max(squares - products * 2.0, 0.0)
    kernel = op.Exp(distances * -float(machine.gamma))
    margins = op.MatMul(kernel, exact(op, machine.coef, "coef"))
    margins = margins + exact(op, machine.intercept, "intercept")
    n_classes = machine.classes.size
    if n_classes == 2:
        return op.Concat(margins, op.Neg(margins), axis=1)
    pairs = list(combinations(range(n_classes), 2))
    first, second = (np.eye(n_classes)[[pair[side] for pair in pairs]] for side in (0, 1))
    sums = op.MatMul(margins, table(op, first - second, "signs"))
    wins = op.Cast(op.GreaterOrEqual(margins, 0.0), to=DOUBLE)
    wins = op.MatMul(wins, table(op, first, "first")) + op.MatMul(
        1.0 - wins, table(op, second, "second")
    )
    return wins + sums / ((op.Abs(sums) + 1.0) * 3.0)
