"""When each phone is spoken, how high and how loud.

Everything here runs on control frames of 5 ms, K of them in an utterance, the rate at which Klatt
(1980) updates a formant synthesizer.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from voxaffect.simulation.expressions import VoiceParameters
from voxaffect.simulation.speakers import CONSONANTS, PAUSE, SCHWA, VOWELS, Phone

CONTROL_S = 0.005
"""Length of a control frame in seconds."""

MIN_PHONE_S = 0.03
"""Shortest phone: Klatt (1979) never compresses a phone below about 40 % of its duration."""


@dataclass(frozen=True, slots=True)
class Syllable:
    """A consonant and a vowel, or more.

    Args:
        phones: the sounds in order.
        stressed: whether it bears an accent.
    """

    phones: tuple[Phone, ...]
    stressed: bool = False


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is said, in no language.

    Args:
        syllables: at least one.
    """

    syllables: tuple[Syllable, ...]


@dataclass(frozen=True)
class UtteranceTiming:
    """Phones in time, P of them.

    Args:
        phones: the sounds, with silence before and after.
        frames: control frames that each lasts, int (P,), at least one.
        stressed: whether each is the vowel of a stressed syllable, bool (P,).
    """

    phones: tuple[Phone, ...]
    frames: NDArray[np.int64]
    stressed: NDArray[np.bool_]

    @property
    def n_frames(self) -> int:
        """Control frames K."""
        return int(self.frames.sum())

    @property
    def starts(self) -> NDArray[np.int64]:
        """First control frame of each phone, (P,)."""
        return np.cumsum(self.frames) - self.frames

    def hold(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """One value a phone (P, ...) held over its control frames, (K, ...)."""
        return np.repeat(values, self.frames, axis=0)


def draw_sentence(rng: np.random.Generator, n_syllables: int) -> Sentence:
    """A random sentence of open and closed syllables, about every third one stressed."""
    beat = rng.integers(3)
    return Sentence(tuple(_draw_syllable(rng, stressed=i % 3 == beat) for i in range(n_syllables)))


def _draw_syllable(rng: np.random.Generator, *, stressed: bool) -> Syllable:
    onset, coda = rng.integers(len(CONSONANTS), size=2)
    vowel = VOWELS[rng.integers(len(VOWELS) - stressed)]  # schwa, the last, bears no stress
    closed = rng.random() < 0.25
    phones = (CONSONANTS[onset], vowel, *([CONSONANTS[coda]] if closed else []))
    return Syllable(phones, stressed)


def draw_timing(
    sentence: Sentence, delivery: VoiceParameters, rng: np.random.Generator
) -> UtteranceTiming:
    """Durations of all phones, with hesitations drawn between syllables.

    A stressed vowel lasts 1.3 times its inherent duration, the last syllable 1.4 times (Klatt
    1979), and each phone varies by a tenth.
    """
    syllables = _hesitate(sentence.syllables, delivery.pause_rate, rng)
    spoken = [
        (phone, syllable.stressed and phone in VOWELS, syllable is syllables[-1])
        for syllable in syllables
        for phone in syllable.phones
    ]
    silence = (PAUSE, False, False)
    phones, stressed, final = zip(silence, *spoken, silence, strict=True)
    inherent_s = np.array([phone.duration_s for phone in phones])
    longer = np.where(stressed, 1.3, 1.0) * np.where(final, 1.4, 1.0)
    varied_s = inherent_s * longer * np.exp2(rng.normal(0, 0.14, len(phones)))
    frames = np.round(np.maximum(varied_s / delivery.rate, MIN_PHONE_S) / CONTROL_S)
    return UtteranceTiming(phones, frames.astype(np.int64), np.array(stressed, dtype=bool))


def _hesitate(
    syllables: tuple[Syllable, ...], pause_rate: float, rng: np.random.Generator
) -> tuple[Syllable, ...]:
    """Put silent or filled pauses after some syllables, never after the last."""
    pauses = (Syllable((PAUSE,)), Syllable((SCHWA, SCHWA, PAUSE)))
    hesitant = rng.random(len(syllables)) < pause_rate
    hesitant[-1] = False
    kinds = rng.integers(len(pauses), size=len(syllables))
    return tuple(
        chain.from_iterable(
            (syllable, pauses[kind]) if pause else (syllable,)
            for syllable, pause, kind in zip(syllables, hesitant, kinds, strict=True)
        )
    )


def f0_contour(
    timeline: UtteranceTiming, delivery: VoiceParameters, rng: np.random.Generator
) -> NDArray[np.float64]:
    """F0 in Hz a control frame, (K,), defined through voiceless stretches too.

    Semitones superpose, as in Fujisaki's (1983) phrase and accent commands: a declination, an
    accent on every stressed vowel, a final movement, and a slow drift. The mean over voiced frames
    is moved to the delivery's mean F0.
    """
    semitones = (
        _declination(timeline.n_frames, delivery.f0_range_st)
        + delivery.f0_range_st * _accents(timeline, rng)
        + delivery.final_st * _final(timeline)
        + _drift(timeline.n_frames, rng)
    )
    voiced = timeline.hold(np.array([p.voicing for p in timeline.phones])) > 0.5
    centered = semitones - np.average(semitones, weights=voiced)
    return np.clip(delivery.f0_hz * np.exp2(centered / 12), 55.0, 600.0)


def _declination(n_frames: int, range_st: float) -> NDArray[np.float64]:
    """A fall by half the accents' height from the first frame to the last."""
    return np.linspace(0.25, -0.25, n_frames) * range_st


def _accents(timeline: UtteranceTiming, rng: np.random.Generator) -> NDArray[np.float64]:
    """Bells of 70 ms standard deviation on the middles of stressed vowels, 0.6 to 1 high, (K,)."""
    middles = (timeline.starts + timeline.frames / 2)[timeline.stressed]
    heights = rng.uniform(0.6, 1.0, middles.size)
    distance_s = (np.arange(timeline.n_frames)[:, None] - middles) * CONTROL_S  # (K, accents)
    accents: NDArray[np.float64] = np.exp(-0.5 * (distance_s / 0.07) ** 2) @ heights
    return accents


def _final(timeline: UtteranceTiming) -> NDArray[np.float64]:
    """A ramp from 0 to 1 over the last 250 ms before the closing silence, (K,)."""
    end = timeline.starts[-1]
    before_end_s = (end - np.arange(timeline.n_frames)) * CONTROL_S
    ramp: NDArray[np.float64] = np.clip(1 - before_end_s / 0.25, 0.0, 1.0)
    return ramp


def _drift(n_frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Unintended wandering, 0.3 semitones of standard deviation, slower than 100 ms, (K,)."""
    width = 0.1 / CONTROL_S
    gain = float(np.sqrt(2 * np.sqrt(np.pi) * width))  # undoes the filter's on white noise
    drift: NDArray[np.float64] = gaussian_filter1d(rng.normal(size=n_frames), width)
    return 0.3 * gain * drift


def amplitude(timeline: UtteranceTiming, delivery: VoiceParameters) -> NDArray[np.float64]:
    """Amplitude of voicing a control frame, (K,), about 1 in a stressed vowel.

    Unstressed vowels lie 2 to 5 dB lower, the more the wider the F0 range: accents of pitch and of
    loudness go together.
    """
    drop_db = np.clip(delivery.f0_range_st / 2, 2.0, 5.0)
    relief = np.where(timeline.stressed, 1.0, 10 ** (-drop_db / 20))
    voicing = np.array([phone.voicing for phone in timeline.phones])
    return gaussian_filter1d(timeline.hold(voicing * relief), 0.008 / CONTROL_S)


def formants(timeline: UtteranceTiming, delivery: VoiceParameters) -> NDArray[np.float64]:
    """F1 to F4 in Hz a control frame, (K, 4), gliding between targets.

    Undershoot draws targets towards schwa; loud speech opens the jaw, which lifts F1 by 3.5 Hz a
    decibel (Liénard & Di Benedetto 1999).
    """
    neutral = np.array(SCHWA.formants_hz)
    targets = neutral + delivery.articulation * (_targets(timeline) - neutral)
    targets[:, 0] = np.maximum(targets[:, 0] + 3.5 * delivery.intensity_db, 200.0)
    scaled = targets * delivery.formant_scale
    return gaussian_filter1d(timeline.hold(scaled), 0.015 / CONTROL_S, axis=0)


def _targets(timeline: UtteranceTiming) -> NDArray[np.float64]:
    """Formants that each phone aims at, (P, 4)."""
    return np.array([phone.formants_hz for phone in timeline.phones])
