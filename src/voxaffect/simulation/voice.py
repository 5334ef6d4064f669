"""Source-filter speech: a sentence, a speaker, an emotion and a style become samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.simulation.expressions import Delivery, Expression, Style, deliver
from voxaffect.simulation.glottis import glottal_source
from voxaffect.simulation.levels import Samples, factor, rms, within_full_scale
from voxaffect.simulation.prosody import (
    CONTROL_S,
    Sentence,
    Timeline,
    amplitude,
    f0_contour,
    formants,
    lay_out,
)
from voxaffect.simulation.speakers import Speaker
from voxaffect.simulation.tract import friction_noise, vocal_tract

CONTROL_SAMPLES = round(CONTROL_S * SAMPLE_RATE_HZ)
"""Samples of a control frame."""

NEUTRAL_RMS = factor(-32.0)
"""Level of neutral speech before the channel, -32 dB of full scale: shouting fits above it."""

AUDIBLE_VOICING = 0.1
"""Amplitude of voicing, of 1, below which a sample counts as voiceless."""


@dataclass(frozen=True)
class Synthesis:
    """Speech with its known pitch.

    Args:
        samples: float32 (n_samples,) at 16 kHz, within full scale.
        f0_hz: float32 (n_samples,), F0 at every sample before jitter, 0 where nothing is voiced.
        delivery: the voice that spoke.
    """

    samples: NDArray[np.float32]
    f0_hz: NDArray[np.float32]
    delivery: Delivery


def synthesize(
    sentence: Sentence,
    speaker: Speaker,
    emotion: Expression,
    style: Style,
    rng: np.random.Generator,
) -> Synthesis:
    """Let a speaker say a sentence with an emotion in a style; equal generators, equal takes."""
    return speak(sentence, deliver(speaker, emotion, style, rng), rng)


def speak(sentence: Sentence, delivery: Delivery, rng: np.random.Generator) -> Synthesis:
    """Say a sentence with exactly the voice of a delivery."""
    timeline = lay_out(sentence, delivery, rng)
    f0_hz = upsample(f0_contour(timeline, delivery, rng))
    voicing = upsample(amplitude(timeline, delivery))
    source = glottal_source(f0_hz, delivery, rng) * voicing
    damping = timeline.hold(np.array([phone.damping for phone in timeline.phones]))
    resonant = vocal_tract(
        source, formants(timeline, delivery), _smooth(damping), delivery.formant_scale
    )
    samples = at_level(resonant, voicing) + _friction(timeline, rng)
    samples *= NEUTRAL_RMS * factor(delivery.intensity_db)
    f0_hz[voicing < AUDIBLE_VOICING] = 0.0
    return Synthesis(
        within_full_scale(samples).astype(np.float32), f0_hz.astype(np.float32), delivery
    )


def upsample(track: NDArray[np.float64]) -> Samples:
    """A track of control frames (K,) at every sample, (K x samples of a frame,), linearly."""
    middles = (np.arange(track.size) + 0.5) * CONTROL_SAMPLES
    return np.interp(np.arange(track.size * CONTROL_SAMPLES), middles, track)


def at_level(samples: Samples, voicing: Samples) -> Samples:
    """The samples with unit RMS where they are voiced."""
    return samples / rms(samples[voicing >= AUDIBLE_VOICING])


def _smooth(track: NDArray[np.float64]) -> NDArray[np.float64]:
    """A track of control frames with its steps rounded over 10 ms."""
    return gaussian_filter1d(track, 0.01 / CONTROL_S)


def _friction(timeline: Timeline, rng: np.random.Generator) -> Samples:
    """Noise of all fricatives and bursts in its place, (n_samples,)."""
    noise = np.zeros(timeline.n_frames * CONTROL_SAMPLES)
    for phone, start, frames in zip(timeline.phones, timeline.starts, timeline.frames, strict=True):
        if phone.friction is not None:
            here = slice(start * CONTROL_SAMPLES, (start + frames) * CONTROL_SAMPLES)
            noise[here] = friction_noise(phone.friction, frames * CONTROL_SAMPLES, rng)
    return noise
