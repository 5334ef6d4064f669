from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from voxaffect.features.descriptors.periodicity import (
    HALVED_AT_ONCE,
    HIGH_PASS_HZ,
    TAPS,
    Autocorrelator,
    halve,
    halving_filter,
    hann,
    high_pass,
    inverse_transform,
)
from voxaffect.features.spectra import power_spectrum

TAPER, N_LAGS, HOP, RATE_HZ = 320, 120, 160, 8000
AUTOCORRELATOR = Autocorrelator.of(TAPER, N_LAGS, RATE_HZ, "cpu")
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
def test_halving_keeps_the_voice_and_its_time(frequency_hz: float) -> None:
    sample = 2 * torch.arange(10 * HALVED_AT_ONCE) + (TAPS - 1) / 2
    expected = torch.cos(2 * torch.pi * frequency_hz / 16_000 * sample)
    torch.testing.assert_close(halved_tone(frequency_hz), expected, atol=0.015, rtol=0)


@pytest.mark.parametrize("frequency_hz", [4600.0, 5500.0, 7900.0])
def test_halving_leaves_nothing_to_fold(frequency_hz: float) -> None:
    assert float(halved_tone(frequency_hz).abs().max()) < 0.015


def test_halving_takes_many_rows() -> None:
    rows = torch.randn(3, 4 * HALVED_AT_ONCE + TAPS - 2)
    expected = torch.stack([halve(row, LOW_PASS) for row in rows])
    torch.testing.assert_close(halve(rows, LOW_PASS), expected)


def test_the_transforms_give_the_autocorrelation_of_the_definition() -> None:
    signal = hann(TAPER, SIZE) * torch.randn(SIZE, dtype=torch.float64)
    lagged = [float(signal[: SIZE - lag] @ signal[lag:]) for lag in range(N_LAGS)]
    measured = power_spectrum(signal) @ inverse_transform(SIZE, N_LAGS)
    torch.testing.assert_close(measured, torch.tensor(lagged, dtype=torch.float64))


def test_the_window_has_its_length_and_lies_in_the_middle() -> None:
    window = hann(TAPER, SIZE)
    assert int((window > 0).sum()) == TAPER
    torch.testing.assert_close(window, window.flip(0))


def test_the_high_pass_takes_drift_and_leaves_voices() -> None:
    weight = high_pass(512, RATE_HZ)
    hz = RATE_HZ / 512 * torch.arange(257)
    assert weight[0] == 0
    np.testing.assert_allclose(np.interp(HIGH_PASS_HZ, hz, weight), 0.5, atol=0.02)
    assert float(weight[hz > 600].min()) > 0.99


@pytest.mark.parametrize("frequency_hz", [400.0, 1000.0, 2000.0])
def test_compensation_undoes_the_window(frequency_hz: float) -> None:
    found = AUTOCORRELATOR.whole(samples_of(16, frequency_hz), 16, HOP)
    lags = torch.arange(100)
    expected = torch.cos(2 * torch.pi * frequency_hz * lags / RATE_HZ).expand(16, -1)
    measured = found.at_lag[:, :100] / found.at_lag[:, :1]
    torch.testing.assert_close(measured, expected, atol=0.06, rtol=0)
    torch.testing.assert_close(found.at_lag[:, 0], torch.full((16,), 0.5), atol=0.02, rtol=0)


def test_an_offset_is_taken_off() -> None:
    tone = samples_of(16, 400)
    plain, offset = (AUTOCORRELATOR.whole(tone + by, 16, HOP) for by in (0.0, 3.0))
    torch.testing.assert_close(
        offset.offset - plain.offset, torch.full((16,), 3.0), atol=0.02, rtol=0
    )
    torch.testing.assert_close(offset.at_lag, plain.at_lag, atol=1e-4, rtol=0)


def test_a_window_that_is_not_cut_off_is_whole() -> None:
    samples = torch.randn(HOP * 16 + 2 * SIZE + TAPS - 2)
    rows = samples.unfold(0, 2 * SIZE + TAPS - 2, HOP)[:16]
    whole = AUTOCORRELATOR.whole(samples, 16, HOP)
    cut = AUTOCORRELATOR.cut_off(rows, torch.ones_like(rows, dtype=torch.bool))
    torch.testing.assert_close(cut.at_lag, whole.at_lag, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(cut.offset, whole.offset, atol=1e-5, rtol=1e-4)


def test_a_cut_off_window_sees_what_is_inside() -> None:
    rows = samples_of(1, 400.0)[None, : 2 * SIZE + TAPS - 2]
    inside = torch.arange(rows.shape[1])[None] >= SIZE + TAPS // 2  # the second half
    found = AUTOCORRELATOR.cut_off(rows * inside, inside)
    measured = (found.at_lag / found.at_lag[:, :1])[0, :80]
    expected = torch.cos(2 * torch.pi * 400 * torch.arange(80) / RATE_HZ)
    torch.testing.assert_close(measured, expected, atol=0.15, rtol=0)
