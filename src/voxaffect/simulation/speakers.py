"""Phones and random speakers of the simulation: women, men, girls and boys.

Formants of vowels are the means of adult men in Peterson & Barney (1952), F4 after Klatt (1980);
consonants follow the loci and friction spectra of Klatt (1980) and Stevens (1998); durations are
the inherent ones of Klatt (1979), rounded. Speakers scale the formants by their own vocal tract.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Friction(NamedTuple):
    """Friction noise of a consonant."""

    center_hz: float  # resonance of the cavity in front of the constriction
    bandwidth_hz: float
    level_db: float  # relative to a vowel
    onset: float = 0.0  # share of the phone before: 0 for a fricative, late for a plosive's burst


class Phone(NamedTuple):
    """Speech sound of an adult man."""

    symbol: str  # in SAMPA
    duration_s: float  # inherent
    formants_hz: tuple[float, float, float, float]  # F1 to F4
    voicing: float  # amplitude of the glottal source, 0 to 1 (a stressed vowel)
    friction: Friction | None = None
    damping: float = 1.0  # factor on the formants' bandwidths, above 1 for nasals


PAUSE = Phone("_", 0.180, (500, 1500, 2500, 3500), 0.0)
SCHWA = Phone("@", 0.080, (500, 1400, 2450, 3400), 0.9)

VOWELS = (
    Phone("i", 0.110, (270, 2290, 3010, 3600), 0.9),
    Phone("e", 0.120, (480, 1950, 2550, 3500), 1.0),
    Phone("E", 0.120, (530, 1840, 2480, 3500), 1.0),
    Phone("a", 0.140, (730, 1190, 2440, 3400), 1.0),
    Phone("o", 0.130, (520, 900, 2410, 3350), 1.0),
    Phone("u", 0.110, (300, 870, 2240, 3300), 0.9),
    SCHWA,
)

CONSONANTS = (
    Phone("m", 0.070, (270, 1000, 2200, 3200), 0.45, damping=2.0),
    Phone("n", 0.065, (270, 1450, 2300, 3300), 0.45, damping=2.0),
    Phone("l", 0.065, (340, 1100, 2650, 3400), 0.6, damping=1.3),
    Phone("v", 0.060, (260, 1100, 2080, 3300), 0.4, Friction(3500, 4000, -32)),
    Phone("z", 0.075, (260, 1500, 2500, 3500), 0.35, Friction(5500, 1500, -20)),
    Phone("f", 0.090, (340, 1100, 2080, 3300), 0.0, Friction(4500, 5000, -24)),
    Phone("s", 0.105, (320, 1500, 2550, 3500), 0.0, Friction(5800, 1500, -12)),
    Phone("S", 0.105, (320, 1800, 2600, 3500), 0.0, Friction(3200, 1200, -10)),
    Phone("b", 0.070, (250, 900, 2150, 3300), 0.2, Friction(900, 1200, -20, 0.85)),
    Phone("d", 0.065, (250, 1700, 2600, 3500), 0.2, Friction(3800, 2000, -18, 0.8)),
    Phone("g", 0.070, (250, 2000, 2500, 3400), 0.2, Friction(2000, 900, -16, 0.75)),
    Phone("p", 0.085, (300, 900, 2150, 3300), 0.0, Friction(1000, 1400, -18, 0.75)),
    Phone("t", 0.080, (300, 1700, 2600, 3500), 0.0, Friction(4200, 2000, -14, 0.65)),
    Phone("k", 0.085, (300, 2000, 2500, 3400), 0.0, Friction(2000, 900, -14, 0.65)),
)


class Effect(NamedTuple):
    """Change of voice, on D additive scales; zero is no change. Fields as in `VoiceParameters`."""

    f0_st: float = 0.0  # semitones
    range_log2: float = 0.0  # of a ratio, as all `log2`
    rate_log2: float = 0.0
    intensity_db: float = 0.0
    tilt_db: float = 0.0
    open_quotient: float = 0.0
    jitter_log2: float = 0.0  # scales shimmer, too
    breathiness_db: float = 0.0
    formants_log2: float = 0.0  # rises as spread lips shorten the tract
    final_st: float = 0.0


N_EFFECTS = len(Effect._fields)


class VoiceGroup(NamedTuple):
    """Mean voice of a class of `taxonomy.GENDER`; fields as in `VoiceParameters`."""

    gender: str
    f0_hz: float
    formant_scale: float
    open_quotient: float
    tilt_db: float
    breathiness_db: float


# F0: near Hillenbrand et al. (1995), their children being ten to twelve years old. Formant scale:
# Fant (1966) for women, Lee, Potamianos & Narayanan (1999) for that age. Source: Klatt & Klatt
# (1990) and Hanson (1997): women's voices have more open quotient, tilt and breathiness.
FEMALE = VoiceGroup("female", 215.0, 1.16, 0.62, 9.0, -22.0)
MALE = VoiceGroup("male", 125.0, 1.0, 0.55, 6.0, -26.0)
FEMALE_CHILD = VoiceGroup("female child", 245.0, 1.28, 0.64, 9.0, -21.0)
MALE_CHILD = VoiceGroup("male child", 235.0, 1.25, 0.62, 8.0, -22.0)


@dataclass(frozen=True, slots=True)
class VoiceParameters:
    """Voice of an utterance; by default that of an average man, neutral and fluent."""

    f0_hz: float  # geometric mean
    f0_range_st: float = 4.0  # height of an accent
    rate: float = 1.0  # speech rate, 1 is average
    formant_scale: float = 1.0  # relative to the mean man, the inverse of the tract's length
    open_quotient: float = 0.6  # share of the cycle in which the glottis is open
    tilt_db: float = 6.0  # attenuation of the source at 3 kHz, at least 0; less for a tense voice
    jitter: float = 0.006  # mean difference of successive periods, as a share of the period
    shimmer_db: float = 0.3  # mean difference of successive amplitudes
    breathiness_db: float = -24.0  # aspiration noise relative to voicing
    final_st: float = 0.0  # movement of F0 over the last quarter of a second
    intensity_db: float = 0.0  # relative to neutral speech
    articulation: float = 1.0  # how far vowels reach from schwa to their targets
    pause_rate: float = 0.0  # mean number of hesitations per syllable


class CorpusStyle(NamedTuple):
    """What speakers of a corpus share through language, culture or director."""

    setting: Effect = Effect()  # shift of all their speech, neutral speech included (Laver 1980)
    habits: tuple[float, ...] = (1.0,) * N_EFFECTS  # factors on an emotion's `Effect`, 1 on average


class Speaker(NamedTuple):
    """Neutral voice of a speaker, and the speaker's own `CorpusStyle`."""

    voice: VoiceParameters
    style: CorpusStyle = CorpusStyle()


# Standard deviations between corpora. Cultures and directors differ in the means by which emotions
# are expressed (Scherer, Banse & Wallbott 2001): the mismatch of a model from another corpus.
STYLE_SPREAD = 0.6
SETTING_SPREAD = Effect(1.5, 0.4, 0.18, 0.0, 4.0, 0.05, 0.4, 4.0, 0.03, 1.0)
HABIT_SPREAD = 0.15  # of speakers within a corpus (Banse & Scherer 1996)


def draw_corpus_style(rng: np.random.Generator) -> CorpusStyle:
    """Random style of a corpus."""
    setting = Effect(*rng.normal(0.0, SETTING_SPREAD).tolist())
    return CorpusStyle(setting, _draw_habits(STYLE_SPREAD, rng))


def _draw_habits(spread: float, rng: np.random.Generator) -> tuple[float, ...]:
    """Random factors (D,), 1 on average and never negative."""
    return tuple(rng.normal(1.0, spread, N_EFFECTS).clip(0.0).tolist())


def draw_speaker(group: VoiceGroup, style: CorpusStyle, rng: np.random.Generator) -> Speaker:
    """Random speaker of a group in a corpus.

    F0 varies by two semitones, formants by 4 % (Hillenbrand et al. 1995); jitter and shimmer are
    those of healthy voices (Klatt & Klatt 1990; Juslin & Laukka 2003).
    """
    own = _draw_habits(HABIT_SPREAD, rng)
    voice = VoiceParameters(
        f0_hz=group.f0_hz * 2 ** (rng.normal(0, 2.0) / 12),
        f0_range_st=4.0 * 2 ** rng.normal(0, 0.25),
        rate=2 ** rng.normal(0, 0.1),
        formant_scale=group.formant_scale * 2 ** rng.normal(0, 0.05),
        open_quotient=group.open_quotient + rng.normal(0, 0.03),
        tilt_db=group.tilt_db + rng.normal(0, 1.5),
        jitter=0.006 * 2 ** rng.normal(0, 0.3),
        shimmer_db=0.3 * 2 ** rng.normal(0, 0.3),
        breathiness_db=group.breathiness_db + rng.normal(0, 1.5),
    )
    habits = tuple(t * h for t, h in zip(style.habits, own, strict=True))
    return Speaker(voice, CorpusStyle(style.setting, habits))
