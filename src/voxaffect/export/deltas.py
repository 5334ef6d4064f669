"""Means and slopes over time in the graph: `voxaffect.features.descriptors.deltas`."""

from __future__ import annotations

from voxaffect.export.graph import (
    DOUBLE,
    END,
    FLOAT,
    INT64,
    Op,
    Value,
    columns,
    length,
    numbers,
    part,
    rows,
)


def over_time(op: Op, values: Value) -> Value:
    """Means over three frames and slopes over five of these; the last column is F0.

    Args:
        op: the builder.
        values: float32 (T, F); the last column is voiced where it is above 0, and its neighbours
            are only frames as voiced as itself.

    Returns:
        float32 (T, 2 F): means, then slopes.
    """
    with part(op, "over_time"):
        others, f0 = columns(op, values, 0, -1), columns(op, values, -1, END)
        voiced = op.Greater(op.Squeeze(f0, [1]), 0.0)
        alike = op.Or(voiced, op.Not(voiced))
        parts = [_of_one_kind(op, others, alike), _of_one_kind(op, f0, voiced)]
        means, slopes = zip(*parts, strict=True)
        return op.Concat(*means, *slopes, axis=1)


def _of_one_kind(op: Op, values: Value, kind: Value) -> tuple[Value, Value]:
    """Means and slopes of columns, where neighbours are only frames of one kind."""
    before, after = _neighbours(op, kind)
    near = op.Add(op.Add(values, op.Gather(values, before)), op.Gather(values, after))
    smooth = op.Div(near, 3.0)
    slope = op.Add(
        _difference(op, smooth, before, after),
        op.Mul(_difference(op, smooth, op.Gather(before, before), op.Gather(after, after)), 2.0),
    )
    return smooth, op.Cast(op.Div(slope, 10.0), to=FLOAT)


def _difference(op: Op, smooth: Value, before: Value, after: Value) -> Value:
    """Values of some frames less those of others, to float32, then more precise."""
    return op.Cast(op.Sub(op.Gather(smooth, after), op.Gather(smooth, before)), to=DOUBLE)


def _neighbours(op: Op, kind: Value) -> tuple[Value, Value]:
    """Frames before and after each, itself where they lie beyond an end or are of another kind.

    Args:
        op: the builder.
        kind: bool (T,).

    Returns:
        int64 (T,) each.
    """
    frame = numbers(op, length(op, kind))
    changes = op.Cast(op.Xor(rows(op, kind, 1, END), rows(op, kind, 0, -1)), to=INT64)
    same = op.Sub(1, changes)
    before = op.Sub(frame, op.Pad(same, [1, 0]))
    return before, op.Add(frame, op.Pad(same, [0, 1]))
