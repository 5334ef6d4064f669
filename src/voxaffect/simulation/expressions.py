"""Effects of emotion and speaking style on a voice.

Directions and sizes of the effects come from the literature on vocal emotion:

- BS96: Banse & Scherer (1996), acoustic profiles of fourteen portrayed emotions.
- JL03: Juslin & Laukka (2003), a review of 104 studies of vocal expression.
- MA93: Murray & Arnott (1993), a review of human vocal emotion.
- BS00: Burkhardt & Sendlmeier (2000), synthesis settings that listeners recognized.

Directions are theirs; sizes are rounded to the scales of `Effect` and then scaled by the style.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from voxaffect.simulation.speakers import N_EFFECTS, Effect, Speaker, VoiceParameters

# Change from neutral in moderately expressive speech. Columns are the fields of `Effect`:
#             F0  range   rate  level  tilt   open  jitter  breath  formants  final
_TABLE = """
neutral      0.0    0.0   0.00    0.0   0.0   0.00     0.0     0.0      0.00    0.0
happy        4.0    0.8   0.18    4.0  -2.0   0.00     0.0     0.0      0.06    2.0
sad         -1.0   -0.6  -0.32   -5.0   5.0   0.08     0.6     6.0      0.00   -1.5
angry        3.0    0.7   0.22    8.0  -5.0  -0.10     0.5    -2.0      0.00   -2.0
boredom     -2.0   -0.7  -0.32   -2.0   1.5   0.00     0.0     0.0      0.00    0.0
disgust     -1.5   0.15  -0.25   -1.0   0.0   0.00     0.5     0.0      0.00   -3.0
fear         6.0    0.1   0.32    0.0   2.0   0.05     0.8     3.0      0.00    1.0
surprise     5.0    0.9   0.10    3.0   0.0   0.00     0.0     0.0      0.00    6.0
calm        -1.0  -0.35  -0.20   -3.0   3.0   0.04    -0.3     2.0      0.00    0.0
cold anger   1.0    0.2   0.10    4.0  -3.0   0.00     0.0     0.0      0.00   -2.0
frustrated   1.0    0.3   0.00    3.0  -2.0   0.00     0.3     0.0      0.00    0.0
emphatic     0.0    0.4  -0.20    3.0   0.0   0.00     0.0     0.0      0.00    0.0
rest         0.0    0.0   0.00    0.0   0.0   0.00     0.0     0.0      0.00    0.0
"""
"""Sources:

- happy: F0 "much higher", range "much wider", faster, louder: MA93; rising contours, medium high
  frequency energy: JL03; spread lips, which raise the formants: BS00.
- sad: slower, lower, narrower, quieter, "downward inflections": MA93; little high-frequency energy,
  irregular: JL03; breathy, 40 % slower, range 20 % narrower, jitter: BS00.
- angry: louder, range "much wider", abrupt changes on stressed syllables, tense: MA93; much
  high-frequency energy, high F0, irregular: JL03; flat spectrum of hot anger: BS96; tense phonation
  (small open quotient), faster: BS00.
- boredom: lower, narrower, slower than neutral, a little quieter: BS96; F0, rate 20 % lower: BS00.
- disgust: "very much lower", "very much slower", range slightly wider, grumbled, wide falling
  terminal inflections: MA93, of which this is the milder half that BS96 measured.
- fear: "very much higher", "much faster", irregular voicing: MA93; little F0 variability: JL03; F0
  raised by an octave and more, with falsetto, was still recognized: BS00.
- surprise: not in MA93; the high, wide, rising contour of elation in BS96, with a final rise.
- calm: "tenderness" of JL03: slow, quiet, low, narrow, little high-frequency energy, regular.
- cold anger: between neutral speech and hot anger in F0, level and rate: BS96.
- frustrated: weak anger; listeners confuse the two more than any others (Busso et al. 2008).
- emphatic: "pronounced, accentuated, sometimes hyper-articulated" (Batliner et al. 2008).
- rest: the remainder of spontaneous speech, without a direction (Steidl 2009)."""

EFFECTS = {
    emotion: Effect(*map(float, values))
    for emotion, *values in (re.split(" {2,}", row) for row in _TABLE.strip().splitlines())
}
"""Effect of each emotion, by a key of `taxonomy.EMOTION_OF_LABEL`."""

NEUTRAL, HAPPY, SAD, ANGRY = (EFFECTS[name] for name in ("neutral", "happy", "sad", "angry"))

# Standard deviations between two utterances of one speaker in one emotion.
SPREAD = Effect(0.5, 0.13, 0.05, 1.0, 0.8, 0.013, 0.15, 0.8, 0.008, 0.8)
STRENGTH_SPREAD_LOG2 = 0.3  # of an emotion's strength


class Style(NamedTuple):
    """Speaking style."""

    naturalness: str  # a class of `taxonomy.NATURALNESS`
    effect_scale: float  # portrayals exaggerate: Williams & Stevens (1972), Batliner et al. (2003)
    spread_scale: float  # factor on the variation between utterances
    articulation: float  # conversation undershoots 1 (Lindblom 1963; Picheny et al. 1986)
    pause_rate: float  # as in `VoiceParameters`


# Both scales are tuned so that an SVM on functionals scores on simulated corpora roughly as on real
# ones: well within a corpus, worse across corpora, far from chance and from perfect.
ACTED = Style("acted", effect_scale=1.4, spread_scale=1.0, articulation=1.0, pause_rate=0.01)
NATURAL = Style("natural", effect_scale=0.8, spread_scale=1.25, articulation=0.75, pause_rate=0.08)


def draw_effect(
    speaker: Speaker, emotion: Effect, style: Style, rng: np.random.Generator
) -> Effect:
    """Random effect: setting + scale x strength x habits x emotion + variation."""
    setting, habits = np.array(speaker.style.setting), np.array(speaker.style.habits)
    strength = style.effect_scale * 2 ** rng.normal(0, STRENGTH_SPREAD_LOG2)
    variation = style.spread_scale * np.array(SPREAD) * rng.normal(size=N_EFFECTS)
    return Effect(*(setting + strength * habits * emotion + variation).tolist())


def apply_effect(speaker: Speaker, effect: Effect, style: Style) -> VoiceParameters:
    """Change the speaker's neutral voice by an effect, within physiological limits."""
    voice, irregularity = speaker.voice, 2**effect.jitter_log2
    return replace(
        voice,
        f0_hz=float(np.clip(voice.f0_hz * 2 ** (effect.f0_st / 12), 65.0, 480.0)),
        f0_range_st=float(np.clip(voice.f0_range_st * 2**effect.range_log2, 0.5, 14.0)),
        final_st=effect.final_st,
        rate=float(np.clip(voice.rate * 2**effect.rate_log2, 0.5, 2.0)),
        intensity_db=float(np.clip(effect.intensity_db, -14.0, 14.0)),
        tilt_db=max(voice.tilt_db + effect.tilt_db, 0.0),
        open_quotient=float(np.clip(voice.open_quotient + effect.open_quotient, 0.3, 0.9)),
        jitter=min(voice.jitter * irregularity, 0.04),
        shimmer_db=min(voice.shimmer_db * irregularity, 1.5),
        breathiness_db=min(voice.breathiness_db + effect.breathiness_db, -6.0),
        formant_scale=voice.formant_scale * 2**effect.formants_log2,
        articulation=style.articulation,
        pause_rate=style.pause_rate,
    )
