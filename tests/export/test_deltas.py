from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.stages import Runner
from voxaffect.export.deltas import over_time
from voxaffect.features.descriptors.deltas import OverTime

along = Runner(over_time, (("T", 4), "float32"))


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30), st.floats(0, 1))
def test_means_and_slopes_are_those_of_python(seed: int, n_frames: int, voiced: float) -> None:
    rng = np.random.default_rng(seed)
    columns = (100 * rng.normal(size=(n_frames, 4))).astype(np.float32)
    columns[:, -1] = np.where(rng.random(n_frames) < voiced, np.abs(columns[:, -1]), 0)
    expected = OverTime().advance(columns, ended=True)
    np.testing.assert_allclose(along(columns)[0], expected, rtol=1e-6, atol=1e-6)
