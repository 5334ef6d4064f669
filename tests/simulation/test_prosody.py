from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulation.voices import PLAIN, sentence
from voxaffect.simulation.prosody import (
    CONTROL_S,
    Syllable,
    UtteranceTiming,
    amplitude,
    draw_sentence,
    draw_timing,
    f0_contour,
    formants,
)
from voxaffect.simulation.speakers import CONSONANTS, PAUSE, SCHWA, VOWELS

FLUENT = replace(PLAIN, pause_rate=0.0)


def timing(rate: float = 1.0, pause_rate: float = 0.0) -> UtteranceTiming:
    voice = replace(PLAIN, rate=rate, pause_rate=pause_rate)
    return draw_timing(sentence(n_syllables=20), voice, np.random.default_rng(1))


def contour(**changes: float) -> tuple[UtteranceTiming, np.ndarray]:
    voice = replace(FLUENT, **changes)
    when = timing()
    return when, f0_contour(when, voice, np.random.default_rng(2))


@given(st.integers(0, 2**32 - 1), st.integers(1, 15))
def test_sentences_never_stress_a_schwa(seed: int, n: int) -> None:
    drawn = draw_sentence(np.random.default_rng(seed), n)
    assert len(drawn) == n
    for syllable in drawn:
        assert sum(phone in VOWELS for phone in syllable.phones) == 1
        assert not (syllable.stressed and SCHWA in syllable.phones)


def test_every_third_syllable_is_stressed() -> None:
    assert sum(s.stressed for s in sentence(n_syllables=12)) == 4


def test_phones_are_contiguous_between_silences() -> None:
    when = timing()
    spoken = tuple(p for s in sentence(n_syllables=20) for p in s.phones)
    assert when.phones == (PAUSE, *spoken, PAUSE)
    assert when.frames.min() >= 6
    np.testing.assert_array_equal(when.starts[1:], np.cumsum(when.frames)[:-1])
    assert when.hold("voicing").size == when.n_frames


def test_doubling_the_rate_halves_the_duration() -> None:
    slow, fast = timing(rate=0.6), timing(rate=1.2)
    assert slow.n_frames / fast.n_frames == pytest.approx(2.0, rel=0.05)


def test_hesitations_keep_all_phones() -> None:
    fluent, hesitant = timing(), timing(pause_rate=0.5)
    assert len(hesitant.phones) > len(fluent.phones)
    assert sum(p in CONSONANTS for p in hesitant.phones) == sum(
        p in CONSONANTS for p in fluent.phones
    )


def test_stressed_and_final_vowels_are_longer() -> None:
    vowel = VOWELS[3]
    spoken = tuple(Syllable((vowel,), stressed=i == 0) for i in range(3))
    frames = np.mean(
        [draw_timing(spoken, FLUENT, np.random.default_rng(i)).frames for i in range(100)], axis=0
    )
    _, stressed, plain, final, _ = frames
    assert stressed / plain == pytest.approx(1.3, rel=0.1)
    assert final / plain == pytest.approx(1.4, rel=0.1)


@pytest.mark.parametrize("f0_hz", [90.0, 220.0])
def test_mean_of_the_contour_is_the_mean_f0(f0_hz: float) -> None:
    when, f0 = contour(f0_hz=f0_hz)
    voiced = when.hold("voicing") > 0.5
    assert np.exp(np.log(f0[voiced]).mean()) == pytest.approx(f0_hz, rel=1e-6)


def test_f0_range_widens_the_contour() -> None:
    spreads = [np.log(contour(f0_range_st=range_st)[1]).std() for range_st in (1.0, 4.0, 8.0)]
    assert spreads == sorted(spreads)


@pytest.mark.parametrize("final_st", [-6.0, 6.0])
def test_final_movement(final_st: float) -> None:
    (when, level), (_, moved) = contour(final_st=0.0), contour(final_st=final_st)
    semitones = 12 * np.log2(moved / level)
    end, before = when.starts[-1], when.starts[-1] - round(0.3 / CONTROL_S)
    assert semitones[end] - semitones[before] == pytest.approx(final_st, abs=1e-6)


def test_f0_declines() -> None:
    when, f0 = contour(f0_range_st=6.0, final_st=0.0)
    unaccented = f0[: when.starts[1]].mean(), f0[when.starts[-1] :].mean()
    assert unaccented[0] > unaccented[1]


def test_voicing_follows_the_phones() -> None:
    vowel, voiceless = VOWELS[3], next(p for p in CONSONANTS if p.symbol == "s")
    spoken = (Syllable((voiceless, vowel), stressed=True),)
    when = draw_timing(spoken, FLUENT, np.random.default_rng(0))
    middles = when.starts + when.frames // 2
    silent, hiss, loud, _ = amplitude(when, FLUENT)[middles]
    assert silent < 1e-3
    assert hiss < 0.02
    assert loud == pytest.approx(1.0, abs=0.02)


def test_formants_scale_and_undershoot_towards_schwa() -> None:
    when = timing()
    adult = formants(when, PLAIN)
    child = formants(when, replace(PLAIN, formant_scale=1.25))
    np.testing.assert_allclose(child, 1.25 * adult)
    careless = formants(when, replace(PLAIN, articulation=0.5))
    schwa = np.array(SCHWA.formants_hz)
    np.testing.assert_allclose(
        careless[:, 1:] - schwa[1:], 0.5 * (adult[:, 1:] - schwa[1:]), atol=1e-9
    )


def test_loud_speech_raises_the_first_formant_only() -> None:
    vowel = (Syllable((VOWELS[3],)),)
    when = draw_timing(vowel, FLUENT, np.random.default_rng(0))
    middle = when.starts[1] + when.frames[1] // 2
    lift = (formants(when, replace(PLAIN, intensity_db=10.0)) - formants(when, PLAIN))[middle]
    assert lift[0] == pytest.approx(35.0, rel=0.05)
    np.testing.assert_allclose(lift[1:], 0.0, atol=1e-9)
