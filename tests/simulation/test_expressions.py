from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulation.voices import MAN, WOMAN
from voxaffect.simulation.expressions import (
    ACTED,
    ANGRY,
    EFFECTS,
    HAPPY,
    NATURAL,
    NEUTRAL,
    SAD,
    Style,
    apply_effect,
    draw_effect,
)
from voxaffect.simulation.speakers import N_EFFECTS, CorpusStyle, Effect, Speaker, VoiceParameters
from voxaffect.taxonomy import EMOTION_OF_LABEL, NATURALNESS

MOVING = {name: effect for name, effect in EFFECTS.items() if effect != Effect()}


def effects(emotion: Effect, style: Style, speaker: Speaker = MAN) -> np.ndarray:
    """Effects of 300 utterances, (300, D)."""
    rng = np.random.default_rng(0)
    return np.array([draw_effect(speaker, emotion, style, rng) for _ in range(300)])


def test_labels_and_styles_are_those_of_the_taxonomy() -> None:
    assert EFFECTS.keys() <= EMOTION_OF_LABEL.keys()
    assert {ACTED.naturalness, NATURAL.naturalness} == set(NATURALNESS.classes)


def test_neutral_changes_nothing_on_average() -> None:
    drawn = effects(NEUTRAL, ACTED)
    assert (np.abs(drawn.mean(axis=0)) < 4 * drawn.std(axis=0) / np.sqrt(len(drawn))).all()


@pytest.mark.parametrize("emotion", MOVING.values(), ids=MOVING)
def test_emotions_have_their_effects_and_stronger_ones_when_acted(emotion: Effect) -> None:
    stated = np.array(emotion)
    acted, natural = (effects(emotion, style).mean(axis=0) for style in (ACTED, NATURAL))
    moved = stated != 0
    assert (np.sign(acted) == np.sign(stated))[moved].all()
    assert (np.abs(acted) > np.abs(natural))[moved].all()


def test_emotions_are_ordered_as_in_the_literature() -> None:
    sad, neutral, happy, angry = (SAD, NEUTRAL, HAPPY, ANGRY)
    assert sad.f0_st < neutral.f0_st < angry.f0_st < happy.f0_st
    assert sad.rate_log2 < neutral.rate_log2 < happy.rate_log2 <= angry.rate_log2
    assert sad.intensity_db < neutral.intensity_db < happy.intensity_db < angry.intensity_db
    assert angry.tilt_db < happy.tilt_db < neutral.tilt_db < sad.tilt_db


def test_natural_emotions_are_harder_to_distinguish() -> None:
    def separation(style: Style) -> float:
        calm, hot = effects(NEUTRAL, style)[:, 0], effects(ANGRY, style)[:, 0]
        return float((hot.mean() - calm.mean()) / np.hypot(hot.std(), calm.std()))

    assert separation(NATURAL) < separation(ACTED)


def test_habits_scale_each_dimension_and_the_setting_shifts_it() -> None:
    habits = (0.0,) * N_EFFECTS
    unmoved = MAN._replace(style=CorpusStyle(Effect(rate_log2=0.5), habits))
    drawn = effects(ANGRY, ACTED, unmoved).mean(axis=0)
    np.testing.assert_allclose(drawn, Effect(rate_log2=0.5), atol=0.3)


def test_zero_effect_is_the_speakers_voice() -> None:
    voice = apply_effect(WOMAN, Effect(), ACTED)
    assert voice.f0_hz == WOMAN.voice.f0_hz
    assert voice.tilt_db == WOMAN.voice.tilt_db
    assert voice.jitter == WOMAN.voice.jitter
    assert voice.rate == WOMAN.voice.rate


def test_units_of_effects() -> None:
    voice = apply_effect(MAN, Effect(f0_st=12, range_log2=1, rate_log2=0.5), ACTED)
    assert voice.f0_hz == pytest.approx(2 * MAN.voice.f0_hz)
    assert voice.f0_range_st == pytest.approx(2 * MAN.voice.f0_range_st)
    assert voice.rate == pytest.approx(np.sqrt(2) * MAN.voice.rate)


@given(st.lists(st.floats(-30, 30), min_size=N_EFFECTS, max_size=N_EFFECTS))
def test_voices_stay_within_physiological_limits(values: list[float]) -> None:
    voice = apply_effect(MAN, Effect(*values), ACTED)
    assert np.isfinite(astuple(voice)).all()
    assert 65 <= voice.f0_hz <= 480
    assert 0.3 <= voice.open_quotient <= 0.9
    assert voice.tilt_db >= 0
    assert voice.jitter <= 0.04


def test_voices_depend_on_the_generator_only() -> None:
    def draw(seed: int) -> VoiceParameters:
        rng = np.random.default_rng(seed)
        return apply_effect(WOMAN, draw_effect(WOMAN, SAD, NATURAL, rng), NATURAL)

    assert draw(3) == draw(3) != draw(4)
