"""Prosody and articulation: timing of phones, F0, amplitude and formant tracks.

All tracks are on control frames of 5 ms, K per utterance, the rate at which Klatt (1980) updates a
formant synthesizer.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from voxaffect.simulation.speakers import CONSONANTS, PAUSE, SCHWA, VOWELS, Phone, VoiceParameters

Track = NDArray[np.float64]

CONTROL_S = 0.005  # length of a control frame in seconds

MIN_PHONE_S = 0.03
"""Shortest phone: Klatt (1979) never compresses a phone below about 40 % of its duration."""


@dataclass(frozen=True, slots=True)
class Syllable:
    """Phones of a syllable, in order, and whether it is stressed."""

    phones: tuple[Phone, ...]
    stressed: bool = False


Sentence = tuple[Syllable, ...]
"""At least one random syllable, of no language."""


@dataclass(frozen=True)
class UtteranceTiming:
    """Timing of an utterance.

    Args:
        phones: P phones in order, with silence before and after.
        frames: number of control frames of each, int (P,), at least one.
        stressed: whether each is the vowel of a stressed syllable, bool (P,).
    """

    phones: tuple[Phone, ...]
    frames: NDArray[np.int64]
    stressed: NDArray[np.bool_]

    @property
    def n_frames(self) -> int:
        """Number of control frames K."""
        return int(self.frames.sum())

    @property
    def starts(self) -> NDArray[np.int64]:
        """First control frame of each phone, (P,)."""
        return np.cumsum(self.frames) - self.frames

    def hold(self, values: Track) -> Track:
        """Repeat one value per phone (P, ...) over its control frames, (K, ...)."""
        return np.repeat(values, self.frames, axis=0)


def draw_sentence(rng: np.random.Generator, n_syllables: int) -> Sentence:
    """Random sentence of open and closed syllables, every third one stressed."""
    beat = rng.integers(3)
    return tuple(_draw_syllable(rng, stressed=i % 3 == beat) for i in range(n_syllables))


def _draw_syllable(rng: np.random.Generator, *, stressed: bool) -> Syllable:
    onset, coda = rng.integers(len(CONSONANTS), size=2)
    vowel = VOWELS[rng.integers(len(VOWELS) - stressed)]  # schwa, the last, is never stressed
    closed = rng.random() < 0.25
    phones = (CONSONANTS[onset], vowel, *([CONSONANTS[coda]] if closed else []))
    return Syllable(phones, stressed)


def draw_timing(
    sentence: Sentence, voice: VoiceParameters, rng: np.random.Generator
) -> UtteranceTiming:
    """Random durations of all phones, and hesitations between syllables.

    A stressed vowel has 1.3 times its inherent duration, the last syllable 1.4 times (Klatt 1979),
    and each phone varies by a tenth.
    """
    syllables = _add_hesitations(sentence, voice.pause_rate, rng)
    spoken = [
        (phone, syllable.stressed and phone in VOWELS, syllable is syllables[-1])
        for syllable in syllables
        for phone in syllable.phones
    ]
    silence = (PAUSE, False, False)
    phones, stressed, final = zip(silence, *spoken, silence, strict=True)
    inherent_s = np.array([phone.duration_s for phone in phones])
    lengthened_s = inherent_s * (np.where(stressed, 1.3, 1.0) * np.where(final, 1.4, 1.0))
    varied_s = lengthened_s * np.exp2(rng.normal(0, 0.14, len(phones)))
    frames = np.round(np.maximum(varied_s / voice.rate, MIN_PHONE_S) / CONTROL_S)
    return UtteranceTiming(phones, frames.astype(np.int64), np.array(stressed, dtype=bool))


def _add_hesitations(syllables: Sentence, pause_rate: float, rng: np.random.Generator) -> Sentence:
    """Insert silent or filled pauses after random syllables, never after the last."""
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


def f0_contour(timing: UtteranceTiming, voice: VoiceParameters, rng: np.random.Generator) -> Track:
    """F0 in Hz per control frame, (K,), defined in voiceless frames, too.

    Semitones add up, as in Fujisaki's (1983) phrase and accent commands: a declination by half the
    accents' height, an accent on every stressed vowel, a final movement over the last 250 ms before
    the closing silence, and a slow drift. Their mean over voiced frames is the voice's mean F0.
    """
    frames = np.arange(timing.n_frames)
    before_end_s = (timing.starts[-1] - frames) * CONTROL_S
    semitones = (
        np.linspace(0.25, -0.25, timing.n_frames) * voice.f0_range_st
        + voice.f0_range_st * _accents(timing, rng)
        + voice.final_st * np.clip(1 - before_end_s / 0.25, 0.0, 1.0)
        + _drift(timing.n_frames, rng)
    )
    voiced = timing.hold(np.array([p.voicing for p in timing.phones])) > 0.5
    centered = semitones - np.average(semitones, weights=voiced)
    return np.asarray(np.clip(voice.f0_hz * np.exp2(centered / 12), 55.0, 600.0))


def _accents(timing: UtteranceTiming, rng: np.random.Generator) -> Track:
    """Gaussians of 70 ms standard deviation at stressed vowels, 0.6 to 1 high, (K,)."""
    middles = (timing.starts + timing.frames / 2)[timing.stressed]
    heights = rng.uniform(0.6, 1.0, middles.size)
    distance_s = (np.arange(timing.n_frames)[:, None] - middles) * CONTROL_S  # (K, accents)
    return np.asarray(np.exp(-0.5 * (distance_s / 0.07) ** 2) @ heights)


def _drift(n_frames: int, rng: np.random.Generator) -> Track:
    """Random drift, 0.3 semitones of standard deviation, slower than 100 ms, (K,)."""
    width = 0.1 / CONTROL_S
    gain = float(np.sqrt(2 * np.sqrt(np.pi) * width))  # of the filter on white noise, inverted
    return 0.3 * gain * np.asarray(gaussian_filter1d(rng.normal(size=n_frames), width))


def amplitude(timing: UtteranceTiming, voice: VoiceParameters) -> Track:
    """Amplitude of voicing per control frame, (K,), about 1 in a stressed vowel.

    Unstressed vowels are 2 to 5 dB lower, more so for a wider F0 range, as accents of pitch and of
    loudness coincide.
    """
    drop_db = np.clip(voice.f0_range_st / 2, 2.0, 5.0)
    relative = np.where(timing.stressed, 1.0, 10 ** (-drop_db / 20))
    voicing = np.array([phone.voicing for phone in timing.phones])
    return gaussian_filter1d(timing.hold(voicing * relative), 0.008 / CONTROL_S)


def formants(timing: UtteranceTiming, voice: VoiceParameters) -> Track:
    """F1 to F4 in Hz per control frame, (K, 4), smoothed between targets.

    Undershoot moves targets towards schwa; loud speech opens the jaw, which raises F1 by 3.5 Hz per
    decibel (Liénard & Di Benedetto 1999).
    """
    neutral = np.array(SCHWA.formants_hz)
    targets = np.array([phone.formants_hz for phone in timing.phones])  # (P, 4)
    targets = neutral + voice.articulation * (targets - neutral)
    targets[:, 0] = np.maximum(targets[:, 0] + 3.5 * voice.intensity_db, 200.0)
    return gaussian_filter1d(timing.hold(targets * voice.formant_scale), 0.015 / CONTROL_S, axis=0)
