from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.speech import takes
from voxaffect.audio.rumble import without_rumble
from voxaffect.audio.vad import (
    DEFAULT,
    HOP,
    ActivityTrack,
    VadSettings,
    active_frames,
    speech_mask,
    track_of,
)
from voxaffect.errors import ConfigError

RATE = 16_000
Floats = NDArray[np.float32]


def white(seconds: float, rms: float, seed: int = 0) -> Floats:
    n = round(seconds * RATE)
    return np.random.default_rng(seed).normal(scale=rms, size=n).astype(np.float32)


def tone(seconds: float, hz: float, rms: float = 0.05) -> Floats:
    time = np.arange(round(seconds * RATE)) / RATE
    return np.asarray(rms * np.sqrt(2) * np.sin(2 * np.pi * hz * time), np.float32)


def pink(seconds: float, rms: float) -> Floats:
    spectrum = np.fft.rfft(white(seconds, 1.0))
    samples = np.fft.irfft(spectrum / np.sqrt(np.arange(spectrum.size) + 1.0))
    return np.asarray(rms * samples / samples.std(), np.float32)


def voice() -> Floats:
    return takes(1)[0].normalized().samples


def test_level_is_that_of_a_tone_in_the_band() -> None:
    track = track_of(tone(1.0, 1000.0, rms=0.1))
    assert track.n_frames == 100
    np.testing.assert_allclose(track.level_db[5:-5], -20.0, atol=0.05)
    assert track_of(tone(1.0, 6000.0)).level_db[5:-5].max() < -80


@pytest.mark.parametrize("hz", [80.0, 123.0, 250.0, 480.0])
def test_a_periodic_sound_is_voiced_whatever_its_pitch(hz: float) -> None:
    pulses = (np.diff(np.floor(np.arange(RATE) * hz / RATE), prepend=0.0)).astype(np.float32)
    assert track_of(pulses).voicing[5:-5].min() > 0.9


def test_noise_is_not_voiced() -> None:
    assert (track_of(white(20.0, 0.05)).voicing > DEFAULT.voicing).mean() < 0.001


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(3 * RATE, np.float32),
        white(3, 2e-4),
        white(3, 0.1),
        pink(3, 0.05),
        tone(3, 50),
        tone(3, 440),
        white(3, 0.05) * np.sin(np.pi * np.arange(3 * RATE) / RATE).astype(np.float32) ** 2,
        np.concatenate([white(1, 1e-3), white(0.5, 0.1), white(1, 1e-3)]),
    ],
    ids=["silence", "hiss", "white", "pink", "hum", "tone", "swelling noise", "rustle"],
)
def test_what_nobody_says_is_not_speech(sound: Floats) -> None:
    assert not speech_mask(track_of(without_rumble(sound))).any()


@pytest.mark.parametrize("noise_rms", [1e-4, 1e-3])
def test_faint_noise_around_speech_changes_no_frame_of_it(noise_rms: float) -> None:
    sound = np.concatenate([np.zeros(RATE, np.float32), voice(), np.zeros(RATE, np.float32)])
    noise = white(len(sound) / RATE, noise_rms)
    clean, noisy = (speech_mask(track_of(s)) for s in (sound, sound + noise))
    assert clean.any()
    assert (clean != noisy).mean() < 0.02
    assert not clean[:90].any()
    assert not noisy[:90].any()


def test_a_pause_is_cut_out_and_a_plosive_is_not() -> None:
    level = np.full(400, -20.0, np.float32)
    level[100:105], level[200:250] = -70.0, -70.0  # 50 ms and half a second
    mask = speech_mask(ActivityTrack(level, np.ones(400, np.float32)))
    assert mask[:200].all()
    assert not mask[205:245].any()
    assert mask[250:].all()


def test_consonants_are_kept_near_a_syllable_only() -> None:
    level, voicing = np.full(400, -70.0, np.float32), np.zeros(400, np.float32)
    level[100:180], voicing[120:140] = -20.0, 1.0
    level[300:340] = -20.0  # a rustle, far from any syllable
    mask, core = active_frames(ActivityTrack(level, voicing), DEFAULT)
    assert core[120:140].all()
    assert core.sum() == 20
    assert mask[100:170].all()
    assert not mask[290:].any()


def test_gain_changes_nothing() -> None:
    loud, quiet = (speech_mask(track_of(voice() * np.float32(g))) for g in (1.0, 0.01))
    np.testing.assert_array_equal(loud, quiet)


def test_a_frame_stands_for_its_hop() -> None:
    sound = np.zeros(RATE, np.float32)
    sound[40 * HOP : 60 * HOP] = tone(20 * HOP / RATE, 1000.0)
    level = track_of(sound).level_db
    assert np.argmax(np.diff(level) > 3) == pytest.approx(38, abs=3)
    np.testing.assert_allclose(level[42:58], level[50], atol=0.5)


@pytest.mark.parametrize("n", [0, 1, HOP, HOP + 1, 5 * HOP])
def test_every_started_hop_has_a_frame(n: int) -> None:
    assert track_of(np.zeros(n, np.float32)).n_frames == -(-n // HOP)


@pytest.mark.parametrize("name", list(vars(DEFAULT)))
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{name} = "):
        VadSettings(**{name: value})
