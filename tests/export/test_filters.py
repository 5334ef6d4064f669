from __future__ import annotations

import numpy as np
import pytest

from tests.export.stages import SAMPLES, Runner
from voxaffect.export.filters import BLOCK, filtered


@pytest.mark.parametrize("n_taps", [1, 2, 257, 801])
@pytest.mark.parametrize("n_blocks", [1, 2, 7])
def test_filtered_samples_are_a_convolution(n_taps: int, n_blocks: int) -> None:
    rng = np.random.default_rng(0)
    taps = rng.normal(size=n_taps) / n_taps
    samples = rng.normal(size=n_blocks * BLOCK + n_taps - 1).astype(np.float32)
    (given,) = Runner(lambda op, x: filtered(op, x, taps), SAMPLES)(samples)
    np.testing.assert_allclose(given, np.convolve(samples, taps, mode="valid"), atol=1e-6)
