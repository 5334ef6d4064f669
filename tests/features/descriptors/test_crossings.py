from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voxaffect.features.descriptors.crossings import zero_crossing_rates
from voxaffect.features.frames import FrameGrid

GRID = FrameGrid()


def by_definition(x: NDArray[np.float32]) -> list[float]:
    return [
        sum(
            float(y[i - 1]) * float(y[i]) < 0
            or (y[i] == 0 and float(y[i - 1]) * float(y[i + 1]) <= 0)
            for i in range(1, 399)
        )
        / 400
        for y in (x[start : start + 400] for start in range(0, len(x) - 399, 160))
    ]


@settings(deadline=None)
@given(st.integers(400, 1500), st.integers(0, 10**6))
def test_is_its_definition(n_samples: int, seed: int) -> None:
    levels = np.random.default_rng(seed).integers(-2, 3, n_samples).astype(np.float32)
    rates = zero_crossing_rates(levels, GRID.n_frames(n_samples), GRID)
    np.testing.assert_allclose(rates, by_definition(levels), rtol=1e-6)


@pytest.mark.parametrize("amplitude", [1.0, 1e-41])
def test_every_sample_of_the_highest_tone_crosses(amplitude: float) -> None:
    tone = (amplitude * (-1.0) ** np.arange(400)).astype(np.float32)
    np.testing.assert_allclose(zero_crossing_rates(tone, 1, GRID), 398 / 400)
