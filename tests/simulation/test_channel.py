from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.simulation.voices import PLAIN, power_spectrum, sentence
from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.simulation.channel import ANECHOIC, BROADCAST, LABORATORY, STUDIO, Channel
from voxaffect.simulation.levels import rms
from voxaffect.simulation.voice import NEUTRAL_RMS, speak

CHANNELS = (STUDIO, ANECHOIC, LABORATORY, BROADCAST)
SILENCE = np.zeros(SAMPLE_RATE_HZ, np.float32)


def speech() -> np.ndarray:
    return speak(sentence(), PLAIN, np.random.default_rng(0)).samples


@pytest.mark.parametrize("channel", CHANNELS)
def test_recordings_are_as_long_as_speech_finite_and_within_full_scale(channel: Channel) -> None:
    recorded = channel.record(speech(), np.random.default_rng(0))
    assert recorded.shape == speech().shape
    assert recorded.dtype == np.float32
    assert np.abs(recorded).max() < 0.96


def test_a_clean_channel_changes_little() -> None:
    clean = Channel(0.01, 80.0, 20.0, 7900.0, 0.0, 90.0)
    spoken = speech()
    recorded = clean.record(spoken, np.random.default_rng(0))
    assert np.corrcoef(spoken, recorded)[0, 1] > 0.98


def test_a_room_decays_by_sixty_decibels_in_its_time() -> None:
    room = replace(LABORATORY, rt60_s=1.0).impulse_response(np.random.default_rng(0))[1:]
    level_db = 10 * np.log10(np.mean(room.reshape(10, -1) ** 2, axis=1))
    slope, _ = np.polyfit(np.arange(10) / 10, level_db, 1)
    assert slope == pytest.approx(-60, rel=0.05)


def test_a_room_has_its_share_of_energy() -> None:
    direct, *room = LABORATORY.impulse_response(np.random.default_rng(0))
    ratio_db = 10 * np.log10(direct**2 / np.sum(np.square(room)))
    assert ratio_db == pytest.approx(LABORATORY.direct_to_reverberant_db)


def test_noise_lies_below_neutral_speech_by_the_ratio() -> None:
    wide = Channel(0.1, 20.0, 5.0, 7990.0, 0.0, 20.0)
    noise = wide.record(SILENCE, np.random.default_rng(0))
    assert 20 * np.log10(NEUTRAL_RMS / rms(noise)) == pytest.approx(20.0, abs=0.5)


def test_the_band_ends_where_it_says_and_the_gain_is_a_level() -> None:
    narrow = Channel(0.1, 20.0, 300.0, 3400.0, 0.0, 10.0)
    loud = replace(narrow, gain_db=6.0206)
    quiet, louder = (c.record(SILENCE, np.random.default_rng(0)) for c in (narrow, loud))
    np.testing.assert_allclose(louder, 2 * quiet, rtol=1e-4)
    frequency, power = power_spectrum(quiet)
    inside = power[(frequency > 300) & (frequency < 3400)].sum()
    assert inside > 0.9 * power.sum()


def test_a_dull_microphone_takes_the_brightness() -> None:
    wide = Channel(0.1, 20.0, 5.0, 7990.0, 0.0, 20.0)
    bright, dull = (
        power_spectrum(c.record(SILENCE, np.random.default_rng(0)))[1]
        for c in (wide, replace(wide, dullness_db=9.0))
    )
    fall_db = 10 * np.log10(dull[2900:3100].sum() / bright[2900:3100].sum())
    assert fall_db == pytest.approx(-9.0, abs=0.5)
