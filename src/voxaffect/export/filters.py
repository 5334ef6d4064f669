"""ONNX graph of filters with a finite impulse response, as products of matrices.

For so few samples a row they take a fraction of the time of ONNX's Conv, which unfolds a row for
each sample.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxaffect.export.frames import frames
from voxaffect.export.graph import Op, Value, length, table

BLOCK = 160  # samples that a row gives


def filtered(op: Op, samples: Value, taps: NDArray[np.float64]) -> Value:
    """Samples float32 (n + K - 1,), whole blocks n, filtered by K taps: float32 (n,)."""
    size = BLOCK + taps.size - 1
    n_blocks = (length(op, samples) - (taps.size - 1)) / BLOCK
    given, out = np.arange(size)[:, None], np.arange(BLOCK)
    lag = out + taps.size - 1 - given
    matrix = np.where((lag >= 0) & (lag < taps.size), taps[lag % taps.size], 0.0)
    rows = frames(op, samples, n_blocks, size, BLOCK)
    return op.Reshape(op.MatMul(rows, table(op, matrix.astype(np.float32), "taps")), [-1])
