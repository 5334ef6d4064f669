import pytest
import torch

from voxaffect.features.descriptors.periodicity import (
    HALVED_AT_ONCE,
    REACH,
    TAPS,
    PeakFinder,
    Window,
    autocorrelation,
    halve,
    halving_filter,
    hann,
    interpolation,
    inverse_transform,
    normalised_autocorrelation,
)

CPU = torch.device("cpu")
SIZE, TAPER, N_LAGS = 512, 320, 120
RANGES = [range(13, 19), range(19, 38), range(38, 75), range(75, 108)]


def cosine(frequency_hz: float) -> torch.Tensor:
    """A frame (1, W) at 8 kHz about its middle."""
    time_s = (torch.arange(SIZE, dtype=torch.float64) - SIZE / 2) / 8000
    return torch.cos(2 * torch.pi * frequency_hz * time_s).float().unsqueeze(0)


def finder(ranges: list[range] = RANGES) -> PeakFinder:
    n_lags = ranges[-1].stop - ranges[0].start
    return PeakFinder(ranges, torch.zeros(n_lags, 1), interpolation(CPU))


def column(values: torch.Tensor) -> torch.Tensor:
    """Autocorrelation of a single frame, (M, 1)."""
    return values.float().unsqueeze(1)


def halved_tone(frequency_hz: float) -> torch.Tensor:
    sample = torch.arange(20 * HALVED_AT_ONCE + TAPS - 2, dtype=torch.float64)
    tone = torch.cos(2 * torch.pi * frequency_hz / 16_000 * sample).float()
    return halve(tone, halving_filter(CPU))


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
    low_pass = halving_filter(CPU)
    expected = torch.stack([halve(row, low_pass) for row in rows])
    torch.testing.assert_close(halve(rows, low_pass), expected)


def test_autocorrelation_is_its_definition() -> None:
    signal = (hann(TAPER, SIZE, CPU) * (cosine(300.0) + cosine(1000.0))).squeeze(0)
    lagged = [float(signal[: SIZE - lag] @ signal[lag:]) for lag in range(N_LAGS)]
    inverse = inverse_transform(SIZE, N_LAGS, CPU)
    measured = autocorrelation(signal.unsqueeze(0), inverse)
    torch.testing.assert_close(measured, column(torch.tensor(lagged)), atol=1e-3, rtol=0)


@pytest.mark.parametrize("frequency_hz", [150.0, 400.0, 1000.0, 2000.0])
def test_compensation_undoes_the_window(frequency_hz: float) -> None:
    window = Window.of(hann(TAPER, SIZE, CPU), N_LAGS)
    measured = normalised_autocorrelation(cosine(frequency_hz), window)[:108, 0]
    expected = torch.cos(2 * torch.pi * frequency_hz * torch.arange(108) / 8000)
    torch.testing.assert_close(measured, expected, atol=0.06, rtol=0)


def test_a_frame_without_power_has_no_correlation() -> None:
    window = Window.of(hann(TAPER, SIZE, CPU), N_LAGS)
    for frame in (torch.zeros(1, SIZE), torch.ones(1, SIZE)):
        correlation = normalised_autocorrelation(frame, window)
        assert not finder()(correlation)[1].clamp_min(0.0).gt(1e-2).any()


@pytest.mark.parametrize("period", [13.2, 20.5, 33.3, 50.0, 71.9])
def test_peaks_lie_between_samples(period: float) -> None:
    lags = torch.arange(108 + REACH)
    lag, height = finder()(column(0.9 * torch.cos(2 * torch.pi * lags / period)))
    there = height > 0.0
    multiples = lag[there] / period
    assert there.any()
    torch.testing.assert_close(multiples, multiples.round(), atol=2e-3, rtol=0)
    torch.testing.assert_close(
        height[there], torch.full_like(height[there], 0.9), atol=2e-3, rtol=0
    )


def test_every_range_offers_its_highest_peak() -> None:
    values = torch.zeros(108 + REACH)
    values[[15, 17, 30, 100]] = torch.tensor([0.3, 0.5, 0.4, 0.9])
    values[74] = 0.8  # the last lag of its range
    lag, height = finder()(column(values))
    assert lag.flatten().round().tolist() == [17, 30, 74, 100]
    torch.testing.assert_close(
        height.flatten(), torch.tensor([0.5, 0.4, 0.8, 0.9]), atol=0.02, rtol=0
    )


def test_a_slope_is_no_peak() -> None:
    falling = torch.linspace(1.0, 0.0, 108 + REACH)
    assert finder()(column(falling))[1].isneginf().all()


def test_frames_do_not_touch() -> None:
    correlation = torch.rand(108 + REACH, 7)
    lag, height = finder()(correlation)
    for frame in range(7):
        alone = finder()(correlation[:, frame : frame + 1].contiguous())
        torch.testing.assert_close((lag[:, frame], height[:, frame]), tuple(x[:, 0] for x in alone))


def test_a_height_above_one_counts_against_a_peak() -> None:
    lags = torch.arange(108 + REACH)
    correlation = column(1.25 * torch.cos(2 * torch.pi * lags / 50))
    assert float(finder([range(40, 60)])(correlation)[1]) == pytest.approx(0.8, abs=1e-3)


def test_level_ground_is_interpolated_as_level() -> None:
    points = interpolation(CPU) @ torch.ones(2 * REACH + 1)
    torch.testing.assert_close(points, torch.ones_like(points))
