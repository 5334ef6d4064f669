from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voxaffect.features.descriptors.peaks import (
    REACH,
    Peaks,
    find_peaks,
    interpolation,
)

BORDERS = [13, 19, 38, 75, 108]
N_LAGS = BORDERS[-1] + REACH
LAGS = np.arange(N_LAGS)


def find(
    at_lag: NDArray[np.floating], borders: list[int] | None = None, offset: float = 0
) -> Peaks:
    """Peaks of frames (R, M), or of a single one (M,)."""
    rows = np.atleast_2d(at_lag).astype(np.float32)
    borders = borders or BORDERS
    peaks = Peaks.empty(len(rows), len(borders) - 1)
    offsets = np.full(len(rows), offset, np.float32)
    find_peaks(rows, offsets, np.array(borders), np.zeros(N_LAGS, np.float32), peaks)
    return peaks


@pytest.mark.parametrize("period", [13.2, 20.5, 33.3, 50.0, 71.9])
@pytest.mark.parametrize("power", [1.0, 1e-6])
def test_peaks_lie_between_samples(period: float, power: float) -> None:
    shape = 0.9 * np.cos(2 * np.pi * LAGS / period)
    shape[0] = 1.0
    peaks = find(power * shape)
    there = peaks.height > 0
    multiples = peaks.lag[there] / period
    assert there.any()
    np.testing.assert_allclose(multiples, multiples.round(), atol=2e-3)
    np.testing.assert_allclose(peaks.height[there], 0.9, atol=2e-3)
    np.testing.assert_allclose(peaks.power, power, rtol=1e-6)


def test_every_range_offers_its_highest_peak() -> None:
    values = np.zeros(N_LAGS)
    values[[0, 15, 17, 30, 100]] = 1.0, 0.3, 0.5, 0.4, 0.9
    values[74] = 0.8  # the last lag of its range
    peaks = find(values)
    assert peaks.lag[0].round().tolist() == [17, 30, 74, 100]
    np.testing.assert_allclose(peaks.height[0], [0.5, 0.4, 0.8, 0.9], atol=0.02)


def test_the_preferred_of_two_peaks_is_chosen() -> None:
    values = np.zeros((1, N_LAGS), np.float32)
    values[0, [0, 40, 70]] = 1.0, 0.6, 0.62
    preference = np.linspace(0, -0.2, N_LAGS, dtype=np.float32)
    peaks = Peaks.empty(1, 1)
    find_peaks(values, np.zeros(1, np.float32), np.array([38, 75]), preference, peaks)
    assert round(float(peaks.lag[0, 0])) == 40


def test_a_slope_has_no_peak() -> None:
    peaks = find(np.linspace(1.0, 0.0, N_LAGS))
    assert np.isneginf(peaks.height).all()
    assert (peaks.lag > 0).all()


def test_silence_has_no_height() -> None:
    assert not (find(np.zeros(N_LAGS)).height > 0).any()


def test_rounding_beside_a_great_offset_has_no_height() -> None:
    ripple = 1e-14 * np.cos(2 * np.pi * LAGS / 50)
    assert find(ripple, offset=0.0).height.max() > 0.9
    assert find(ripple, offset=0.5).height.max() < 0.01


def test_a_height_above_one_counts_against_a_peak() -> None:
    values = 1.25 * np.cos(2 * np.pi * LAGS / 50)
    values[0] = 1.0
    assert find(values, [40, 60]).height[0, 0] == pytest.approx(0.8, abs=1e-3)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6))
def test_frames_do_not_touch(seed: int) -> None:
    correlation = np.random.default_rng(seed).random((7, N_LAGS))
    together = find(correlation)
    for frame in range(7):
        for one, all_ in zip(find(correlation[frame]), together, strict=True):
            np.testing.assert_array_equal(one[0], all_[frame])


def test_level_ground_is_interpolated_as_level() -> None:
    np.testing.assert_allclose(interpolation() @ np.ones(2 * REACH + 1), 1.0, rtol=1e-6)


def test_other_peaks_take_their_place() -> None:
    peaks = find(np.random.default_rng(0).random((4, N_LAGS)))
    other = find(np.random.default_rng(1).random((2, N_LAGS)))
    before = peaks.lag.copy()
    peaks.replace(np.array([3, 1]), other)
    np.testing.assert_array_equal(peaks.lag[[3, 1]], other.lag)
    np.testing.assert_array_equal(peaks.height[[3, 1]], other.height)
    np.testing.assert_array_equal(peaks.power[[3, 1]], other.power)
    np.testing.assert_array_equal(peaks.lag[[0, 2]], before[[0, 2]])
