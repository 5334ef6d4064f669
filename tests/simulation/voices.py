"""Voices and sentences that several tests share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.simulation.expressions import ACTED, apply_effect
from voxaffect.simulation.prosody import Sentence, draw_sentence
from voxaffect.simulation.speakers import Effect, Speaker, VoiceParameters

Sound = NDArray[np.floating]

WOMAN = Speaker(VoiceParameters(210.0, formant_scale=1.16, tilt_db=9.0))
MAN = Speaker(VoiceParameters(120.0))

PLAIN: VoiceParameters = apply_effect(MAN, Effect(), ACTED)
"""The average man's neutral voice."""


def sentence(seed: int = 0, n_syllables: int = 8) -> Sentence:
    return draw_sentence(np.random.default_rng(seed), n_syllables)


def power_spectrum(samples: Sound) -> tuple[Sound, Sound]:
    """Frequencies in Hz and Hann-windowed power."""
    power = np.abs(np.fft.rfft(samples * np.hanning(samples.size))) ** 2
    return np.fft.rfftfreq(samples.size, 1 / SAMPLE_RATE_HZ), power


def autocorrelation_f0(samples: Sound) -> float:
    """F0 of a steady sound: the first high peak of its autocorrelation between 60 and 500 Hz."""
    spectrum = np.fft.rfft(samples, 2 * samples.size)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: samples.size]
    correlation /= np.arange(samples.size, 0, -1)  # unbiased, or long lags would look weak
    shortest, longest = SAMPLE_RATE_HZ // 500, SAMPLE_RATE_HZ // 60
    audible = correlation[shortest:longest]
    best = int(find_peaks(audible, height=0.85 * audible.max())[0][0]) + shortest
    before, at, after = correlation[best - 1 : best + 2]
    return float(SAMPLE_RATE_HZ / (best + 0.5 * (before - after) / (before - 2 * at + after)))
