"""Source-filter synthesis of speech, and the recording channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, fftconvolve, lfilter, sosfilt
from scipy.signal.windows import hann

from voxaffect.audio.degrade.channel import room_response
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, rms
from voxaffect.simulation.expressions import Style, apply_effect, draw_effect
from voxaffect.simulation.prosody import (
    CONTROL_S,
    Sentence,
    Track,
    amplitude,
    draw_timing,
    f0_contour,
    formants,
)
from voxaffect.simulation.speakers import Effect, Friction, Speaker, VoiceParameters

Samples = NDArray[np.float64]  # audio at 16 kHz, (n_samples,)


def amplitude_ratio(level_db: float) -> float:
    """Amplitude ratio of a level in decibels."""
    return float(10 ** (level_db / 20))


def limit_peak(samples: Samples, peak: float = 0.95) -> Samples:
    """Samples attenuated, if necessary, so that none exceeds a peak."""
    loudest = float(np.abs(samples).max())
    return samples * min(1.0, peak / loudest) if loudest > 0 else samples


MEAN_DIFFERENCE = 2 / np.sqrt(np.pi)
"""Mean absolute difference of two independent standard normal numbers: converts jitter and shimmer,
which are defined by differences of neighbors, to standard deviations."""


def glottal_source(f0_hz: Samples, voice: VoiceParameters, rng: np.random.Generator) -> Samples:
    """Derivative of the glottal flow with aspiration, (n_samples,), unit RMS of the voiced part.

    Rosenberg's (1971) pulse with the controls of Klatt & Klatt (1990): open quotient, spectral
    tilt, aspiration. The derivative accounts for the radiation from the lips (Klatt 1980). F0 in Hz
    is per sample.
    """
    cycles = jittered_cycles(f0_hz, voice.jitter, rng)
    number = np.floor(cycles).astype(np.int64)
    shimmer_db = rng.normal(0, voice.shimmer_db / MEAN_DIFFERENCE, number[-1] + 1)
    gain = np.asarray(10 ** (shimmer_db / 20))[number]
    flow = rosenberg_pulse(cycles % 1, voice.open_quotient) * gain
    voiced = spectral_tilt(np.diff(flow, prepend=flow[0]), voice.tilt_db)
    # Aspiration is strongest while the glottis is open, and never quite absent (Klatt 1980).
    noise: Samples = rng.normal(size=flow.size) * (0.3 + 0.7 * flow)
    aspiration = noise * amplitude_ratio(voice.breathiness_db) / rms(noise)
    return np.asarray(voiced / rms(voiced) + aspiration)


def jittered_cycles(f0_hz: Samples, jitter: float, rng: np.random.Generator) -> Samples:
    """Number of glottal cycles since the beginning, per sample, with random periods."""
    steady = np.cumsum(f0_hz) / SAMPLE_RATE_HZ
    n_cycles = 2 * int(steady[-1]) + 2  # more than enough, however short the periods are
    durations = 1 + rng.normal(0, jitter / MEAN_DIFFERENCE, n_cycles)
    ends = np.concatenate([[0.0], np.cumsum(durations)])
    return np.asarray(np.interp(steady, ends, np.arange(n_cycles + 1.0)))


def rosenberg_pulse(phase: Samples, open_quotient: float) -> Samples:
    """Glottal flow at a phase of the cycle in [0, 1): Rosenberg's (1971) polynomial pulse B.

    The glottis opens over two thirds of the open phase and closes, faster, over the last third.
    """
    opening, closing = 2 / 3 * open_quotient, 1 / 3 * open_quotient
    rise = np.clip(phase / opening, 0.0, 1.0)
    fall = np.clip((phase - opening) / closing, 0.0, 1.0)
    return 3 * rise**2 - 2 * rise**3 - fall**2


def spectral_tilt(samples: Samples, tilt_db: float, at_hz: float = 3000.0) -> Samples:
    """One-pole low-pass that attenuates `at_hz` by `tilt_db` relative to 0 Hz.

    With g the power gain at angular frequency w, (1 - a)^2 = g (1 - 2 a cos w + a^2) for pole a.
    """
    gain = 10 ** (-tilt_db / 10)
    if gain == 1.0:
        return samples
    half = (1 - gain * np.cos(2 * np.pi * at_hz / SAMPLE_RATE_HZ)) / (1 - gain)
    pole = half - np.sqrt(half**2 - 1)
    return lfilter([1 - pole], [1, -pole], samples)


BANDWIDTHS_HZ = np.array([70.0, 90.0, 140.0, 200.0])  # of F1 to F4 in vowels (Klatt 1980)

HIGHER_FORMANTS_HZ = np.array([4500.0, 5500.0, 6500.0, 7500.0])  # of a uniform tube of 17.5 cm
TOP_HZ = 0.96 * SAMPLE_RATE_HZ / 2  # higher formants, as of a short vocal tract, are left out
RESPONSE_SAMPLES = 768
"""Length of a frame and its response: after 10 ms, 38 ms in which a formant 70 Hz wide decays by
72 dB."""


def resonators(
    frequencies_hz: NDArray[np.float64], bandwidths_hz: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Denominators 1 + a1 / z + a2 / z^2 of Klatt's (1980) resonators, (..., 3); shapes broadcast.

    Their sum is the numerator for unit gain at 0 Hz. Bandwidths are between half-power points.
    """
    f, b = np.broadcast_arrays(frequencies_hz, bandwidths_hz)
    radius = np.exp(-np.pi * b / SAMPLE_RATE_HZ)
    a1 = -2 * radius * np.cos(2 * np.pi * f / SAMPLE_RATE_HZ)
    return np.stack([np.ones_like(a1), a1, radius**2], axis=-1)


def vocal_tract(source: Samples, formants_hz: Track, damping: Track, scale: float) -> Samples:
    """Filter a source of K whole control frames by moving formants F1 to F4, (K, 4).

    Each control frame, under a Hann window of 2 frames, is filtered by its own formants, and
    overlap-add fades from one to the next: a recursive filter with changing coefficients clicks.
    `damping` (K,) is a factor on bandwidths, `scale` the speaker's, for the formants above F4.
    """
    hop = source.size // len(formants_hz)
    higher = HIGHER_FORMANTS_HZ * scale
    higher = higher[higher < TOP_HZ]
    response = _response(resonators(formants_hz, BANDWIDTHS_HZ * damping[:, None]))
    response = response * _response(resonators(higher, 0.06 * higher))
    # Frame k is centered on control frame k; the windows sum to one.
    frames = sliding_window_view(np.pad(source, hop // 2), 2 * hop)[::hop]
    spectra = np.fft.rfft(frames * hann(2 * hop, sym=False), RESPONSE_SAMPLES)
    filtered = np.fft.irfft(spectra * response, RESPONSE_SAMPLES)
    n_frames, n_hops = len(filtered), RESPONSE_SAMPLES // hop
    total = np.zeros((n_frames + n_hops, hop))
    for i, block in enumerate(np.split(filtered[:, : n_hops * hop], n_hops, axis=1)):
        total[i : i + n_frames] += block
    return total.ravel()[hop // 2 : hop // 2 + source.size]


def _response(cascade: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Frequency response of a cascade, (..., S, 3) -> (..., RESPONSE_SAMPLES / 2 + 1)."""
    short = 4 * cascade.shape[-2]  # so many points that the product does not wrap around
    polynomial = np.fft.irfft(np.prod(np.fft.rfft(cascade, short), axis=-2), short)
    polynomial = polynomial[..., : short // 2 + 1]
    gain = polynomial.sum(axis=-1, keepdims=True)
    return np.asarray(gain / np.fft.rfft(polynomial, RESPONSE_SAMPLES))


def friction_noise(friction: Friction, n_samples: int, rng: np.random.Generator) -> Samples:
    """Noise of a phone from its onset on, (n_samples,), with fades of 3 ms to avoid clicks."""
    start = round(friction.onset * n_samples)
    white = np.diff(rng.normal(size=n_samples - start), prepend=0.0)  # radiation: 6 dB per octave
    cavity = resonators(np.array(friction.center_hz), np.array(friction.bandwidth_hz))
    noise = lfilter([1.0], cavity, white)
    noise *= amplitude_ratio(friction.level_db) / rms(noise)
    to_end = np.minimum(np.arange(noise.size), np.arange(noise.size)[::-1])
    fade = np.minimum((to_end + 1) / (0.003 * SAMPLE_RATE_HZ), 1.0)
    return np.concatenate([np.zeros(start), noise * fade])


CONTROL_SAMPLES = round(CONTROL_S * SAMPLE_RATE_HZ)  # samples of a control frame

NEUTRAL_RMS = amplitude_ratio(-32.0)  # of speech before the channel, with headroom for shouting
AUDIBLE_VOICING = 0.1  # amplitude of voicing below which a sample counts as voiceless


@dataclass(frozen=True)
class Synthesis:
    """Speech (n_samples,) at 16 kHz, and its true F0 per sample before jitter, 0 if unvoiced."""

    samples: NDArray[np.float32]
    f0_hz: NDArray[np.float32]


def synthesize(
    sentence: Sentence, speaker: Speaker, emotion: Effect, style: Style, rng: np.random.Generator
) -> Synthesis:
    """Synthesize a sentence of a speaker with an emotion in a style."""
    voice = apply_effect(speaker, draw_effect(speaker, emotion, style, rng), style)
    return render(sentence, voice, rng)


def render(sentence: Sentence, voice: VoiceParameters, rng: np.random.Generator) -> Synthesis:
    """Synthesize a sentence with given voice parameters."""
    timing = draw_timing(sentence, voice, rng)
    f0_hz = upsample(f0_contour(timing, voice, rng))
    voicing = upsample(amplitude(timing, voice))
    source = glottal_source(f0_hz, voice, rng) * voicing
    damping = gaussian_filter1d(timing.hold("damping"), 0.01 / CONTROL_S)
    resonant = vocal_tract(source, formants(timing, voice), damping, voice.formant_scale)
    samples = resonant / rms(resonant[voicing >= AUDIBLE_VOICING])
    borders = np.append(timing.starts, timing.n_frames) * CONTROL_SAMPLES
    for phone, start, stop in zip(timing.phones, borders, borders[1:], strict=False):
        if phone.friction is not None:
            samples[start:stop] += friction_noise(phone.friction, stop - start, rng)
    samples *= NEUTRAL_RMS * amplitude_ratio(voice.intensity_db)
    f0_hz[voicing < AUDIBLE_VOICING] = 0.0
    return Synthesis(limit_peak(samples).astype(np.float32), f0_hz.astype(np.float32))


def upsample(track: Track) -> Samples:
    """Interpolate control frames (K,) linearly to samples, (K x samples per frame,)."""
    middles = (np.arange(track.size) + 0.5) * CONTROL_SAMPLES
    return np.interp(np.arange(track.size * CONTROL_SAMPLES), middles, track)


@dataclass(frozen=True, slots=True)
class Channel:
    """Recording channel; each recording draws its own `room_response` and noise."""

    rt60_s: float
    direct_to_reverberant_db: float
    low_hz: float  # lower band limit
    high_hz: float  # upper band limit, below 8 kHz
    dullness_db: float  # attenuation of the microphone at 3 kHz, at least 0
    snr_db: float  # level of neutral speech above the noise
    snr_spread_db: float = 0.0  # its standard deviation between recordings
    gain_db: float = 0.0  # recording level
    gain_spread_db: float = 0.0  # its standard deviation between recordings

    def record(self, speech: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Record speech at 16 kHz, (n_samples,), within full scale."""
        room = room_response(rng, self.rt60_s, self.direct_to_reverberant_db, decay_db=60.0)
        # The power of background noise falls with frequency, as in rooms and of machines.
        noise = spectral_tilt(rng.normal(size=speech.size), 15.0)
        snr_db = rng.normal(self.snr_db, self.snr_spread_db)
        noise *= NEUTRAL_RMS * amplitude_ratio(-snr_db) / rms(noise)
        samples = fftconvolve(speech, room)[: speech.size] + noise
        band = butter(2, [self.low_hz, self.high_hz], "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
        gain = amplitude_ratio(rng.normal(self.gain_db, self.gain_spread_db))
        filtered = spectral_tilt(sosfilt(band, samples), self.dullness_db)
        return limit_peak(filtered * gain).astype(np.float32)


STUDIO = Channel(0.2, 14.0, 60.0, 7800.0, 2.0, 45.0, 2.0)
ANECHOIC = Channel(0.05, 25.0, 40.0, 7800.0, 0.0, 50.0, 2.0, gain_db=4.0)
LABORATORY = Channel(0.35, 8.0, 80.0, 7000.0, 6.0, 34.0, 3.0, gain_db=-4.0)
BROADCAST = Channel(0.4, 9.0, 120.0, 6500.0, 4.0, 22.0, 4.0, gain_db=2.0, gain_spread_db=3.0)
CLASSROOM = Channel(0.5, 12.0, 100.0, 7200.0, 3.0, 26.0, 4.0, gain_spread_db=3.0)
LECTURE_ROOM = Channel(0.45, 10.0, 80.0, 7800.0, 3.0, 30.0, 4.0, gain_db=-2.0, gain_spread_db=2.0)
# Microphones of one booth.
BOOM = Channel(0.15, 12.0, 60.0, 7800.0, 1.0, 40.0, 2.0, gain_db=-3.0)
HEADSET = Channel(0.15, 24.0, 80.0, 7800.0, 0.0, 44.0, 2.0)
