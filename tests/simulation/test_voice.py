from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.signal import find_peaks, lfilter

from tests.simulation.voices import MAN, PLAIN, WOMAN, autocorrelation_f0, power_spectrum, sentence
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, rms
from voxaffect.simulation.expressions import (
    ACTED,
    ANGRY,
    HAPPY,
    NATURAL,
    NEUTRAL,
    SAD,
    apply_effect,
)
from voxaffect.simulation.prosody import Sentence, Syllable
from voxaffect.simulation.speakers import VOWELS, Effect, Friction, Phone, VoiceParameters
from voxaffect.simulation.voice import (
    ANECHOIC,
    BANDWIDTHS_HZ,
    BROADCAST,
    LABORATORY,
    NEUTRAL_RMS,
    STUDIO,
    Channel,
    Synthesis,
    amplitude_ratio,
    friction_noise,
    glottal_source,
    jittered_cycles,
    limit_peak,
    render,
    resonators,
    rosenberg_pulse,
    spectral_tilt,
    synthesize,
    upsample,
    vocal_tract,
)

CHANNELS = (STUDIO, ANECHOIC, LABORATORY, BROADCAST)
SILENCE = np.zeros(SAMPLE_RATE_HZ, np.float32)


def speech() -> np.ndarray:
    return render(sentence(), PLAIN, np.random.default_rng(0)).samples


@pytest.mark.parametrize("channel", CHANNELS)
def test_recordings_keep_the_length_and_stay_within_full_scale(channel: Channel) -> None:
    recorded = channel.record(speech(), np.random.default_rng(0))
    assert recorded.shape == speech().shape
    assert recorded.dtype == np.float32
    assert np.abs(recorded).max() < 0.96


def test_a_clean_channel_changes_little() -> None:
    clean = Channel(0.01, 80.0, 20.0, 7900.0, 0.0, 90.0)
    spoken = speech()
    recorded = clean.record(spoken, np.random.default_rng(0))
    assert np.corrcoef(spoken, recorded)[0, 1] > 0.98


def impulse_response(channel: Channel) -> np.ndarray:
    """Response of an otherwise clean channel to a click."""
    clean = replace(channel, low_hz=5.0, high_hz=7990.0, dullness_db=0.0, snr_db=120.0)
    click = np.zeros(3 * SAMPLE_RATE_HZ, np.float32)
    click[0] = 0.05
    recorded = replace(clean, snr_spread_db=0.0, gain_db=0.0).record(
        click, np.random.default_rng(0)
    )
    return recorded / 0.05


def test_reverberation_time_of_a_channel() -> None:
    room = impulse_response(replace(LABORATORY, rt60_s=1.0))[1600:14_400]
    level_db = 10 * np.log10(np.mean(room.reshape(8, -1) ** 2, axis=1))
    slope, _ = np.polyfit(np.arange(8) / 10, level_db, 1)
    assert slope == pytest.approx(-60, rel=0.05)


def test_direct_to_reverberant_ratio_of_a_channel() -> None:
    response = impulse_response(LABORATORY)
    ratio_db = 10 * np.log10(np.sum(response[:4] ** 2) / np.sum(response[4:] ** 2))
    assert ratio_db == pytest.approx(LABORATORY.direct_to_reverberant_db, abs=0.5)


def test_snr_of_a_channel() -> None:
    wide = Channel(0.1, 20.0, 5.0, 7990.0, 0.0, 20.0)
    noise = wide.record(SILENCE, np.random.default_rng(0))
    assert 20 * np.log10(NEUTRAL_RMS / rms(noise)) == pytest.approx(20.0, abs=0.5)


def test_band_and_gain_of_a_channel() -> None:
    narrow = Channel(0.1, 20.0, 300.0, 3400.0, 0.0, 10.0)
    loud = replace(narrow, gain_db=6.0206)
    quiet, louder = (c.record(SILENCE, np.random.default_rng(0)) for c in (narrow, loud))
    np.testing.assert_allclose(louder, 2 * quiet, rtol=1e-4)
    frequency, power = power_spectrum(quiet)
    inside = power[(frequency > 300) & (frequency < 3400)].sum()
    assert inside > 0.9 * power.sum()


def test_dullness_of_a_channel() -> None:
    wide = Channel(0.1, 20.0, 5.0, 7990.0, 0.0, 20.0)
    bright, dull = (
        power_spectrum(c.record(SILENCE, np.random.default_rng(0)))[1]
        for c in (wide, replace(wide, dullness_db=9.0))
    )
    fall_db = 10 * np.log10(dull[2900:3100].sum() / bright[2900:3100].sum())
    assert fall_db == pytest.approx(-9.0, abs=0.5)


STEADY = replace(PLAIN, jitter=0.0, shimmer_db=0.0, tilt_db=0.0, breathiness_db=-60.0)


def source(f0_hz: float = 120.0, **changes: float) -> np.ndarray:
    voice = replace(STEADY, **changes)
    return glottal_source(np.full(SAMPLE_RATE_HZ, f0_hz), voice, np.random.default_rng(0))


@pytest.mark.parametrize("f0_hz", [70.0, 123.4, 250.0, 415.0])
def test_glottal_source_is_periodic(f0_hz: float) -> None:
    assert autocorrelation_f0(source(f0_hz)) == pytest.approx(f0_hz, rel=2e-3)


@pytest.mark.parametrize("open_quotient", [0.4, 0.6, 0.8])
def test_open_quotient_of_the_pulse(open_quotient: float) -> None:
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


def test_zero_jitter_keeps_f0() -> None:
    cycles = jittered_cycles(np.full(1600, 100.0), 0.0, np.random.default_rng(0))
    np.testing.assert_allclose(cycles, np.arange(1, 1601) / 160)


@pytest.mark.parametrize("tilt_db", [0.0, 3.0, 12.0])
def test_tilt_is_exact_at_its_frequency(tilt_db: float) -> None:
    impulse = np.zeros(SAMPLE_RATE_HZ)
    impulse[0] = 1.0
    response = np.abs(np.fft.rfft(spectral_tilt(impulse, tilt_db)))
    assert response[0] == pytest.approx(1.0, rel=1e-6)
    assert 20 * np.log10(response[3000]) == pytest.approx(-tilt_db, abs=1e-3)


def test_tense_voices_are_bright() -> None:
    def brightness(samples: np.ndarray) -> float:
        frequency, power = power_spectrum(samples)
        return float(power[frequency > 2000].sum() / power.sum())

    assert brightness(source(tilt_db=12.0)) < brightness(source(tilt_db=3.0))
    assert brightness(source(open_quotient=0.8)) < brightness(source(open_quotient=0.4))


def test_breathiness_adds_noise_between_harmonics() -> None:
    def noise(samples: np.ndarray) -> float:
        return float(power_spectrum(samples)[1][np.arange(60, 3000, 120)].sum())

    assert noise(source(breathiness_db=-40.0)) < noise(source(breathiness_db=-10.0)) / 100


def test_shimmer_is_the_mean_difference_of_amplitudes() -> None:
    def unevenness(samples: np.ndarray) -> float:
        peaks = np.abs(samples[160:-160].reshape(-1, 160)).max(axis=1)  # a period is 160 samples
        return float(np.abs(np.diff(20 * np.log10(peaks))).mean())

    assert unevenness(source(100.0)) < 0.05
    assert unevenness(source(100.0, shimmer_db=1.0)) == pytest.approx(1.0, rel=0.3)


SOUNDS = arrays(np.float64, st.integers(1, 50), elements=st.floats(-100, 100, width=32))


@given(SOUNDS)
def test_limit_peak_only_attenuates(samples: np.ndarray) -> None:
    quieter = limit_peak(samples)
    assert np.abs(quieter).max() <= 0.95 + 1e-12
    assert (np.abs(quieter) <= np.abs(samples)).all()


def test_limit_peak_keeps_samples_within_full_scale() -> None:
    samples = np.array([0.3, -0.9])
    np.testing.assert_array_equal(limit_peak(samples), samples)


def test_amplitude_ratio_of_decibels() -> None:
    assert amplitude_ratio(0.0) == 1.0
    assert amplitude_ratio(20.0) == pytest.approx(10.0)
    assert amplitude_ratio(6.0206) == pytest.approx(2.0, rel=1e-5)


def test_rms_of_a_sine() -> None:
    assert rms(np.sin(np.linspace(0, 20 * np.pi, 10_001))) == pytest.approx(2**-0.5, rel=1e-3)


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
def test_spectrum_peaks_at_the_formants(phone: Phone) -> None:
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


def test_moving_formants_do_not_click() -> None:
    """A click would have power above 5 kHz, where this source has none."""
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
    friction = Friction(center_hz=5000, bandwidth_hz=800, level_db=-20, onset=0.5)
    noise = friction_noise(friction, 16_000, np.random.default_rng(0))
    assert not noise[:8000].any()
    assert 20 * np.log10(np.std(noise[8000:])) == pytest.approx(-20, abs=0.5)
    frequency, power = power_spectrum(noise[8000:])
    assert (frequency * power).sum() / power.sum() == pytest.approx(5000, rel=0.1)


LEVEL = replace(PLAIN, f0_range_st=0.5, final_st=0.0, rate=0.5, jitter=0.002)
VOWEL = (Syllable((VOWELS[3],)),)


def say(voice: VoiceParameters, words: Sentence | None = None, seed: int = 0) -> Synthesis:
    return render(words or sentence(), voice, np.random.default_rng(seed))


@pytest.mark.parametrize("f0_hz", [95.0, 140.0, 230.0, 320.0])
def test_waveform_has_the_stated_f0(f0_hz: float) -> None:
    spoken = say(replace(LEVEL, f0_hz=f0_hz), VOWEL)
    middle = spoken.samples.size // 2
    steady = slice(middle - 800, middle + 800)  # 100 ms
    known = float(np.median(spoken.f0_hz[steady]))
    assert known == pytest.approx(f0_hz, rel=0.05)
    assert autocorrelation_f0(spoken.samples[steady]) == pytest.approx(known, rel=0.01)


def test_silence_has_no_f0() -> None:
    spoken = say(PLAIN)
    assert spoken.f0_hz.shape == spoken.samples.shape
    assert spoken.f0_hz[0] == spoken.f0_hz[-1] == 0
    assert 0.4 < (spoken.f0_hz > 0).mean() < 0.95


def test_intensity_is_the_level_of_voiced_speech() -> None:
    def level_db(intensity_db: float) -> float:
        spoken = say(replace(PLAIN, intensity_db=intensity_db))
        return float(20 * np.log10(rms(spoken.samples[spoken.f0_hz > 0]) / NEUTRAL_RMS))

    assert level_db(0.0) == pytest.approx(0.0, abs=0.5)
    assert level_db(8.0) == pytest.approx(8.0, abs=0.5)


def test_emotions_change_the_waveform() -> None:
    def cues(effect: Effect) -> tuple[float, float, float, float]:
        spoken = say(apply_effect(MAN, effect, ACTED))
        frequency, power = power_spectrum(spoken.samples)
        bright = power[(frequency > 1500) & (frequency < 4000)].sum() / power.sum()
        f0 = spoken.f0_hz[spoken.f0_hz > 0]
        return float(f0.mean()), 1 / spoken.samples.size, rms(spoken.samples), float(bright)

    sad, neutral, angry = (np.array(cues(effect)) for effect in (SAD, NEUTRAL, ANGRY))
    assert (sad[:3] < neutral[:3]).all()  # sad breath is bright, sad voice is not
    assert (neutral < angry).all()


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([MAN, WOMAN]),
    st.sampled_from([NEUTRAL, HAPPY, SAD, ANGRY]),
    st.sampled_from([ACTED, NATURAL]),
)
def test_speech_is_finite_and_does_not_clip(seed, speaker, emotion, style) -> None:  # type: ignore[no-untyped-def]
    spoken = synthesize(sentence(seed), speaker, emotion, style, np.random.default_rng(seed))
    assert spoken.samples.dtype == np.float32
    assert np.isfinite(spoken.samples).all()
    assert 0.001 < np.abs(spoken.samples).max() < 0.96


def test_synthesis_depends_on_the_generator_only() -> None:
    first, again, other = (
        synthesize(sentence(), WOMAN, HAPPY, ACTED, np.random.default_rng(seed)).samples
        for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_upsampling_keeps_a_ramp() -> None:
    ramp = upsample(np.arange(10.0))
    assert ramp.size == 10 * 80
    np.testing.assert_allclose(np.diff(ramp)[40:-40], 1 / 80)
