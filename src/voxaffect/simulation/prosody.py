"""Timing of phones; F0, amplitude and formant tracks on K control frames of 5 ms (Klatt 1980)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from voxaffect.simulation.speakers import CONSONANTS, PAUSE, SCHWA, VOWELS, Phone, VoiceParameters

Track = NDArray[np.float64]

CONTROL_S = 0.005  # length of a control frame in seconds
MIN_PHONE_S = 0.03  # Klatt (1979) never compresses a phone below about 40 % of its duration


@dataclass(frozen=True, slots=True)
class Syllable:
    """Phones of a syllable, in order, and whether it is stressed."""

    phones: tuple[Phone, ...]
    stressed: bool = False


Sentence = tuple[Syllable, ...]  # at least one random syllable, of no language


class UtteranceTiming(NamedTuple):
    """Timing of an utterance of P phones."""

    phones: tuple[Phone, ...]  # in order, with silence before and after
    frames: NDArray[np.int64]  # number of control frames of each, (P,), at least one
    stressed: NDArray[np.bool_]  # whether each is the vowel of a stressed syllable, (P,)

    @property
    def n_frames(self) -> int:
        """Number of control frames K."""
        return int(self.frames.sum())

    @property
    def starts(self) -> NDArray[np.int64]:
        """First control frame of each phone, (P,)."""
        return np.cumsum(self.frames) - self.frames

    def hold(self, field: str) -> Track:
        """A field of the phones, repeated over their control frames, (K, ...)."""
        values = np.array([getattr(phone, field) for phone in self.phones], dtype=np.float64)
        return np.repeat(values, self.frames, axis=0)


def draw_sentence(rng: np.random.Generator, n_syllables: int) -> Sentence:
    """Random sentence of open and closed syllables, every third one stressed."""
    syllables, beat = [], rng.integers(3)
    for i in range(n_syllables):
        onset, coda = (CONSONANTS[k] for k in rng.integers(len(CONSONANTS), size=2))
        stressed = i % 3 == beat
        vowel = VOWELS[rng.integers(len(VOWELS) - stressed)]  # schwa, the last, is never stressed
        closed = rng.random() < 0.25
        syllables.append(Syllable((onset, vowel, coda) if closed else (onset, vowel), stressed))
    return tuple(syllables)


HESITATIONS = ((PAUSE,), (SCHWA, SCHWA, PAUSE))  # silent and filled pauses


def draw_timing(
    sentence: Sentence, voice: VoiceParameters, rng: np.random.Generator
) -> UtteranceTiming:
    """Random durations of all phones, and hesitations between syllables.

    A stressed vowel has 1.3 times its inherent duration, the last syllable 1.4 times (Klatt 1979),
    and each phone varies by a tenth.
    """
    hesitant = rng.random(len(sentence)) < voice.pause_rate
    hesitant[-1] = False
    kinds = rng.integers(len(HESITATIONS), size=len(sentence))
    spoken = []
    for syllable, pause, kind in zip(sentence, hesitant, kinds, strict=True):
        is_last = syllable is sentence[-1]
        spoken += [(p, syllable.stressed and p in VOWELS, is_last) for p in syllable.phones]
        spoken += [(p, False, False) for p in HESITATIONS[kind] if pause]
    silence = (PAUSE, False, False)
    phones, stressed, final = zip(silence, *spoken, silence, strict=True)
    inherent_s = np.array([phone.duration_s for phone in phones])
    lengthened_s = inherent_s * (np.where(stressed, 1.3, 1.0) * np.where(final, 1.4, 1.0))
    varied_s = lengthened_s * np.exp2(rng.normal(0, 0.14, len(phones)))
    frames = np.round(np.maximum(varied_s / voice.rate, MIN_PHONE_S) / CONTROL_S)
    return UtteranceTiming(phones, frames.astype(np.int64), np.array(stressed, dtype=bool))


def f0_contour(timing: UtteranceTiming, voice: VoiceParameters, rng: np.random.Generator) -> Track:
    """F0 in Hz per control frame, (K,), defined in voiceless frames, too.

    Semitones add up, as in Fujisaki's (1983) phrase and accent commands: a declination by half the
    accents' height, an accent on every stressed vowel, a final movement over the last 250 ms before
    the closing silence, and a slow drift. Their mean over voiced frames is the voice's mean F0.
    """
    frames = np.arange(timing.n_frames)
    # Accents are Gaussians of 70 ms standard deviation at stressed vowels, 0.6 to 1 high.
    middles = (timing.starts + timing.frames / 2)[timing.stressed]
    heights = rng.uniform(0.6, 1.0, middles.size)
    distance_s = (frames[:, None] - middles) * CONTROL_S
    accents = np.exp(-0.5 * (distance_s / 0.07) ** 2) @ heights
    # The drift, of 0.3 semitones standard deviation, is white noise after a filter of 100 ms.
    width = 0.1 / CONTROL_S
    drift = gaussian_filter1d(rng.normal(size=timing.n_frames), width)
    before_end_s = (timing.starts[-1] - frames) * CONTROL_S
    semitones = (  # The order of the sum decides the bytes of all simulated corpora.
        np.linspace(0.25, -0.25, timing.n_frames) * voice.f0_range_st
        + voice.f0_range_st * accents
        + voice.final_st * np.clip(1 - before_end_s / 0.25, 0.0, 1.0)
        + 0.3 * np.sqrt(2 * np.sqrt(np.pi) * width) * drift
    )
    centered = semitones - np.average(semitones, weights=timing.hold("voicing") > 0.5)
    return np.asarray(np.clip(voice.f0_hz * np.exp2(centered / 12), 55.0, 600.0))


def amplitude(timing: UtteranceTiming, voice: VoiceParameters) -> Track:
    """Amplitude of voicing, (K,), about 1 in a stressed vowel, 2 to 5 dB lower in others.

    That is more for a wider F0 range, as accents of pitch and of loudness coincide.
    """
    drop_db = np.clip(voice.f0_range_st / 2, 2.0, 5.0)
    relative = np.where(timing.stressed, 1.0, 10 ** (-drop_db / 20))
    voicing = timing.hold("voicing") * np.repeat(relative, timing.frames)
    return gaussian_filter1d(voicing, 0.008 / CONTROL_S)


def formants(timing: UtteranceTiming, voice: VoiceParameters) -> Track:
    """F1 to F4 in Hz per control frame, (K, 4), smoothed between targets.

    Undershoot moves targets towards schwa; loud speech opens the jaw, which raises F1 by 3.5 Hz per
    decibel (Liénard & Di Benedetto 1999).
    """
    neutral = np.array(SCHWA.formants_hz)
    targets = neutral + voice.articulation * (timing.hold("formants_hz") - neutral)
    targets[:, 0] = np.maximum(targets[:, 0] + 3.5 * voice.intensity_db, 200.0)
    return gaussian_filter1d(targets * voice.formant_scale, 0.015 / CONTROL_S, axis=0)
