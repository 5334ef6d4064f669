from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxaffect.errors import FeatureError
from voxaffect.features.standardize import Standardizer


@given(st.integers(0, 2**31), st.lists(st.integers(0, 30), min_size=1, max_size=8))
def test_merged_moments_equal_those_of_all_frames(seed: int, lengths: list[int]) -> None:
    rng = np.random.default_rng(seed)
    lengths = [*lengths, 5]
    parts = [rng.normal(3, 2, (n, 4)).astype(np.float32) for n in lengths]
    fitted, whole = Standardizer.fit(iter(parts)), np.concatenate(parts).astype(np.float64)
    np.testing.assert_allclose(fitted.mean, whole.mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fitted.scale, whole.std(axis=0), rtol=1e-5)


def test_transformed_training_frames_have_mean_0_and_deviation_1() -> None:
    x = np.random.default_rng(0).normal(200, 7, (5000, 3)).astype(np.float32)
    y = Standardizer.fit([x]).transform(x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(y.std(axis=0), 1, atol=1e-4)


def test_a_large_offset_does_not_cancel_the_variance() -> None:
    rng = np.random.default_rng(1)
    parts = [(1000 + rng.normal(size=(50, 1))).astype(np.float32) for _ in range(200)]
    exact = np.concatenate(parts).astype(np.float64).std()
    np.testing.assert_allclose(Standardizer.fit(parts).scale, exact, rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e4])
def test_a_constant_column_has_scale_1(value: float) -> None:
    fitted = Standardizer.fit([np.full((n, 2), value, np.float32) for n in (3, 10, 1)])
    np.testing.assert_array_equal(fitted.scale, 1)
    np.testing.assert_allclose(fitted.transform(np.full((1, 2), value, np.float32)), 0, atol=1e-3)


def test_a_standardizer_is_restored_from_its_arrays() -> None:
    x = np.random.default_rng(2).normal(size=(20, 3)).astype(np.float32)
    fitted = Standardizer.fit([x])
    again = Standardizer(fitted.mean.copy(), fitted.scale.copy())
    np.testing.assert_array_equal(again.transform(x), fitted.transform(x))


def test_no_frames_are_refused() -> None:
    with pytest.raises(FeatureError, match="no frames"):
        Standardizer.fit([np.zeros((0, 3), np.float32)])


def test_utterances_of_different_columns_are_refused() -> None:
    with pytest.raises(FeatureError, match="has 2 columns, those before it 3"):
        Standardizer.fit([np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)])


def test_transforming_other_columns_is_refused() -> None:
    fitted = Standardizer.fit([np.ones((4, 3), np.float32)])
    with pytest.raises(FeatureError, match=r"shape \(5, 2\) do not fit a standardizer of 3"):
        fitted.transform(np.ones((5, 2), np.float32))


@pytest.mark.parametrize(
    ("mean", "scale", "message"),
    [
        ([0, 0], [1], "shape"),
        ([0, np.nan], [1, 1], "finite"),
        ([0, 0], [1, 0], "scale of column 1 is 0"),
    ],
)
def test_invalid_statistics_are_refused(
    mean: list[float], scale: list[float], message: str
) -> None:
    with pytest.raises(FeatureError, match=message):
        Standardizer(np.array(mean, np.float32), np.array(scale, np.float32))
