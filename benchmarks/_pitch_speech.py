"""Simulated speech whose F0 is known at every sample, and the noises laid over it.

Random numbers come from streams named by the seed and by what they are for, so that an utterance
depends neither on the number of others nor on the order in which they are made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, rms
from voxaffect.features.frames import FrameGrid
from voxaffect.simulation.expressions import (
    ACTED,
    EFFECTS,
    NATURAL,
    apply_effect,
    draw_effect,
)
from voxaffect.simulation.prosody import (
    Sentence,
    amplitude,
    draw_sentence,
    draw_timing,
    f0_contour,
    formants,
)
from voxaffect.simulation.speakers import (
    FEMALE,
    FEMALE_CHILD,
    MALE,
    MALE_CHILD,
    VoiceGroup,
    VoiceParameters,
    draw_corpus_style,
    draw_speaker,
)
from voxaffect.simulation.trees import named_rng
from voxaffect.simulation.voice import (
    AUDIBLE_VOICING,
    NEUTRAL_RMS,
    Samples,
    Synthesis,
    amplitude_ratio,
    jittered_cycles,
    render,
    rosenberg_pulse,
    spectral_tilt,
    upsample,
    vocal_tract,
)

T = TypeVar("T")
Noise = Callable[[int, np.random.Generator], Samples]
Voice = Callable[[np.random.Generator], Synthesis]

STYLES = (ACTED, NATURAL)

PAUSE_S = 0.25
"""Silence before and after every utterance."""

HALF_HOP_SAMPLES = FrameGrid().hop_samples // 2

TALKERS = 8
"""Voices that babble is made of."""

BABBLE_UTTERANCES = 20
"""Utterances of each before babble repeats, half a minute and more."""


def speech(voice: Voice, name: str, seed: int, n_utterances: int) -> list[Synthesis]:
    """Utterances of one kind of voice, each by a new speaker, with pauses around them.

    They last an odd number of half hops. Praat centers its frames, of an even number of half hops
    too, on a recording; they then lie exactly on those of our grid, all but its first and last.
    """
    return [_framed(voice(named_rng(seed, name, str(i)))) for i in range(n_utterances)]


def _framed(spoken: Synthesis) -> Synthesis:
    pause = round(PAUSE_S * SAMPLE_RATE_HZ)
    n_half_hops = (spoken.samples.size + 2 * pause) // HALF_HOP_SAMPLES
    after = (n_half_hops | 1) * HALF_HOP_SAMPLES - spoken.samples.size - pause
    samples, f0_hz = (np.pad(x, (pause, after)) for x in (spoken.samples, spoken.f0_hz))
    return replace(spoken, samples=samples, f0_hz=f0_hz)


def everyday(*groups: VoiceGroup) -> Voice:
    """Voices of these groups in any emotion and style."""
    return lambda rng: render(_sentence(rng), _delivery(groups, rng), rng)


def glides(rng: np.random.Generator) -> Synthesis:
    """Accents of an octave and more, up in about 150 ms and down again in as much."""
    delivery = _delivery((MALE, FEMALE), rng)
    wide = replace(delivery, f0_hz=rng.uniform(120.0, 220.0), f0_range_st=20.0)
    return render(_sentence(rng), wide, rng)


def creak(rng: np.random.Generator) -> Synthesis:
    """Low, pressed and irregular phonation, every second pulse weaker, through open phones only.

    F0 falls below 75 Hz in places. Keating, Garellek & Kreiman (2015), Acoustic properties of
    different kinds of creaky voice, describe all of these.
    """
    delivery = replace(
        _delivery((MALE, FEMALE), rng),
        f0_hz=rng.uniform(75.0, 110.0),
        f0_range_st=3.0,
        open_quotient=0.35,
        jitter=rng.uniform(0.05, 0.10),
        shimmer_db=2.0,
    )
    timeline = draw_timing(_without_friction(_sentence(rng)), delivery, rng)
    f0_hz = upsample(f0_contour(timeline, delivery, rng))
    voicing = upsample(amplitude(timeline, delivery))
    source = _creaky_source(f0_hz, delivery, rng) * voicing
    undamped = np.ones(timeline.n_frames)
    samples = vocal_tract(source, formants(timeline, delivery), undamped, delivery.formant_scale)
    samples = samples / rms(samples[voicing >= AUDIBLE_VOICING]) * NEUTRAL_RMS
    f0_hz[voicing < AUDIBLE_VOICING] = 0.0
    return Synthesis(samples.astype(np.float32), f0_hz.astype(np.float32))


def _creaky_source(f0_hz: Samples, delivery: VoiceParameters, rng: np.random.Generator) -> Samples:
    """Derivative of the flow of unequal pulses, (n_samples,)."""
    cycles = jittered_cycles(f0_hz, delivery.jitter, rng)
    number = cycles.astype(np.int64)
    gain_db = rng.normal(0.0, delivery.shimmer_db, number[-1] + 1)
    gain_db[::2] -= rng.uniform(0.0, 6.0)
    flow = rosenberg_pulse(cycles % 1, delivery.open_quotient) * 10 ** (gain_db[number] / 20)
    return spectral_tilt(np.diff(flow, prepend=flow[0]), delivery.tilt_db)


def _without_friction(sentence: Sentence) -> Sentence:
    """The sentence without the phones that hiss: vowels, nasals and laterals are left."""
    return tuple(
        replace(s, phones=tuple(p for p in s.phones if p.friction is None)) for s in sentence
    )


def _sentence(rng: np.random.Generator) -> Sentence:
    return draw_sentence(rng, int(rng.integers(6, 15)))


def _delivery(groups: Sequence[VoiceGroup], rng: np.random.Generator) -> VoiceParameters:
    """A random speaker of the groups in a random emotion and style."""
    speaker = draw_speaker(_one(groups, rng), draw_corpus_style(rng), rng)
    emotion, style = _one(tuple(EFFECTS.values()), rng), _one(STYLES, rng)
    return apply_effect(speaker, draw_effect(speaker, emotion, style, rng), style)


def _one(choices: Sequence[T], rng: np.random.Generator) -> T:
    return choices[int(rng.integers(len(choices)))]


VOICES: dict[str, Voice] = {
    "men": everyday(MALE),
    "women": everyday(FEMALE),
    "children": everyday(FEMALE_CHILD, MALE_CHILD),
    "creak": creak,
    "fast glides": glides,
}


def white(n_samples: int, rng: np.random.Generator) -> Samples:
    """White noise."""
    return rng.normal(size=n_samples)


def babble(n_samples: int, rng: np.random.Generator) -> Samples:
    """Men, women and children who talk at once, equally loud."""
    voice = everyday(MALE, FEMALE, FEMALE_CHILD, MALE_CHILD)
    talkers = [
        np.concatenate([voice(rng).samples for _ in range(BABBLE_UTTERANCES)])
        for _ in range(TALKERS)
    ]
    length = min(talker.size for talker in talkers)
    together: Samples = np.sum([t[:length] / rms(t) for t in talkers], axis=0)
    return np.resize(together, n_samples)


def hum(n_samples: int, rng: np.random.Generator) -> Samples:
    """Mains at 50 Hz that drift by half a hertz, with 20 harmonics falling by 6 dB an octave."""
    time_s = np.arange(n_samples) / SAMPLE_RATE_HZ
    mains_hz = 50.0 + 0.5 * np.sin(2 * np.pi * (time_s / 11.0 + rng.random()))
    phase = 2 * np.pi * np.cumsum(mains_hz) / SAMPLE_RATE_HZ
    total = np.zeros(n_samples)
    for k in range(1, 21):
        total += np.cos(k * phase + rng.uniform(0, 2 * np.pi)) / k
    return total


NOISES: dict[str, Noise] = {"white": white, "babble": babble, "hum": hum}


def add_noise(
    spoken: Sequence[Synthesis], noise: Samples, snr_db: float
) -> list[NDArray[np.float32]]:
    """Utterances with consecutive stretches of a noise.

    The signal-to-noise ratio is that of the mean power of an utterance's voiced samples to the mean
    power of its noise.

    Args:
        spoken: utterances.
        noise: as many samples as all utterances have, or more.
        snr_db: ratio of the powers.
    """
    ends = np.cumsum([s.samples.size for s in spoken])
    stretches = np.split(noise[: ends[-1]], ends[:-1])
    levels = [rms(s.samples[s.f0_hz > 0]) / amplitude_ratio(snr_db) for s in spoken]
    return [
        (s.samples + level / rms(stretch) * stretch).astype(np.float32)
        for s, level, stretch in zip(spoken, levels, stretches, strict=True)
    ]
