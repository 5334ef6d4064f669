from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from tests.export.stages import SAMPLES, Runner
from voxaffect.export.framing import count_frames, frames
from voxaffect.features.frames import FrameGrid


@pytest.mark.parametrize(("size", "hop"), [(400, 160), (320, 80), (401, 160), (100, 160), (7, 7)])
def test_frames_are_views_of_the_samples(size: int, hop: int) -> None:
    grid = FrameGrid(size / 16_000, hop / 16_000)
    cut = Runner(lambda op, x: frames(op, x, count_frames(op, x, grid), size, hop), SAMPLES)
    for n_samples in (size, size + 1, size + hop, 10 * size + 3):
        samples = np.arange(n_samples, dtype=np.float32)
        expected = sliding_window_view(samples, size)[::hop]
        assert len(expected) == grid.n_frames(n_samples)
        np.testing.assert_array_equal(cut(samples)[0], expected)
