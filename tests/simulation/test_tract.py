from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import find_peaks, lfilter

from tests.simulation.voices import power_spectrum
from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.simulation.phones import VOWELS, Friction, Phone
from voxaffect.simulation.tract import (
    BANDWIDTHS_HZ,
    friction_noise,
    resonators,
    vocal_tract,
)

HOP = 80
N_FRAMES = 200
ONES = np.ones(N_FRAMES)


def impulse() -> np.ndarray:
    samples = np.zeros(N_FRAMES * HOP)
    samples[4000] = 1.0
    return samples


def steady(phone: Phone) -> np.ndarray:
    return np.tile(phone.formants_hz, (N_FRAMES, 1)).astype(float)


@pytest.mark.parametrize("phone", VOWELS, ids=lambda phone: phone.symbol)
def test_the_spectrum_peaks_at_the_formants(phone: Phone) -> None:
    rung = vocal_tract(impulse(), steady(phone), ONES, 1.0)
    power = np.abs(np.fft.rfft(rung)) ** 2  # one bin a hertz
    peaks, _ = find_peaks(np.log(power[:4000]))
    for formant in phone.formants_hz:
        assert np.abs(peaks - formant).min() <= 0.04 * formant + 10


def test_a_steady_tract_is_the_recursive_filter() -> None:
    rng = np.random.default_rng(0)
    source = rng.normal(size=N_FRAMES * HOP)
    vowel = VOWELS[3]
    expected = source
    higher = np.array([4500.0, 5500.0, 6500.0, 7500.0])
    formants = np.array([*vowel.formants_hz, *higher])
    for section in resonators(formants, np.array([*BANDWIDTHS_HZ, *(0.06 * higher)])):
        expected = lfilter([section.sum()], section, expected)
    rung = vocal_tract(source, steady(vowel), ONES, 1.0)
    inside = slice(2000, -2000)
    error = rung[inside] - expected[inside]
    assert np.sqrt(np.mean(error**2) / np.mean(expected[inside] ** 2)) < 1e-3


def test_moving_formants_make_no_click() -> None:
    """A filter that jumps would spray the band above 5 kHz, where this source has nothing."""
    glide = np.linspace(VOWELS[0].formants_hz, VOWELS[3].formants_hz, N_FRAMES)
    tone = np.sin(2 * np.pi * 200 * np.arange(N_FRAMES * HOP) / SAMPLE_RATE_HZ)
    frequency, power = power_spectrum(vocal_tract(tone, glide, ONES, 1.0)[2000:-2000])
    assert power[frequency > 5000].sum() < 1e-8 * power.sum()


def test_resonators_pass_zero_hertz_unchanged_and_have_their_width() -> None:
    section = resonators(np.array(1000.0), np.array(100.0))
    unit = np.zeros(SAMPLE_RATE_HZ)
    unit[0] = 1.0
    response = np.abs(np.fft.rfft(lfilter([section.sum()], section, unit))) ** 2
    assert response[0] == pytest.approx(1.0)
    assert response.argmax() == pytest.approx(1000, abs=5)
    assert (response > response.max() / 2).sum() == pytest.approx(100, abs=3)


def test_damping_flattens_the_peaks() -> None:
    def peak(damping: float) -> float:
        rung = vocal_tract(impulse(), steady(VOWELS[3]), damping * ONES, 1.0)
        return float(np.abs(np.fft.rfft(rung)).max())

    assert peak(2.0) < peak(1.0)


def test_friction_has_its_level_place_and_onset() -> None:
    friction = Friction(centre_hz=5000, bandwidth_hz=800, level_db=-20, onset=0.5)
    noise = friction_noise(friction, 16_000, np.random.default_rng(0))
    assert not noise[:8000].any()
    assert 20 * np.log10(np.std(noise[8000:])) == pytest.approx(-20, abs=0.5)
    frequency, power = power_spectrum(noise[8000:])
    assert (frequency * power).sum() / power.sum() == pytest.approx(5000, rel=0.1)
