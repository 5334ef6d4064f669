from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from tests.export.sounds import noise, silence, speech
from tests.export.stages import SAMPLES, Array, Runner, on_frames, packed
from voxaffect.export.short_time import (
    count_frames,
    frames,
    over_time,
    power_spectrum,
    short_time,
    waves,
    zero_crossing_rate,
)
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld.short_time import (
    DeltaSmoother,
    ShortTime,
    zero_crossing_rates,
)

along = Runner(over_time, (("T", 4), "float32"))


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30), st.floats(0, 1))
def test_smoothing_and_deltas_agree_with_python(seed: int, n_frames: int, voiced: float) -> None:
    rng = np.random.default_rng(seed)
    columns = (100 * rng.normal(size=(n_frames, 4))).astype(np.float32)
    columns[:, -1] = np.where(rng.random(n_frames) < voiced, np.abs(columns[:, -1]), 0)
    expected = DeltaSmoother(4).smooth(columns, ended=True)
    np.testing.assert_allclose(along(columns)[0], expected, rtol=1e-6, atol=1e-6)


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
def test_descriptors_agree_with_python(samples: Array, grid: FrameGrid) -> None:
    expected = ShortTime(grid).analyze(packed(samples, grid))[: grid.n_frames(len(samples))]
    (given,) = on_frames(short_time, grid)(samples)
    np.testing.assert_allclose(given[:, :-1], expected[:, :-1], rtol=1e-5, atol=3e-3)
    np.testing.assert_allclose(given[:, 0], expected[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(given[:, -1], expected[:, -1])


@settings(deadline=None)
@given(st.lists(st.sampled_from([-1.0, -1e-45, 0.0, 1e-45, 1.0]), min_size=5, max_size=40))
def test_zero_crossings_agree_at_zeros_and_denormals(values: list[float]) -> None:
    grid = FrameGrid(5 / 16_000, 2 / 16_000)
    samples = np.array(values, np.float32)
    expected = zero_crossing_rates(samples, grid.n_frames(len(samples)), grid)
    np.testing.assert_array_equal(on_frames(zero_crossing_rate, grid)(samples)[0], expected)
