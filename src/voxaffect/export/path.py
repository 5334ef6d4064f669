"""The best path through lattices in the graph: `voxaffect.features.descriptors.path`.

Only what a frame needs of the one before it goes frame by frame, by ONNX's Scan: what the best path
to each state has earned. Costs before that, and after it where each path came from, are computed of
all frames at once. The sums are those of Python, in its order where, as in pitch, a pair of states
has one of its two costs.

Letters: T frames, S states.
"""

from __future__ import annotations

import numpy as np

from voxaffect.export.graph import (
    DOUBLE,
    Op,
    Value,
    length,
    numbers,
    part,
    repeat,
    rows,
    scan,
    table,
)
from voxaffect.features.descriptors.path import Transitions


def best_path(op: Op, score: Value, position: Value, transitions: Transitions, lag: int) -> Value:
    """States of the frames, each read off the best path that is known `lag` frames later.

    Args:
        op: the builder.
        score: float32 (T, S); -inf forbids a state, and every frame has one that is not forbidden.
        position: float32 (T, S), finite.
        transitions: costs between neighbouring frames.
        lag: frames after which a state is decided.

    Returns:
        int64 (T,).
    """
    n_states = len(transitions.fixed)
    with part(op, "path"):
        cost = _costs(op, op.Cast(position, to=DOUBLE), transitions)
        gain = op.Cast(score, to=DOUBLE)
        earned = scan(op, _step, np.zeros(n_states), [(gain, [n_states]), (cost, [n_states] * 2)])
        before = op.Unsqueeze(_one_later(op, earned), [1])
        into = op.ArgMax(op.Sub(before, cost), axis=2, keepdims=0)
        best = op.ArgMax(earned, axis=1, keepdims=0)
        return _trace(op, into, best, n_states, lag)


def _step(op: Op, earned: Value, score: Value, cost: Value) -> Value:
    """What the best paths to the next frame's states earn, relative to the best of all."""
    arriving = op.Add(op.ReduceMax(op.Sub(earned, cost), [1], keepdims=0), score)
    return op.Sub(arriving, op.ReduceMax(arriving, [0], keepdims=1))


def _costs(op: Op, position: Value, transitions: Transitions) -> Value:
    """Cost of state i (last axis) before state j (middle axis), float64 (T, S, S); first, none."""
    before = op.Unsqueeze(_one_later(op, position), [1])
    distance = op.Abs(op.Sub(before, op.Unsqueeze(position, [2])))
    slope, fixed = (
        values.T.astype(np.float64) for values in (transitions.slope, transitions.fixed)
    )
    cost = op.Add(op.Mul(distance, table(op, slope, "slope")), table(op, fixed, "fixed"))
    is_first = op.Equal(numbers(op, length(op, position)), 0)
    return op.Where(op.Unsqueeze(is_first, [1, 2]), 0.0, cost)


def _one_later(op: Op, values: Value) -> Value:
    """The values of the frame before each, float64 (T, S); of the first, its own."""
    return op.Concat(rows(op, values, 0, 1), rows(op, values, 0, -1), axis=0)


def _trace(op: Op, into: Value, best: Value, n_states: int, lag: int) -> Value:
    """States of all frames at once, `lag` steps back from the best end known by then."""
    frame = numbers(op, length(op, best))
    last = op.Sub(length(op, best), 1)
    flat = op.Reshape(into, [-1])

    def back(op: Op, number: Value, state: Value) -> Value:
        later = op.Sub(op.Add(frame, lag), number)
        place = op.Add(op.Mul(op.Min(later, last), n_states), state)
        return op.Where(op.LessOrEqual(later, last), op.Gather(flat, place), state)

    end = op.Gather(best, op.Min(op.Add(frame, lag), last))
    return repeat(op, back, lag, end)
