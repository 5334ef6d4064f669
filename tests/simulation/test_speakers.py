from __future__ import annotations

import numpy as np
import pytest

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.simulation.speakers import (
    CONSONANTS,
    FEMALE,
    FEMALE_CHILD,
    MALE,
    MALE_CHILD,
    N_EFFECTS,
    PAUSE,
    SCHWA,
    VOWELS,
    CorpusStyle,
    Effect,
    Phone,
    VoiceGroup,
    draw_corpus_style,
    draw_speaker,
)
from voxaffect.taxonomy import GENDER

INVENTORY = (*VOWELS, *CONSONANTS, PAUSE)


def test_symbols_of_phones_are_unique() -> None:
    assert len({phone.symbol for phone in INVENTORY}) == len(INVENTORY)


def test_schwa_is_the_last_vowel() -> None:
    assert VOWELS[-1] is SCHWA


@pytest.mark.parametrize("phone", INVENTORY, ids=lambda phone: phone.symbol)
def test_phones_are_physical(phone: Phone) -> None:
    assert list(phone.formants_hz) == sorted(set(phone.formants_hz))
    assert phone.formants_hz[0] > 0
    assert 0.03 <= phone.duration_s <= 0.3
    assert 0 <= phone.voicing <= 1
    if phone.friction is not None:
        assert 0 <= phone.friction.onset < 1
        assert phone.friction.center_hz < SAMPLE_RATE_HZ / 2


def test_every_consonant_is_audible() -> None:
    assert all(phone.voicing > 0 or phone.friction is not None for phone in CONSONANTS)


GROUPS = (FEMALE, MALE, FEMALE_CHILD, MALE_CHILD)


def test_groups_are_the_classes_of_gender() -> None:
    assert tuple(group.gender for group in GROUPS) == GENDER.classes


def test_f0_and_formants_are_ordered_children_women_men() -> None:
    for child in (FEMALE_CHILD, MALE_CHILD):
        assert child.f0_hz > FEMALE.f0_hz > MALE.f0_hz
        assert child.formant_scale > FEMALE.formant_scale > MALE.formant_scale


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.gender)
def test_speakers_vary_around_their_group(group: VoiceGroup) -> None:
    rng = np.random.default_rng(0)
    speakers = [draw_speaker(group, CorpusStyle(), rng) for _ in range(400)]
    octaves = np.log2([speaker.voice.f0_hz / group.f0_hz for speaker in speakers])
    assert abs(octaves.mean()) < 0.03
    assert octaves.std() == pytest.approx(2 / 12, rel=0.15)
    assert min(speaker.voice.open_quotient for speaker in speakers) > 0.3


def test_speakers_depend_on_the_generator_only() -> None:
    first, again, other = (
        draw_speaker(FEMALE, CorpusStyle(), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_speakers_share_the_corpus_style_and_have_their_own_habits() -> None:
    no_pitch = CorpusStyle(Effect(f0_st=2.0), (0.0, *(1.0,) * (N_EFFECTS - 1)))
    speakers = [draw_speaker(MALE, no_pitch, np.random.default_rng(i)) for i in range(5)]
    assert all(speaker.style.setting == Effect(f0_st=2.0) for speaker in speakers)
    assert all(speaker.style.habits[0] == 0.0 for speaker in speakers)
    assert len({speaker.style.habits[1] for speaker in speakers}) == 5


def test_habits_are_never_negative() -> None:
    rng = np.random.default_rng(0)
    assert min(min(draw_corpus_style(rng).habits) for _ in range(100)) == 0.0
