"""Sounds without speech: tones, music, noise, machines, animals; nobody's emotion is in them.

A recognizer should answer none of them with an emotion. Each sound is a recipe of NumPy and SciPy,
a function of a random generator: no recordings are needed, and a seed decides every bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import butter, lfilter, sosfilt

from voxaffect.audio.degrade.degradation import utterance_seed
from voxaffect.audio.degrade.noise import pink, white
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, TARGET_RMS, Waveform, rms
from voxaffect.simulation.voice import amplitude_ratio, limit_peak

Samples = NDArray[np.float64]  # (n_samples,) at 16 kHz
Recipe = Callable[[np.random.Generator], Samples]

SECONDS = 3.0
TOP_HZ = 7600.0  # harmonics above are left out, so that none is aliased
HISS_DB = -75.0  # of a microphone that is muted behind its amplifier


def made_sounds(seed: int = 0) -> Mapping[str, Waveform]:
    """Sounds without speech by name, of 2 to 5 s each; equal seeds give equal bits.

    They have the level of normalized recordings, except hiss, constants and silence.
    """
    return {name: _made(name, recipe, seed) for name, recipe in RECIPES.items()}


def _made(name: str, recipe: Recipe, seed: int) -> Waveform:
    samples = recipe(np.random.default_rng(utterance_seed(name, seed)))
    if name not in AS_THEY_ARE:
        samples = limit_peak(samples * TARGET_RMS / rms(samples))
    return Waveform(samples.astype(np.float32), name)


# What recipes are made of. Letters: n samples, K harmonics.


def timeline(seconds: float = SECONDS) -> Samples:
    """Times in seconds, (n,)."""
    return np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ


def oscillation(f0_hz: ArrayLike, amplitudes: ArrayLike = (1.0,)) -> Samples:
    """Harmonics of a fundamental (n,), whose amplitudes (K,) or (K, n) begin with its own."""
    f0 = np.asarray(f0_hz, np.float64)
    phase = 2 * np.pi * np.cumsum(f0) / SAMPLE_RATE_HZ
    total = np.zeros(f0.size)
    for number, amplitude in enumerate(np.asarray(amplitudes, np.float64), start=1):
        total += np.where(number * f0 < TOP_HZ, amplitude, 0.0) * np.sin(number * phase)
    return total


def steady(hz: float, seconds: float = SECONDS, amplitudes: ArrayLike = (1.0,)) -> Samples:
    """An oscillation that keeps its frequency."""
    return oscillation(np.full(timeline(seconds).size, hz), amplitudes)


def curve(places: Sequence[float], values: Sequence[float], seconds: float) -> Samples:
    """Lines between values at places from 0 to 1 of a time, (n,)."""
    time = timeline(seconds)
    return np.interp(time / seconds, places, values)


def glide(first_hz: float, last_hz: float, seconds: float) -> Samples:
    """An oscillation from one frequency to another, as many octaves a second all the time."""
    return oscillation(np.geomspace(first_hz, last_hz, timeline(seconds).size))


def decay(time_s: float, seconds: float, attack_s: float = 0.002) -> Samples:
    """An envelope that rises at once and falls to 1 / e within a time."""
    time = timeline(seconds)
    return np.minimum(1, time / attack_s) * np.exp(-time / time_s)


def band(noise: Samples, low_hz: float | None, high_hz: float | None) -> Samples:
    """Noise between two frequencies; None is no limit."""
    filtered = noise
    if low_hz is not None:
        filtered = sosfilt(butter(2, low_hz, "highpass", fs=SAMPLE_RATE_HZ, output="sos"), filtered)
    if high_hz is not None:
        filtered = sosfilt(butter(2, high_hz, "lowpass", fs=SAMPLE_RATE_HZ, output="sos"), filtered)
    return np.asarray(filtered)


def placed(parts: Sequence[Samples], starts_s: ArrayLike, seconds: float = SECONDS) -> Samples:
    """Sounds added up, each from its own time on; what reaches beyond the end is cut."""
    total = np.zeros(timeline(seconds).size)
    for part, start_s in zip(parts, np.asarray(starts_s), strict=True):
        start = round(start_s * SAMPLE_RATE_HZ)
        stop = min(start + part.size, total.size)
        total[start:stop] += part[: stop - start]
    return total


def on_off(on_s: float, off_s: float, seconds: float = SECONDS) -> Samples:
    """An envelope that is on and off in turns, with ramps of 5 ms against clicks."""
    is_on = timeline(seconds) % (on_s + off_s) < on_s
    ramp = np.hanning(round(0.01 * SAMPLE_RATE_HZ))
    return np.convolve(is_on, ramp / ramp.sum(), "same")


def harmonics(n: int, power: float = 1.0) -> Samples:
    """Amplitudes that fall with a power of their number, (n,)."""
    return np.arange(1.0, n + 1) ** -power


def odd(amplitudes: Samples) -> Samples:
    """The same without even harmonics, as in a square wave."""
    return amplitudes * (np.arange(1, amplitudes.size + 1) % 2)


# Tones and signals of machines.


def _tone(_: Any, hz: float) -> Samples:
    return steady(hz)


def _sweep(_: Any, hz: tuple[float, float]) -> Samples:
    return glide(*hz, SECONDS)


DIALED = ((697, 1209), (770, 1336), (852, 1477), (941, 1336), (697, 1477), (852, 1209))
"""Rows and columns of keys, ITU-T Q.23."""


def _dialing(_: Any) -> Samples:
    keys = [
        (steady(low, 0.2) + steady(high, 0.2)) * on_off(0.2, 9, 0.2) for low, high in DIALED * 2
    ]
    return placed(keys, np.arange(len(keys)) * 0.25)


def _busy(_: Any) -> Samples:
    return steady(425) * on_off(0.48, 0.48)


def _telephone_bell(_: Any) -> Samples:
    partials = sum(steady(hz) * share for hz, share in ((1310, 1), (1570, 0.8), (3120, 0.3)))
    clapper = 0.5 * (1 + np.sin(2 * np.pi * 20 * timeline()))
    return np.asarray(partials * clapper * on_off(1.0, 0.6))


def _beeps(_: Any) -> Samples:
    return steady(2000, amplitudes=odd(harmonics(3))) * on_off(0.25, 0.25)


def _modem(rng: np.random.Generator) -> Samples:
    """Two carriers, keyed at 300 bits a second between their frequencies (ITU-T V.21)."""
    n, n_held = timeline().size, SAMPLE_RATE_HZ // 300
    held = rng.integers(0, 2, (2, n // n_held + 1)).repeat(n_held, axis=1)[:, :n]
    return oscillation(980 + 200.0 * held[0]) + oscillation(1650 + 200.0 * held[1])


def _wail(_: Any) -> Samples:
    """A siren that rises and falls."""
    turn = 0.5 - 0.5 * np.cos(2 * np.pi * 0.4 * timeline())
    return oscillation(500 * 3**turn, harmonics(8))


def _two_tones(_: Any) -> Samples:
    """A siren of two tones, half a second each."""
    is_high = timeline() % 1.0 < 0.5
    return oscillation(np.where(is_high, 585.0, 440.0), harmonics(10))


def _hum(_: Any, hz: float) -> Samples:
    return steady(hz, amplitudes=(1, 0.6, 0.7, 0.3, 0.4, 0.1, 0.2, 0.05, 0.1))


def _engine(rng: np.random.Generator) -> Samples:
    """Firing that speeds up and slows down, with the noise of the exhaust in its time."""
    f0_hz = 55 + 15 * np.sin(2 * np.pi * 0.3 * timeline()) + band(_noise(rng), None, 5)
    strokes = oscillation(f0_hz, harmonics(30, 0.7))
    return strokes + 0.3 * rms(strokes) * _noise(rng) * (1 + 0.5 * oscillation(f0_hz))


# Music.

SCALE_HZ = (262.0, 294.0, 330.0, 349.0, 392.0, 440.0, 494.0, 523.0)


def _chord(_: Any, hz: Sequence[float]) -> Samples:
    return np.asarray(sum(steady(each, amplitudes=harmonics(6)) for each in hz))


def _plucked(_: Any, seconds: float) -> Samples:
    """A melody of plucked strings."""
    pluck = decay(0.5, seconds, attack_s=0.01)
    notes = [pluck * steady(hz, seconds, harmonics(6)) for hz in SCALE_HZ]
    return placed(notes, np.arange(len(notes)) * seconds, len(notes) * seconds)


def _synthesizer(rng: np.random.Generator, amplitudes: Samples) -> Samples:
    """A melody of eight notes with vibrato."""
    f0_hz = np.repeat(rng.choice(SCALE_HZ, 8), timeline().size // 8)
    vibrato = 2 ** (0.4 / 12 * np.sin(2 * np.pi * 5.5 * timeline()))
    return oscillation(f0_hz * vibrato, amplitudes) * on_off(0.34, 0.035)


def _bells(rng: np.random.Generator) -> Samples:
    """Struck bars, whose partials are no harmonics."""
    struck = [
        sum(decay(0.4 / k, 1.2) * steady(k * hz, 1.2) / k for k in (1, 2.76, 5.4))
        for hz in rng.choice(SCALE_HZ, 8)
    ]
    return placed([np.asarray(each) for each in struck], np.arange(8) * 0.35)


def _drums(rng: np.random.Generator) -> Samples:
    """Kick, snare and hi-hat, 120 beats a minute."""
    kick = decay(0.12, 0.4) * oscillation(curve((0, 0.2, 1), (140, 55, 45), 0.4))
    snare = decay(0.06, 0.25) * (band(_noise(rng, 0.25), 1000, None) + steady(190, 0.25))
    hat = 0.3 * decay(0.03, 0.1) * band(_noise(rng, 0.1), 6000, None)
    beats = np.arange(6) * 0.5
    return (
        placed([2 * kick] * 6, beats)
        + placed([snare] * 3, beats[1::2])
        + placed([hat] * 12, np.arange(12) * 0.25)
    )


# Noise.


def _noise(rng: np.random.Generator, seconds: float = SECONDS) -> Samples:
    return np.asarray(white(timeline(seconds).size, rng))


def _pink(rng: np.random.Generator) -> Samples:
    return np.asarray(pink(timeline().size, rng))


def _brown(rng: np.random.Generator) -> Samples:
    return np.asarray(lfilter([1], [1, -0.995], _noise(rng)))


def _hiss(rng: np.random.Generator) -> Samples:
    return amplitude_ratio(HISS_DB) * _noise(rng)


def _bursts(rng: np.random.Generator) -> Samples:
    """Noise in bursts as long as syllables."""
    shape = np.hanning(timeline(0.2).size)
    parts = [shape * band(_noise(rng, 0.2), 300, 5000) for _ in range(8)]
    return placed(parts, 0.35 * np.arange(8) + rng.uniform(0, 0.1, 8))


def _random_events(rng: np.random.Generator, event: Samples, per_s: float) -> Samples:
    """An event at random times, of random strength."""
    impulses = np.zeros(timeline().size)
    at = rng.integers(0, impulses.size, round(per_s * SECONDS))
    np.add.at(impulses, at, rng.lognormal(0, 0.7, at.size) * rng.choice((-1, 1), at.size))
    return np.convolve(impulses, event)[: impulses.size]


def _applause(rng: np.random.Generator) -> Samples:
    clap = decay(0.006, 0.05, attack_s=0.0005) * band(_noise(rng, 0.05), 700, 3000)
    return _random_events(rng, clap, per_s=150)


def _clicks(rng: np.random.Generator) -> Samples:
    return _random_events(rng, decay(0.0005, 0.01, attack_s=1e-4), per_s=6)


def _rain(rng: np.random.Generator) -> Samples:
    drop = decay(0.002, 0.02) * oscillation(curve((0, 1), (4000, 2500), 0.02))
    drops = _random_events(rng, drop, per_s=60)
    return drops / rms(drops) + 0.7 * band(_noise(rng), 1500, None)


def _wind(rng: np.random.Generator) -> Samples:
    gusts = np.exp(2.5 * _slow(rng, 0.8))
    return gusts * band(_noise(rng), 60, 400)


def _slow(rng: np.random.Generator, hz: float) -> Samples:
    """Noise below a few Hz, from about -1 to 1."""
    slow = band(_noise(rng, 3 * SECONDS), None, hz)[-timeline().size :]
    return np.asarray(slow / np.abs(slow).max())


def _typing(rng: np.random.Generator) -> Samples:
    key = decay(0.004, 0.04) * band(_noise(rng, 0.04), 1500, 6000)
    return placed([key * rng.uniform(0.5, 1) for _ in range(18)], np.sort(rng.uniform(0, 2.9, 18)))


# Animals.


def _birds(rng: np.random.Generator) -> Samples:
    """Chirps that fall or rise, between 2 and 6 kHz."""
    ends_hz = rng.uniform(2000, 6000, (12, 2)).tolist()
    chirps = [glide(first, last, 0.1) * np.hanning(1600) for first, last in ends_hz]
    return placed(chirps, np.sort(rng.uniform(0, 2.8, 12)))


def _dog(rng: np.random.Generator) -> Samples:
    """Barks: harmonics and noise, whose pitch falls."""
    bark = oscillation(curve((0, 0.2, 1), (430, 520, 230), 0.18), harmonics(14, 0.6))
    bark = bark + 0.6 * rms(bark) * band(_noise(rng, 0.18), 500, 4000)
    shape = curve((0, 0.1, 0.5, 1), (0, 1, 0.7, 0), 0.18)
    return placed([bark * shape] * 5, (0.2, 0.55, 1.2, 1.6, 2.3))


def _cat(_: Any) -> Samples:
    """Two meows: a glide up and down, while the mouth opens and closes."""
    f0_hz = curve((0, 0.3, 1), (480, 720, 430), 1.0)
    numbers = np.arange(1, 13)[:, None]
    mouth_hz = curve((0, 0.4, 1), (900, 2200, 1000), 1.0)
    amplitudes = np.exp(-(((numbers * f0_hz - mouth_hz) / 900) ** 2)) + 0.1 / numbers
    meow = oscillation(f0_hz, amplitudes) * curve((0, 0.15, 0.7, 1), (0, 1, 0.8, 0), 1.0)
    return placed([meow, meow], (0.2, 1.6))


def _purr(rng: np.random.Generator) -> Samples:
    """Pulses of low noise, 25 a second, stronger when breathing in."""
    time = timeline()
    pulses = np.maximum(0, np.sin(2 * np.pi * 25 * time)) ** 4
    breath = 1 + 0.5 * np.sin(2 * np.pi * 0.7 * time)
    return np.asarray(band(_noise(rng), 60, 600) * pulses * breath)


def _crickets(_: Any) -> Samples:
    """Chirps of three pulses of 4.5 kHz."""
    return steady(4500) * on_off(0.02, 0.02) * on_off(0.12, 0.38)


def _frogs(_: Any) -> Samples:
    """Croaks: a train of pulses through a throat."""
    croak = lfilter([1], [1, -1.8, 0.9], steady(70, 0.4, np.ones(60)))
    parts = [np.asarray(croak) * np.hanning(croak.size)] * 4
    return placed(parts, (0.1, 0.8, 1.5, 2.2))


def _bees(rng: np.random.Generator) -> Samples:
    """Three wings that wander around 230 Hz."""
    wings = [oscillation(230 * 2 ** (0.15 * _slow(rng, 2)), harmonics(12)) for _ in range(3)]
    return np.asarray(sum(wings))


def _constant(_: Any, value: float) -> Samples:
    return np.full(timeline().size, value)


RECIPES: Mapping[str, Recipe] = {
    **{f"tone {hz} Hz": partial(_tone, hz=hz) for hz in (100, 250, 440, 1000, 4000)},
    "rising sweep": partial(_sweep, hz=(100, 4000)),
    "falling sweep": partial(_sweep, hz=(2000, 150)),
    "dialing": _dialing,
    "busy signal": _busy,
    "telephone bell": _telephone_bell,
    "beeps": _beeps,
    "modem": _modem,
    "wailing siren": _wail,
    "two-tone siren": _two_tones,
    "hum 50 Hz": partial(_hum, hz=50),
    "hum 60 Hz": partial(_hum, hz=60),
    "engine": _engine,
    "major chord": partial(_chord, hz=(262.0, 330.0, 392.0)),
    "minor chord": partial(_chord, hz=(147.0, 175.0, 220.0)),
    "plucked melody": partial(_plucked, seconds=0.4),
    "fast plucked melody": partial(_plucked, seconds=0.25),
    "square melody": partial(_synthesizer, amplitudes=odd(harmonics(25))),
    "sawtooth melody": partial(_synthesizer, amplitudes=harmonics(25)),
    "bells": _bells,
    "drums": _drums,
    "white noise": _noise,
    "pink noise": _pink,
    "brown noise": _brown,
    "muted microphone": _hiss,
    "bursts of noise": _bursts,
    "applause": _applause,
    "clicks": _clicks,
    "typing": _typing,
    "rain": _rain,
    "wind": _wind,
    "birds": _birds,
    "dog": _dog,
    "cat": _cat,
    "purring": _purr,
    "crickets": _crickets,
    "frogs": _frogs,
    "bees": _bees,
    "constant": partial(_constant, value=0.1),
    "silence": partial(_constant, value=0.0),
}
"""Name -> how the sound is made."""

AS_THEY_ARE = frozenset({"muted microphone", "constant", "silence"})
"""Sounds that keep their level, which is what they are."""
