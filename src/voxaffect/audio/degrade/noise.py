"""Additive noise (white, pink, traffic, babble), `(waveform, rng, ...) -> samples`.

The signal-to-noise ratio is that of the active speech level to the mean power of the noise
over the whole recording, both over the full band of 8 kHz.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d
from scipy.signal import lfilter

from voxaffect.audio.degrade.degradation import Samples
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, SILENCE_RMS, Waveform, rms
from voxaffect.errors import AudioError

MARGIN_DB = 15.9
SMOOTHING_S = 0.03
HANGOVER_S = 0.2
THRESHOLDS_DB = np.arange(-60.0, 20.0, 0.1)
"""Relative to the mean level; the standard's are 6 dB apart and interpolated."""


class Activity(NamedTuple):
    """Active speech level in dB relative to an RMS of 1, and active samples, bool (n_samples,)."""

    level_db: float
    active: NDArray[np.bool_]


def speech_activity(waveform: Waveform) -> Activity:
    """Active speech level by ITU-T Recommendation P.56 (2011), method B.

    The level of speech without pauses: a sample is active if, within the hangover before it, a
    smoothed envelope reached a threshold 15.9 dB below the level of the active samples. If there
    is no such threshold, as for a single click, all are. A silent recording is an `AudioError`.
    """
    mean = waveform.rms()
    if mean < SILENCE_RMS:
        raise AudioError(
            f"{waveform.name}: is silent (all samples below -100 dB), so it has no speech level; "
            "record it again"
        )
    envelope = _peak_envelope(waveform.samples / mean)
    thresholds = 10 ** (THRESHOLDS_DB / 20)
    n_active = envelope.size - np.searchsorted(np.sort(envelope), thresholds)
    levels_db = 10 * np.log10(envelope.size / np.maximum(n_active, 1))
    fits = (levels_db - THRESHOLDS_DB <= MARGIN_DB) & (n_active > 0)
    mean_db = 20 * math.log10(mean)
    if not fits.any():
        return Activity(mean_db, np.ones(envelope.size, bool))
    first = int(fits.argmax())
    return Activity(mean_db + float(levels_db[first]), envelope >= thresholds[first])


def _peak_envelope(samples: NDArray[np.floating]) -> NDArray[np.float64]:
    """Magnitude smoothed twice, and its running maximum over the hangover, (n_samples,)."""
    decay = math.exp(-1 / (SMOOTHING_S * SAMPLE_RATE_HZ))
    once = lfilter([1 - decay], [1, -decay], np.abs(samples, dtype=np.float64))
    twice = lfilter([1 - decay], [1, -decay], once)
    half = round(HANGOVER_S * SAMPLE_RATE_HZ) // 2
    return np.asarray(maximum_filter1d(twice, 2 * half + 1, mode="constant", cval=0.0, origin=half))


def add_noise(waveform: Waveform, noise: Samples, snr_db: float) -> Samples:
    """Add noise (n_samples,) to speech at an SNR; silent speech or noise is an `AudioError`."""
    level_db = speech_activity(waveform).level_db
    level = rms(noise)
    if level == 0:
        raise AudioError(f"{waveform.name}: the noise to be added is silent; choose another")
    return waveform.samples + noise * 10 ** ((level_db - snr_db) / 20) / level


LOWEST_HZ = 20.0  # below it nothing is audible, and falling spectra would have most of their power
MIN_SAMPLES = round(SAMPLE_RATE_HZ / LOWEST_HZ)  # a period; shorter noise is cut from this length
ENGINE_HZ = (40.0, 70.0)  # firing frequencies of engines at idle and in slow traffic
N_HARMONICS = 20
PASSING_S = 4.0  # time that a vehicle takes to pass


def noise(
    waveform: Waveform, rng: np.random.Generator, *_: Any, kind: str, snr_db: float
) -> Samples:
    """Add noise of a kind of `KINDS` at an SNR; a silent recording is an `AudioError`."""
    n_samples = waveform.samples.size
    added = KINDS[kind](max(n_samples, MIN_SAMPLES), rng)
    return add_noise(waveform, added[:n_samples], snr_db)


def white(n_samples: int, rng: np.random.Generator) -> Samples:
    """White noise: equal power per hertz, (n_samples,)."""
    return rng.standard_normal(n_samples)


def pink(n_samples: int, rng: np.random.Generator) -> Samples:
    """Pink noise: equal power per octave from 20 Hz up, power falls with 1 / f, (n_samples,)."""
    return _shape_spectrum(white(n_samples, rng), exponent=0.5)


def traffic(n_samples: int, rng: np.random.Generator) -> Samples:
    """Traffic noise of passing vehicles, which rises by up to 6 dB as they pass, (n_samples,).

    Tires and wind are noise whose power falls with 1 / f^2, engines the harmonics of one firing
    frequency, 10 dB below, with amplitudes falling as 1 / number.
    """
    rumble = _shape_spectrum(white(n_samples, rng), exponent=1.0)
    time = np.arange(n_samples) / SAMPLE_RATE_HZ
    f0_hz, phases = rng.uniform(*ENGINE_HZ), rng.uniform(0, 2 * np.pi, N_HARMONICS)
    amplitudes = np.exp(1j * phases) / np.arange(1, N_HARMONICS + 1)
    # A polynomial of one complex oscillation is cheaper than N_HARMONICS sines.
    hum = polyval(np.exp(2j * np.pi * f0_hz * time), np.concatenate([[0], amplitudes])).real
    passing = 1 + np.sin(2 * np.pi * (time / PASSING_S + rng.uniform())) / 3
    return np.asarray(passing * (rumble / rumble.std() + 10 ** (-10 / 20) * hum / hum.std()))


def _shape_spectrum(noise: Samples, exponent: float) -> Samples:
    """Noise whose amplitude falls with frequency to the power of -exponent from LOWEST_HZ up."""
    spectrum = np.fft.rfft(noise)
    frequency = np.fft.rfftfreq(noise.size, 1 / SAMPLE_RATE_HZ)
    spectrum *= np.where(frequency < LOWEST_HZ, 0, np.maximum(frequency, LOWEST_HZ) ** -exponent)
    return np.fft.irfft(spectrum, noise.size)


KINDS: Mapping[str, Callable[[int, np.random.Generator], Samples]] = {
    "white": white,
    "pink": pink,
    "traffic": traffic,
}


def babble(
    waveform: Waveform,
    rng: np.random.Generator,
    talkers: Sequence[Waveform],
    *,
    snr_db: float,
    n_talkers: int,
) -> Samples:
    """Add the first talkers (none are an `AudioError`) of equal level at an SNR to all together."""
    if not talkers:
        raise AudioError(
            f"{waveform.name}: babble takes recordings of other speakers, and there are none; "
            "add a corpus, or leave babble out"
        )
    voices = [_loop(talker, waveform.samples.size, rng) for talker in talkers[:n_talkers]]
    return add_noise(waveform, np.sum(voices, axis=0), snr_db)


def _loop(talker: Waveform, n_samples: int, rng: np.random.Generator) -> Samples:
    """Repeated recording at an active speech level of 0 dB, from a random sample, (n_samples,)."""
    begin = int(rng.integers(talker.samples.size))
    indices = np.arange(begin, begin + n_samples) % talker.samples.size
    return talker.samples[indices] * 10 ** (-speech_activity(talker).level_db / 20)
