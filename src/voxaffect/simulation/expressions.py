"""What an emotion does to a voice, how a style of speaking scales it, and the voice that results.

Directions and sizes come from the literature on vocal emotion:

- BS96: Banse & Scherer (1996), acoustic profiles of fourteen portrayed emotions.
- JL03: Juslin & Laukka (2003), a review of 104 studies of vocal expression.
- MA93: Murray & Arnott (1993), a review of human vocal emotion.
- BS00: Burkhardt & Sendlmeier (2000), synthesis settings that listeners recognized.

Directions are theirs; sizes are rounded to the scales of `Effect` and then scaled by the style.

An emotion is a shift from the speaker's own neutral voice. Between utterances its strength varies,
and everyday variation is added to it, so that emotions overlap as they do in recordings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voxaffect.simulation.speakers import Effect, Speaker


@dataclass(frozen=True, slots=True)
class Expression:
    """An emotion as a change of voice.

    Args:
        label: a word that `taxonomy.WORDS` knows.
        effect: the change from neutral in moderately expressive speech.
    """

    label: str
    effect: Effect


NEUTRAL = Expression("neutral", Effect())

# F0 "much higher", range "much wider", rate "faster", louder: MA93; rising contours, medium high
# frequency energy: JL03; lips spread, which lifts the formants: BS00.
HAPPY = Expression(
    "happy",
    Effect(
        f0_st=4.0,
        range_log2=0.8,
        rate_log2=0.18,
        intensity_db=4.0,
        tilt_db=-2.0,
        formants_log2=0.06,
        final_st=2.0,
    ),
)

# Slower, lower, narrower, quieter, "downward inflections": MA93; little high-frequency energy,
# irregular: JL03; breathy, 40 % slower, range 20 % narrower, jitter: BS00.
SAD = Expression(
    "sad",
    Effect(
        f0_st=-1.0,
        range_log2=-0.6,
        rate_log2=-0.32,
        intensity_db=-5.0,
        tilt_db=5.0,
        open_quotient=0.08,
        jitter_log2=0.6,
        breathiness_db=6.0,
        final_st=-1.5,
    ),
)

# Louder, range "much wider", abrupt changes on stressed syllables, tense: MA93; much
# high-frequency energy, high F0, irregular: JL03; hot anger's flat spectrum: BS96; tense
# phonation (small open quotient), faster: BS00.
ANGRY = Expression(
    "angry",
    Effect(
        f0_st=3.0,
        range_log2=0.7,
        rate_log2=0.22,
        intensity_db=8.0,
        tilt_db=-5.0,
        open_quotient=-0.1,
        jitter_log2=0.5,
        breathiness_db=-2.0,
        final_st=-2.0,
    ),
)

# Lower, narrower, slower than neutral, a little quieter: BS96; F0 and rate 20 % lower: BS00.
BOREDOM = Expression(
    "boredom",
    Effect(f0_st=-2.0, range_log2=-0.7, rate_log2=-0.32, intensity_db=-2.0, tilt_db=1.5),
)

# "Very much lower", "very much slower", range slightly wider, grumbled, wide falling terminal
# inflections: MA93, of which we take the milder half that BS96 measured.
DISGUST = Expression(
    "disgust",
    Effect(
        f0_st=-1.5,
        range_log2=0.15,
        rate_log2=-0.25,
        intensity_db=-1.0,
        jitter_log2=0.5,
        final_st=-3.0,
    ),
)

# "Very much higher", "much faster", irregular voicing: MA93; little F0 variability: JL03; F0 raised
# by an octave and more, with falsetto, was still recognized: BS00.
FEAR = Expression(
    "fear",
    Effect(
        f0_st=6.0,
        range_log2=0.1,
        rate_log2=0.32,
        tilt_db=2.0,
        open_quotient=0.05,
        jitter_log2=0.8,
        breathiness_db=3.0,
        final_st=1.0,
    ),
)

# MA93 gives no column; the high, wide, rising contour is that of elation in BS96 ended by a rise.
SURPRISE = Expression(
    "surprise",
    Effect(f0_st=5.0, range_log2=0.9, rate_log2=0.1, intensity_db=3.0, final_st=6.0),
)

# The column "tenderness" of JL03: slow, quiet, low, narrow, little high-frequency energy, regular.
CALM = Expression(
    "calm",
    Effect(
        f0_st=-1.0,
        range_log2=-0.35,
        rate_log2=-0.2,
        intensity_db=-3.0,
        tilt_db=3.0,
        open_quotient=0.04,
        jitter_log2=-0.3,
        breathiness_db=2.0,
    ),
)

# Anger held down: BS96 find cold anger between neutral speech and hot anger in F0, level and rate.
COLD_ANGER = Expression(
    "cold anger",
    Effect(f0_st=1.0, range_log2=0.2, rate_log2=0.1, intensity_db=4.0, tilt_db=-3.0, final_st=-2.0),
)

# Near to anger, weaker: listeners confuse the two more than any others (Busso et al. 2008).
FRUSTRATED = Expression(
    "frustrated",
    Effect(f0_st=1.0, range_log2=0.3, intensity_db=3.0, tilt_db=-2.0, jitter_log2=0.3),
)

# "Pronounced, accentuated, sometimes hyper-articulated" to a robot (Batliner et al. 2008).
EMPHATIC = Expression("emphatic", Effect(range_log2=0.4, rate_log2=-0.2, intensity_db=3.0))

# What is left over of spontaneous speech: bored, surprised, helpless (Steidl 2009); no direction.
REST = Expression("rest", Effect())

# Variation between two utterances of one speaker in one emotion, standard deviations.
SPREAD = Effect(
    f0_st=0.5,
    range_log2=0.13,
    rate_log2=0.05,
    intensity_db=1.0,
    tilt_db=0.8,
    open_quotient=0.013,
    jitter_log2=0.15,
    breathiness_db=0.8,
    formants_log2=0.008,
    final_st=0.8,
)

STRENGTH_SPREAD_LOG2 = 0.3
"""Standard deviation of an emotion's strength between utterances, log2."""


@dataclass(frozen=True, slots=True)
class Style:
    """How openly and how carefully someone speaks.

    Args:
        naturalness: a class of `taxonomy.NATURALNESS`.
        effect_scale: factor on the effects of emotion. Portrayals exaggerate: Williams & Stevens
            (1972), Batliner et al. (2003).
        spread_scale: factor on the variation between utterances.
        articulation: how far vowels reach from schwa to their targets, 1 is all the way;
            conversation undershoots (Lindblom 1963; Picheny et al. 1986).
        pause_rate: mean number of hesitations a syllable.
    """

    naturalness: str
    effect_scale: float
    spread_scale: float
    articulation: float
    pause_rate: float


# The two scales are calibrated so that an SVM on functionals scores on simulated corpora somewhat
# as on real ones: well within a corpus, worse across corpora, far from chance and from perfect.
ACTED = Style("acted", effect_scale=1.4, spread_scale=1.0, articulation=1.0, pause_rate=0.01)
NATURAL = Style("natural", effect_scale=0.8, spread_scale=1.25, articulation=0.75, pause_rate=0.08)


@dataclass(frozen=True, slots=True)
class VoiceParameters:
    """The voice of one utterance; units as in `Speaker` and `Effect`.

    Args:
        f0_hz: geometric mean of F0.
        f0_range_st: height of an accent.
        final_st: movement of F0 at the end.
        rate: speech rate, 1 is unhurried.
        intensity_db: level against that of neutral speech.
        tilt_db: fall of the source spectrum at 3 kHz, at least 0.
        open_quotient: share of the cycle during which the glottis is open.
        jitter: mean difference of successive periods, as a share of the period.
        shimmer_db: mean difference of successive amplitudes.
        breathiness_db: aspiration noise against voicing.
        formant_scale: formants against those of the mean man.
        articulation: how far vowels reach from schwa.
        pause_rate: mean number of hesitations a syllable.
    """

    f0_hz: float
    f0_range_st: float
    final_st: float
    rate: float
    intensity_db: float
    tilt_db: float
    open_quotient: float
    jitter: float
    shimmer_db: float
    breathiness_db: float
    formant_scale: float
    articulation: float
    pause_rate: float


def draw_voice(
    speaker: Speaker, expression: Expression, style: Style, rng: np.random.Generator
) -> VoiceParameters:
    """One utterance's voice: the speaker, moved by a random strength of the expression."""
    return apply_effect(speaker, draw_effect(speaker, expression, style, rng), style)


def draw_effect(
    speaker: Speaker, expression: Expression, style: Style, rng: np.random.Generator
) -> Effect:
    """A random effect: setting + scale x strength x habits x expression + variation."""
    strength = style.effect_scale * 2 ** rng.normal(0, STRENGTH_SPREAD_LOG2)
    variation = style.spread_scale * SPREAD.vector() * rng.normal(size=len(speaker.habits))
    emotion = strength * np.array(speaker.habits) * expression.effect.vector()
    return Effect(*(speaker.setting.vector() + emotion + variation).tolist())


def apply_effect(speaker: Speaker, effect: Effect, style: Style) -> VoiceParameters:
    """The speaker's neutral voice changed by an effect, within what a larynx can do."""
    irregularity = 2**effect.jitter_log2
    return VoiceParameters(
        f0_hz=float(np.clip(speaker.f0_hz * 2 ** (effect.f0_st / 12), 65.0, 480.0)),
        f0_range_st=float(np.clip(speaker.f0_range_st * 2**effect.range_log2, 0.5, 14.0)),
        final_st=effect.final_st,
        rate=float(np.clip(speaker.rate * 2**effect.rate_log2, 0.5, 2.0)),
        intensity_db=float(np.clip(effect.intensity_db, -14.0, 14.0)),
        tilt_db=max(speaker.tilt_db + effect.tilt_db, 0.0),
        open_quotient=float(np.clip(speaker.open_quotient + effect.open_quotient, 0.3, 0.9)),
        jitter=min(speaker.jitter * irregularity, 0.04),
        shimmer_db=min(speaker.shimmer_db * irregularity, 1.5),
        breathiness_db=min(speaker.breathiness_db + effect.breathiness_db, -6.0),
        formant_scale=speaker.formant_scale * 2**effect.formants_log2,
        articulation=style.articulation,
        pause_rate=style.pause_rate,
    )
