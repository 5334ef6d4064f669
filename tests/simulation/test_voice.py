from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation.voices import MAN, PLAIN, WOMAN, autocorrelation_f0, power_spectrum, sentence
from voxaffect.simulation.expressions import (
    ACTED,
    ANGRY,
    HAPPY,
    NATURAL,
    NEUTRAL,
    SAD,
    Delivery,
    apply_effect,
)
from voxaffect.simulation.levels import rms
from voxaffect.simulation.phones import VOWELS
from voxaffect.simulation.prosody import Sentence, Syllable
from voxaffect.simulation.speakers import Effect
from voxaffect.simulation.voice import NEUTRAL_RMS, Synthesis, speak, synthesize, upsample

LEVEL = replace(PLAIN, f0_range_st=0.5, final_st=0.0, rate=0.5, jitter=0.002)
VOWEL = Sentence((Syllable((VOWELS[3],)),))


def say(delivery: Delivery, words: Sentence | None = None, seed: int = 0) -> Synthesis:
    return speak(words or sentence(), delivery, np.random.default_rng(seed))


@pytest.mark.parametrize("f0_hz", [95.0, 140.0, 230.0, 320.0])
def test_the_waveform_has_the_f0_that_is_told(f0_hz: float) -> None:
    spoken = say(replace(LEVEL, f0_hz=f0_hz), VOWEL)
    middle = spoken.samples.size // 2
    steady = slice(middle - 800, middle + 800)  # 100 ms
    known = float(np.median(spoken.f0_hz[steady]))
    assert known == pytest.approx(f0_hz, rel=0.05)
    assert autocorrelation_f0(spoken.samples[steady]) == pytest.approx(known, rel=0.01)


def test_silence_before_and_after_has_no_f0() -> None:
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


def test_emotions_are_heard_in_the_waveform() -> None:
    def cues(effect: Effect) -> tuple[float, float, float, float]:
        spoken = say(apply_effect(MAN, effect, ACTED))
        frequency, power = power_spectrum(spoken.samples)
        bright = power[(frequency > 1500) & (frequency < 4000)].sum() / power.sum()
        f0 = spoken.f0_hz[spoken.f0_hz > 0]
        return float(f0.mean()), 1 / spoken.samples.size, rms(spoken.samples), float(bright)

    sad, neutral, angry = (np.array(cues(e.effect)) for e in (SAD, NEUTRAL, ANGRY))
    assert (sad[:3] < neutral[:3]).all()  # the breath of sadness is bright, its voice is not
    assert (neutral < angry).all()


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([MAN, WOMAN]),
    st.sampled_from([NEUTRAL, HAPPY, SAD, ANGRY]),
    st.sampled_from([ACTED, NATURAL]),
)
def test_speech_is_finite_and_never_clips(seed, speaker, emotion, style) -> None:  # type: ignore[no-untyped-def]
    spoken = synthesize(sentence(seed), speaker, emotion, style, np.random.default_rng(seed))
    assert spoken.samples.dtype == np.float32
    assert np.isfinite(spoken.samples).all()
    assert 0.001 < np.abs(spoken.samples).max() < 0.96


def test_equal_generators_make_equal_takes() -> None:
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
