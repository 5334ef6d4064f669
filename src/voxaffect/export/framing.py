"""Frames of samples in the graph."""

from __future__ import annotations

import math

import numpy as np

from voxaffect.export.graph import Op, Value, length, numbers, rows, table
from voxaffect.features.frames import FrameGrid


def count_frames(op: Op, samples: Value, grid: FrameGrid) -> Value:
    """Frames that lie whole inside the samples, int64 (); there is at least one."""
    beyond = op.Sub(length(op, samples), grid.window_samples)
    return op.Add(op.Div(beyond, grid.hop_samples), 1)


def frames(op: Op, samples: Value, n_frames: Value, size: int, hop: int) -> Value:
    """Frames that begin every `hop` samples.

    Samples are gathered by the longest pieces that all frames are made of, 80 at a time where a
    frame takes 400 and a hop 160: copying one by one takes many times as long.

    Args:
        op: the builder.
        samples: float32 (n_samples,), (T - 1) hop + size of them or more.
        n_frames: T, int64 ().
        size: samples a frame.
        hop: samples between two frames.

    Returns:
        float32 (T, size).
    """
    piece = math.gcd(size, hop)
    n_used = op.Add(op.Mul(op.Sub(n_frames, 1), hop), size)
    pieces = op.Reshape(rows(op, samples, 0, n_used), [-1, piece])
    first = op.Mul(op.Unsqueeze(numbers(op, n_frames), [1]), hop // piece)
    within = table(op, np.arange(size // piece), f"pieces_of_{size}")
    return op.Reshape(op.Gather(pieces, op.Add(first, within)), [-1, size])
