from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.sounds import noise, silence, speech
from tests.export.stages import Array, on_frames, tape
from voxaffect.export.short_time import short_time, zero_crossing_rate
from voxaffect.features.descriptors.crossings import zero_crossing_rates
from voxaffect.features.descriptors.short_time import ShortTime
from voxaffect.features.frames import FrameGrid

GRIDS = [FrameGrid(), FrameGrid(0.032, 0.008), FrameGrid(0.0201875, 0.0125)]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize(
    "samples",
    [
        speech(0),
        noise(0, 4_000),
        np.concatenate([silence(3_000), speech(1)]),
        speech(2)[5_000:5_512],
    ],
    ids=["speech", "noise", "silence before", "short"],
)
def test_descriptors_are_those_of_python(samples: Array, grid: FrameGrid) -> None:
    expected = ShortTime(grid).observe(tape(samples, grid))[: grid.n_frames(len(samples))]
    (given,) = on_frames(short_time, grid)(samples)
    np.testing.assert_allclose(given[:, :-1], expected[:, :-1], rtol=1e-5, atol=3e-3)
    np.testing.assert_allclose(given[:, 0], expected[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(given[:, -1], expected[:, -1])


@settings(deadline=None)
@given(st.lists(st.sampled_from([-1.0, -1e-45, 0.0, 1e-45, 1.0]), min_size=5, max_size=40))
def test_crossings_are_counted_alike_at_zeros_and_denormals(values: list[float]) -> None:
    grid = FrameGrid(5 / 16_000, 2 / 16_000)
    samples = np.array(values, np.float32)
    expected = zero_crossing_rates(samples, grid.n_frames(len(samples)), grid)
    np.testing.assert_array_equal(on_frames(zero_crossing_rate, grid)(samples)[0], expected)
