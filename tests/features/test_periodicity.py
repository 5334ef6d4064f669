import pytest
import torch

from voxaffect.features.periodicity import (
    SINC_REACH,
    PeakFinder,
    Window,
    autocorrelation,
    hann,
    normalised_autocorrelation,
    sinc_table,
    voice_band,
)

CPU = torch.device("cpu")
SIZE, N_LAGS = 640, 120
BAND = voice_band(SIZE + 2 * N_LAGS, CPU)


def cosine(frequency_hz: float) -> torch.Tensor:
    """A frame (1, W) about its middle."""
    time_s = (torch.arange(SIZE, dtype=torch.float64) - SIZE / 2) / 16_000
    return torch.cos(2 * torch.pi * frequency_hz * time_s).float().unsqueeze(0)


def finder(n_peaks: int = 8) -> PeakFinder:
    return PeakFinder(range(13, 108), n_peaks, torch.zeros(95), sinc_table(CPU))


def test_autocorrelation_of_a_band_limited_signal_is_its_definition() -> None:
    signal = hann(SIZE, CPU) * (cosine(300.0) + cosine(1000.0)).squeeze(0)
    lagged = [float(signal[: SIZE - lag] @ signal[lag:]) for lag in range(0, 2 * N_LAGS, 2)]
    everything = torch.ones_like(BAND)
    # The inverse transform of half the spectrum is at half the rate, hence of half the length.
    measured = autocorrelation(signal, everything, N_LAGS) / 2
    torch.testing.assert_close(measured, torch.tensor(lagged), atol=2e-3, rtol=0)


@pytest.mark.parametrize("frequency_hz", [150.0, 400.0, 1000.0, 2000.0])
def test_compensation_undoes_the_window(frequency_hz: float) -> None:
    window = Window.of(hann(SIZE, CPU), N_LAGS)
    measured = normalised_autocorrelation(cosine(frequency_hz), window, BAND)[0, :108]
    expected = torch.cos(2 * torch.pi * frequency_hz * torch.arange(108) / 8000)
    torch.testing.assert_close(measured, expected, atol=0.06, rtol=0)


def test_a_frame_without_power_has_no_correlation() -> None:
    window = Window.of(hann(SIZE, CPU), N_LAGS)
    for frame in (torch.zeros(1, SIZE), torch.ones(1, SIZE)):
        correlation = normalised_autocorrelation(frame, window, BAND)
        assert not finder()(correlation)[1].clamp_min(0.0).gt(1e-2).any()


@pytest.mark.parametrize("period", [13.2, 20.5, 33.3, 50.0, 71.9])
def test_peaks_lie_between_samples(period: float) -> None:
    lags = torch.arange(108 + SINC_REACH)
    correlation = 0.9 * torch.cos(2 * torch.pi * lags / period).unsqueeze(0)
    lag, height = finder()(correlation)
    there = height[0] > 0.0
    multiples = lag[0, there] / period
    torch.testing.assert_close(multiples, multiples.round(), atol=2e-3, rtol=0)
    torch.testing.assert_close(
        height[0, there], torch.full_like(height[0, there], 0.9), atol=2e-3, rtol=0
    )


def test_missing_peaks_are_marked() -> None:
    falling = torch.linspace(1.0, 0.0, 108 + SINC_REACH).unsqueeze(0)
    assert finder()(falling)[1].isneginf().all()


def test_a_height_above_one_counts_against_a_peak() -> None:
    lags = torch.arange(108 + SINC_REACH)
    correlation = 1.25 * torch.cos(2 * torch.pi * lags / 50).unsqueeze(0)
    assert float(finder(1)(correlation)[1]) == pytest.approx(0.8, abs=1e-3)
