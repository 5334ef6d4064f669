from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.simulation.voices import PLAIN, autocorrelation_f0, power_spectrum
from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.simulation.glottis import glottal_source, jittered_cycles, rosenberg_pulse, tilt

STEADY = replace(PLAIN, jitter=0.0, shimmer_db=0.0, tilt_db=0.0, breathiness_db=-60.0)


def source(f0_hz: float = 120.0, **changes: float) -> np.ndarray:
    voice = replace(STEADY, **changes)
    return glottal_source(np.full(SAMPLE_RATE_HZ, f0_hz), voice, np.random.default_rng(0))


@pytest.mark.parametrize("f0_hz", [70.0, 123.4, 250.0, 415.0])
def test_the_source_repeats_at_f0(f0_hz: float) -> None:
    assert autocorrelation_f0(source(f0_hz)) == pytest.approx(f0_hz, rel=2e-3)


@pytest.mark.parametrize("open_quotient", [0.4, 0.6, 0.8])
def test_the_glottis_is_open_for_the_open_quotient(open_quotient: float) -> None:
    phase = np.arange(10_000) / 10_000
    flow = rosenberg_pulse(phase, open_quotient)
    assert (flow > 1e-9).mean() == pytest.approx(open_quotient, abs=1e-3)
    assert flow.max() == pytest.approx(1.0)
    assert phase[flow.argmax()] == pytest.approx(2 / 3 * open_quotient, abs=1e-3)
    assert flow.min() >= -1e-12


def test_jitter_is_the_mean_difference_of_successive_periods() -> None:
    cycles = jittered_cycles(np.full(60 * SAMPLE_RATE_HZ, 100.0), 0.02, np.random.default_rng(0))
    ends = np.interp(np.arange(1, 5900), cycles, np.arange(cycles.size))
    periods = np.diff(ends)
    jitter = np.abs(np.diff(periods)).mean() / periods.mean()
    assert jitter == pytest.approx(0.02, rel=0.1)
    assert periods.mean() == pytest.approx(SAMPLE_RATE_HZ / 100, rel=1e-3)


def test_no_jitter_leaves_f0() -> None:
    cycles = jittered_cycles(np.full(1600, 100.0), 0.0, np.random.default_rng(0))
    np.testing.assert_allclose(cycles, np.arange(1, 1601) / 160)


@pytest.mark.parametrize("tilt_db", [0.0, 3.0, 12.0])
def test_tilt_is_exact_at_its_frequency(tilt_db: float) -> None:
    impulse = np.zeros(SAMPLE_RATE_HZ)
    impulse[0] = 1.0
    response = np.abs(np.fft.rfft(tilt(impulse, tilt_db)))
    assert response[0] == pytest.approx(1.0, rel=1e-6)
    assert 20 * np.log10(response[3000]) == pytest.approx(-tilt_db, abs=1e-3)


def test_a_tense_voice_is_bright() -> None:
    def brightness(samples: np.ndarray) -> float:
        frequency, power = power_spectrum(samples)
        return float(power[frequency > 2000].sum() / power.sum())

    assert brightness(source(tilt_db=12.0)) < brightness(source(tilt_db=3.0))
    assert brightness(source(open_quotient=0.8)) < brightness(source(open_quotient=0.4))


def test_breath_fills_the_gaps_between_harmonics() -> None:
    def noise(samples: np.ndarray) -> float:
        return float(power_spectrum(samples)[1][np.arange(60, 3000, 120)].sum())

    assert noise(source(breathiness_db=-40.0)) < noise(source(breathiness_db=-10.0)) / 100


def test_shimmer_makes_amplitudes_uneven() -> None:
    def unevenness(samples: np.ndarray) -> float:
        peaks = np.abs(samples[160:-160].reshape(-1, 160)).max(axis=1)  # a period is 160 samples
        return float(np.abs(np.diff(20 * np.log10(peaks))).mean())

    assert unevenness(source(100.0)) < 0.05
    assert unevenness(source(100.0, shimmer_db=1.0)) == pytest.approx(1.0, rel=0.3)
