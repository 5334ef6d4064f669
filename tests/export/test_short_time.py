from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.sounds import noise, silence, speech
from tests.export.stages import SAMPLES, Array, Runner, on_frames, packed
from voxaffect.export.graph import Op, Value
from voxaffect.export.short_time import (
    low_passed,
    over_time,
    short_time,
    zero_crossing_rate,
)
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld.short_time import (
    TELEPHONE_BAND,
    WHOLE_BAND,
    Band,
    DeltaSmoother,
    ShortTime,
    zero_crossing_rates,
)
from voxaffect.features.lld.short_time import low_passed as in_python

along = Runner(over_time, (("T", 4), "float32"))


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30), st.floats(0, 1))
def test_smoothing_and_deltas_agree_with_python(seed: int, n_frames: int, voiced: float) -> None:
    rng = np.random.default_rng(seed)
    columns = (100 * rng.normal(size=(n_frames, 4))).astype(np.float32)
    columns[:, -1] = np.where(rng.random(n_frames) < voiced, np.abs(columns[:, -1]), 0)
    expected = DeltaSmoother(4).smooth(columns, ended=True)
    np.testing.assert_allclose(along(columns)[0], expected, rtol=1e-6, atol=1e-6)


def in_band(op: Op, samples: Value, n_frames: Value, grid: FrameGrid) -> Value:
    return short_time(op, samples, n_frames, grid, TELEPHONE_BAND)


BANDS = {WHOLE_BAND: short_time, TELEPHONE_BAND: in_band}


@pytest.mark.parametrize("n_samples", [400, 480, 4_001])
def test_low_passed_samples_agree_with_python(n_samples: int) -> None:
    samples = noise(0, n_samples)
    (given,) = Runner(lambda op, x: low_passed(op, x, 3_400), SAMPLES)(samples)
    np.testing.assert_allclose(given[:n_samples], in_python(samples, 3_400), atol=1e-6)


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
@pytest.mark.parametrize("band_hz", [WHOLE_BAND, TELEPHONE_BAND], ids=str)
def test_descriptors_agree_with_python(samples: Array, grid: FrameGrid, band_hz: Band) -> None:
    if band_hz != WHOLE_BAND:  # what a filter makes of zeros has the sign of rounding errors
        samples = samples + noise(9, len(samples)) * np.float32(1e-3)
    of, n_frames = ShortTime(grid, band_hz), grid.n_frames(len(samples))
    expected = of.analyze(packed(samples, grid))[:n_frames]
    (given,) = on_frames(BANDS[band_hz], grid)(samples)
    np.testing.assert_allclose(given[:, :-1], expected[:, :-1], rtol=1e-5, atol=3e-3)
    np.testing.assert_allclose(given[:, 0], expected[:, 0], rtol=2e-6)
    np.testing.assert_array_equal(given[:, -1], expected[:, -1])


@settings(deadline=None)
@given(st.lists(st.sampled_from([-1.0, -1e-45, 0.0, 1e-45, 1.0]), min_size=5, max_size=40))
def test_zero_crossings_agree_at_zeros_and_denormals(values: list[float]) -> None:
    grid = FrameGrid(5 / 16_000, 2 / 16_000)
    samples = np.array(values, np.float32)
    expected = zero_crossing_rates(samples, grid.n_frames(len(samples)), grid)
    np.testing.assert_array_equal(on_frames(zero_crossing_rate, grid)(samples)[0], expected)
