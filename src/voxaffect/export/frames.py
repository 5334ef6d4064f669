"""ONNX graph of frames of samples and their spectra."""

from __future__ import annotations

import math

import numpy as np

from voxaffect.export.graph import Op, Value, arange, length, rows, table
from voxaffect.features.frames import FrameGrid


def count_frames(op: Op, samples: Value, grid: FrameGrid) -> Value:
    """Number of complete frames, int64 (), at least one."""
    beyond = length(op, samples) - grid.window_samples
    return beyond / grid.hop_samples + 1


def frames(op: Op, samples: Value, n_frames: Value, size: int, hop: int) -> Value:
    """Split samples into frames, float32 (T, size).

    Samples are gathered in pieces of the greatest common divisor of size and hop (80 for 400 and
    160), which is many times as fast as one by one. There are at least (T - 1) hop + size.
    """
    piece = math.gcd(size, hop)
    n_used = (n_frames - 1) * hop + size
    pieces = op.Reshape(rows(op, samples, 0, n_used), [-1, piece])
    first = op.Unsqueeze(arange(op, n_frames), [1]) * (hop // piece)
    within = table(op, np.arange(size // piece), f"pieces_of_{size}")
    return op.Reshape(op.Gather(pieces, first + within), [-1, size])


def waves(op: Op, size: int, n_points: int, bins: slice = slice(None)) -> Value:
    """Fourier matrix: cosines, then sines, of some bins; five times as fast as ONNX's DFT.

    Of all bins it is (size, n_points + 2).
    """
    every = np.arange(n_points // 2 + 1)[bins]
    cycles = np.outer(np.arange(size), every) % n_points  # exact
    phase = 2 * np.pi / n_points * cycles
    both = np.concatenate([np.cos(phase), np.sin(phase)], axis=1)
    return table(op, both.astype(np.float32), "waves")


def power_spectrum(op: Op, frames: Value, waves: Value) -> Value:
    """Power spectrum, float32 (..., n / 2 + 1), of frames float32 (..., size)."""
    products = op.MatMul(frames, waves)
    real, imaginary = op.Split(products * products, axis=-1, num_outputs=2, _outputs=2)
    return real + imaginary
