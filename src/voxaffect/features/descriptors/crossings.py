"""How often a signal crosses zero."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.compiled import compiled
from voxaffect.features.frames import FrameGrid

Floats = NDArray[np.float32]


def zero_crossing_rates(samples: Floats, n_frames: int, grid: FrameGrid) -> Floats:
    """Crossings inside each frame over its number of samples.

    A sample counts if its predecessor has the other sign, or if it is zero itself and its
    neighbours do not lie on one side.

    Args:
        samples: float32 (n_samples,), from the first frame's first on.
        n_frames: how many frames.
        grid: where they lie.

    Returns:
        float32 (n_frames,).
    """
    rates = np.empty(n_frames, np.float32)
    if n_frames:
        _fill(samples, grid.hop_samples, grid.window_samples, rates)
    return rates


@compiled
def _fill(samples: Floats, hop: int, window: int, rates: Floats) -> None:
    crosses = np.zeros((len(rates) - 1) * hop + window, np.uint8)
    _mark(samples, crosses)
    for t in range(len(rates)):
        rates[t] = crosses[t * hop + 1 : t * hop + window - 1].sum() / window


@compiled
def _mark(samples: Floats, crosses: NDArray[np.uint8]) -> None:
    """Mark the samples that count; comparisons, since products of denormals vanish."""
    for n in range(1, len(crosses) - 1):
        before, here, after = samples[n - 1], samples[n], samples[n + 1]
        rises, falls = (before < 0) & (here > 0), (before > 0) & (here < 0)
        one_side = ((before > 0) & (after > 0)) | ((before < 0) & (after < 0))
        crosses[n] = rises | falls | ((here == 0) & ~one_side)
