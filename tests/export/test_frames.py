from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from tests.export.stages import SAMPLES, Runner
from voxaffect.export.frames import count_frames, frames, power_spectrum, waves
from voxaffect.features.frames import FrameGrid


@pytest.mark.parametrize(("size", "hop"), [(400, 160), (320, 80), (401, 160), (100, 160), (7, 7)])
def test_frames_agree_with_a_sliding_window(size: int, hop: int) -> None:
    grid = FrameGrid(size / 16_000, hop / 16_000)
    cut = Runner(lambda op, x: frames(op, x, count_frames(op, x, grid), size, hop), SAMPLES)
    for n_samples in (size, size + 1, size + hop, 10 * size + 3):
        samples = np.arange(n_samples, dtype=np.float32)
        expected = sliding_window_view(samples, size)[::hop]
        assert len(expected) == grid.n_frames(n_samples)
        np.testing.assert_array_equal(cut(samples)[0], expected)


@pytest.mark.parametrize(("size", "n_points"), [(400, 512), (320, 512), (64, 64)])
def test_power_spectrum_agrees_with_fft(size: int, n_points: int) -> None:
    spectrum = Runner(
        lambda op, x: power_spectrum(op, x, waves(op, size, n_points)), (("T", size), "float32")
    )
    frames = np.random.default_rng(0).normal(size=(5, size)).astype(np.float32)
    expected = np.abs(np.fft.rfft(frames.astype(np.float64), n_points)) ** 2
    np.testing.assert_allclose(spectrum(frames)[0], expected, atol=2e-6 * expected.max())


def test_some_bins_are_those_of_the_whole_spectrum() -> None:
    some, every = (
        Runner(
            lambda op, x, b=bins: power_spectrum(op, x, waves(op, 64, 128, b)),
            (("T", 64), "float32"),
        )
        for bins in (slice(5, 20), slice(None))
    )
    frames = np.random.default_rng(0).normal(size=(5, 64)).astype(np.float32)
    np.testing.assert_allclose(some(frames)[0], every(frames)[0][:, 5:20], rtol=1e-5)
