from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxaffect.errors import FeatureError
from voxaffect.features.frames import FrameGrid, StreamingExtractor, check_frames
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.spectra import LogMel

LLD = LowLevelDescriptors()


def test_streaming_extractors_are_recognized() -> None:
    assert isinstance(LLD, StreamingExtractor)
    assert not isinstance(LogMel(), StreamingExtractor)


def test_the_default_grid_is_25_ms_every_10_ms() -> None:
    grid = FrameGrid()
    assert (grid.window_samples, grid.hop_samples, grid.frames_per_s) == (400, 160, 100)
    centers_s = grid.centers_s(101)
    assert centers_s[0] == 0.0125
    assert centers_s[100] == pytest.approx(1.0125)


@given(st.integers(0, 100_000), st.integers(1, 60), st.integers(1, 60))
def test_n_frames_is_the_largest_number_that_fits(n: int, window_ms: int, hop_ms: int) -> None:
    grid = FrameGrid(window_ms / 1000, hop_ms / 1000)
    n_frames = grid.n_frames(n)
    if n_frames:
        assert (n_frames - 1) * grid.hop_samples + grid.window_samples <= n
    assert n_frames * grid.hop_samples + grid.window_samples > n


@pytest.mark.parametrize("bad", [{"window_s": 0.0}, {"hop_s": -0.01}, {"hop_s": 0.01001}])
def test_a_grid_of_fractional_samples_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(FeatureError, match="whole number of samples"):
        FrameGrid(**bad)


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((0, 2), np.float32),
        np.zeros((3, 1), np.float32),
        np.zeros(2, np.float32),
        np.zeros((3, 2)),
        np.full((3, 2), np.nan, np.float32),
    ],
    ids=["no frame", "columns", "one axis", "float64", "not finite"],
)
def test_invalid_frames_are_refused_by_name(values: np.ndarray) -> None:
    with pytest.raises(FeatureError, match="emodb/a"):
        check_frames(values, ("x", "y"), "emodb/a")
