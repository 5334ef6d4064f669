from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from voxaffect.features.lld.autocorrelation import (
    HALVED_AT_ONCE,
    HIGH_PASS_HZ,
    REACH,
    TAPS,
    Autocorrelator,
    Peaks,
    find_peaks,
    halve,
    halving_filter,
    hann,
    high_pass,
    interpolation,
    inverse_transform,
)
from voxaffect.features.spectra import power_spectrum

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
def test_peaks_are_interpolated(period: float, power: float) -> None:
    shape = 0.9 * np.cos(2 * np.pi * LAGS / period)
    shape[0] = 1.0
    peaks = find(power * shape)
    there = peaks.height > 0
    multiples = peaks.lag[there] / period
    assert there.any()
    np.testing.assert_allclose(multiples, multiples.round(), atol=2e-3)
    np.testing.assert_allclose(peaks.height[there], 0.9, atol=2e-3)
    np.testing.assert_allclose(peaks.power, power, rtol=1e-6)


def test_every_range_has_its_highest_peak() -> None:
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


def test_rounding_errors_of_a_large_offset_have_no_height() -> None:
    ripple = 1e-14 * np.cos(2 * np.pi * LAGS / 50)
    assert find(ripple, offset=0.0).height.max() > 0.9
    assert find(ripple, offset=0.5).height.max() < 0.01


def test_a_height_above_one_is_replaced_by_its_reciprocal() -> None:
    values = 1.25 * np.cos(2 * np.pi * LAGS / 50)
    values[0] = 1.0
    assert find(values, [40, 60]).height[0, 0] == pytest.approx(0.8, abs=1e-3)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6))
def test_frames_are_independent(seed: int) -> None:
    correlation = np.random.default_rng(seed).random((7, N_LAGS))
    together = find(correlation)
    for frame in range(7):
        for one, all_ in zip(find(correlation[frame]), together, strict=True):
            np.testing.assert_array_equal(one[0], all_[frame])


def test_interpolation_preserves_constants() -> None:
    np.testing.assert_allclose(interpolation() @ np.ones(2 * REACH + 1), 1.0, rtol=1e-6)


TAPER, N_LAGS_PERIODICITY, HOP, RATE_HZ = 320, 120, 160, 8000
AUTOCORRELATOR = Autocorrelator.of(TAPER, N_LAGS_PERIODICITY, RATE_HZ, "cpu")
SIZE = len(AUTOCORRELATOR.window)
LOW_PASS = halving_filter().float()


def samples_of(n_rows: int, frequency_hz: float) -> Tensor:
    """A tone at 16 kHz that covers so many rows, in float32."""
    time_s = torch.arange(n_rows * HOP + 2 * SIZE + TAPS - 2, dtype=torch.float64) / 16_000
    return torch.cos(2 * torch.pi * frequency_hz * time_s).float()


def halved_tone(frequency_hz: float) -> Tensor:
    sample = torch.arange(20 * HALVED_AT_ONCE + TAPS - 2, dtype=torch.float64)
    return halve(torch.cos(2 * torch.pi * frequency_hz / 16_000 * sample).float(), LOW_PASS)


@pytest.mark.parametrize("frequency_hz", [0.0, 75.0, 600.0, 2000.0])
def test_decimation_keeps_speech_and_its_timing(frequency_hz: float) -> None:
    sample = 2 * torch.arange(10 * HALVED_AT_ONCE) + (TAPS - 1) / 2
    expected = torch.cos(2 * torch.pi * frequency_hz / 16_000 * sample)
    torch.testing.assert_close(halved_tone(frequency_hz), expected, atol=0.015, rtol=0)


@pytest.mark.parametrize("frequency_hz", [4600.0, 5500.0, 7900.0])
def test_decimation_removes_what_would_alias(frequency_hz: float) -> None:
    assert float(halved_tone(frequency_hz).abs().max()) < 0.015


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_decimation_of_many_rows() -> None:
    rows = noise(3, 4 * HALVED_AT_ONCE + TAPS - 2)
    expected = torch.stack([halve(row, LOW_PASS) for row in rows])
    torch.testing.assert_close(halve(rows, LOW_PASS), expected)


def test_the_transforms_agree_with_the_definition_of_autocorrelation() -> None:
    signal = hann(TAPER, SIZE) * noise(SIZE).double()
    lagged = [float(signal[: SIZE - lag] @ signal[lag:]) for lag in range(N_LAGS_PERIODICITY)]
    measured = power_spectrum(signal) @ inverse_transform(SIZE, N_LAGS_PERIODICITY)
    torch.testing.assert_close(measured, torch.tensor(lagged, dtype=torch.float64))


def test_the_window_has_its_length_and_is_centered() -> None:
    window = hann(TAPER, SIZE)
    assert int((window > 0).sum()) == TAPER
    torch.testing.assert_close(window, window.flip(0))


def test_the_high_pass_removes_drift_and_keeps_voices() -> None:
    weight = high_pass(512, RATE_HZ)
    hz = RATE_HZ / 512 * torch.arange(257)
    assert weight[0] == 0
    np.testing.assert_allclose(np.interp(HIGH_PASS_HZ, hz, weight), 0.5, atol=0.02)
    assert float(weight[hz > 600].min()) > 0.99


@pytest.mark.parametrize("frequency_hz", [400.0, 1000.0, 2000.0])
def test_compensation_cancels_the_window(frequency_hz: float) -> None:
    found = AUTOCORRELATOR.whole(samples_of(16, frequency_hz), 16, HOP)
    lags = torch.arange(100)
    expected = torch.cos(2 * torch.pi * frequency_hz * lags / RATE_HZ).expand(16, -1)
    measured = found.at_lag[:, :100] / found.at_lag[:, :1]
    torch.testing.assert_close(measured, expected, atol=0.06, rtol=0)
    torch.testing.assert_close(found.at_lag[:, 0], torch.full((16,), 0.5), atol=0.02, rtol=0)


def test_an_offset_is_subtracted() -> None:
    tone = samples_of(16, 400)
    plain, offset = (AUTOCORRELATOR.whole(tone + by, 16, HOP) for by in (0.0, 3.0))
    torch.testing.assert_close(
        offset.offset - plain.offset, torch.full((16,), 3.0), atol=0.02, rtol=0
    )
    torch.testing.assert_close(offset.at_lag, plain.at_lag, atol=1e-4, rtol=0)


def test_a_truncated_window_that_is_complete_equals_the_whole() -> None:
    samples = noise(HOP * 16 + 2 * SIZE + TAPS - 2)
    rows = samples.unfold(0, 2 * SIZE + TAPS - 2, HOP)[:16]
    whole = AUTOCORRELATOR.whole(samples, 16, HOP)
    truncated = AUTOCORRELATOR.truncated(rows, torch.ones_like(rows, dtype=torch.bool))
    torch.testing.assert_close(truncated.at_lag, whole.at_lag, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(truncated.offset, whole.offset, atol=1e-5, rtol=1e-4)


def test_a_truncated_window_uses_the_samples_inside() -> None:
    rows = samples_of(1, 400.0)[None, : 2 * SIZE + TAPS - 2]
    inside = torch.arange(rows.shape[1])[None] >= SIZE + TAPS // 2  # the second half
    found = AUTOCORRELATOR.truncated(rows * inside, inside)
    measured = (found.at_lag / found.at_lag[:, :1])[0, :80]
    expected = torch.cos(2 * torch.pi * 400 * torch.arange(80) / RATE_HZ)
    torch.testing.assert_close(measured, expected, atol=0.15, rtol=0)
