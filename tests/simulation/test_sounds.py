"""Sounds without speech: of the stated length and level, repeatable, and what their names say."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from voxaffect.audio.speech import speech_of
from voxaffect.audio.waveform import TARGET_RMS, Waveform
from voxaffect.errors import AudioError
from voxaffect.simulation.sounds import AS_THEY_ARE, RECIPES, made_sounds, oscillation, placed

SOUNDS = made_sounds(0)


def peak_hz(samples: NDArray[np.floating]) -> float:
    """Frequency of the strongest partial."""
    power = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    return float(power.argmax() * 16_000 / samples.size)


def test_there_are_enough_and_each_has_its_name() -> None:
    assert len(SOUNDS) >= 30
    assert list(SOUNDS) == list(RECIPES)
    assert all(sound.name == name for name, sound in SOUNDS.items())


@pytest.mark.parametrize("name", RECIPES)
def test_length_level_and_range(name: str) -> None:
    sound = SOUNDS[name]
    assert 2 <= sound.duration_s <= 5
    assert np.abs(sound.samples).max() <= 0.96
    if name not in AS_THEY_ARE and name != "clicks":  # whose peaks would be beyond full scale
        assert sound.rms() == pytest.approx(TARGET_RMS, rel=0.01)


def test_a_seed_decides_every_bit_and_sounds_do_not_depend_on_each_other() -> None:
    again, other = made_sounds(0), made_sounds(1)
    for name, sound in SOUNDS.items():
        np.testing.assert_array_equal(sound.samples, again[name].samples)
    for name in ("white noise", "applause", "dog", "modem"):
        assert not np.array_equal(SOUNDS[name].samples, other[name].samples)
    first, second = (SOUNDS[name].samples for name in ("white noise", "muted microphone"))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05


@pytest.mark.parametrize("hz", [100, 250, 440, 1000, 4000])
def test_a_tone_has_its_frequency_and_nothing_else(hz: int) -> None:
    samples = SOUNDS[f"tone {hz} Hz"].samples
    assert peak_hz(samples) == pytest.approx(hz, abs=0.5)
    power = np.abs(np.fft.rfft(samples * np.hanning(samples.size))) ** 2
    at = round(hz * samples.size / 16_000)
    assert power[at - 3 : at + 4].sum() > 0.9999 * power.sum()


def test_sweeps_rise_and_fall() -> None:
    for name, first, last in (("rising sweep", 100, 4000), ("falling sweep", 2000, 150)):
        samples = SOUNDS[name].samples
        assert peak_hz(samples[:1600]) == pytest.approx(first, rel=0.15)
        assert peak_hz(samples[-1600:]) == pytest.approx(last, rel=0.15)


def test_oscillations_have_harmonics_that_are_not_aliased() -> None:
    samples = oscillation(np.full(16_000, 1000.0), np.ones(20))
    power = np.abs(np.fft.rfft(samples)) ** 2
    partials = np.flatnonzero(power > 1e-3 * power.max())
    assert partials.tolist() == [1000, 2000, 3000, 4000, 5000, 6000, 7000]


def test_what_reaches_beyond_the_end_is_cut() -> None:
    total = placed([np.ones(100)] * 3, (0.0, 0.005, 0.0095), seconds=0.01)
    assert total.tolist() == [1] * 80 + [2] * 20 + [1] * 52 + [2] * 8


def test_hiss_of_a_muted_microphone_constants_and_silence_keep_their_level() -> None:
    hiss = SOUNDS["muted microphone"]
    assert 20 * np.log10(hiss.rms()) == pytest.approx(-75, abs=0.2)
    assert (SOUNDS["constant"].samples == np.float32(0.1)).all()
    assert not SOUNDS["silence"].samples.any()


WITHOUT_VOICE = (
    *("white noise", "pink noise", "brown noise", "muted microphone", "bursts of noise"),
    *("applause", "clicks", "typing", "rain", "wind", "hum 50 Hz", "hum 60 Hz", "engine"),
    *("tone 100 Hz", "tone 440 Hz", "tone 4000 Hz", "constant", "silence", "crickets", "purring"),
)


@pytest.mark.parametrize("name", WITHOUT_VOICE)
def test_no_speech_is_found_in_noise_and_in_what_does_not_change(name: str) -> None:
    for seed in range(3):
        with pytest.raises(AudioError, match=r"no speech found|is silent"):
            speech_of(made_sounds(seed)[name])


def test_sounds_are_waveforms_without_invalid_samples() -> None:
    assert all(isinstance(sound, Waveform) for sound in SOUNDS.values())
    assert all(np.isfinite(sound.samples).all() for sound in SOUNDS.values())
