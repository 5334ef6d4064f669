"""Reference pitch tracker in float64, frame by frame from the definitions; shares no code."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.lld.pitch_settings import PitchSettings

Array = NDArray[np.float64]

HOP_S = 0.010


def pitch(x: Array, s: PitchSettings) -> tuple[Array, Array]:
    """F0 and voice probability (T,) of samples (N,) at 16 kHz, on the paper's grid."""
    frames = [_analyze(x, i * 160 + 199.5, s) for i in range(1 + (len(x) - 400) // 160)]
    power = np.array([p for _, p in frames])
    decay = 10 ** (-s.loudness_decay_db / 10 * HOP_S)
    loudest = power.copy()
    for t in range(1, len(power)):
        loudest[t] = max(power[t], loudest[t - 1] * decay)
    ahead = np.arange(len(power)) + round(s.loudness_ahead_s / HOP_S)
    ahead = np.clip(ahead, round(s.loudness_start_s / HOP_S), None).clip(max=len(power) - 1)
    pairs = zip(frames, ahead, strict=True)
    lattice = [_candidates(peaks, p, loudest[a], s) for (peaks, p), a in pairs]
    lag = round(s.path_ahead_s / HOP_S)
    states = [_state(lattice, t, min(t + lag, len(lattice) - 1), s) for t in range(len(lattice))]
    f0 = np.array([frame[state][1] for frame, state in zip(lattice, states, strict=True)])
    heights = [[h for _, h in peaks] for peaks, _ in frames]
    signal_share = power / (power + 1e-10 * loudest[ahead] + 1e-20)
    probability = np.array([min(1.0, max([0.0, *h])) for h in heights]) * signal_share
    return f0, np.minimum(probability, 1.0)


def _analyze(x: Array, middle: float, s: PitchSettings) -> tuple[list[tuple[float, float]], float]:
    """Peaks (F0, height) of the frame about a middle, in samples, and its power."""
    n_taper = 2 * round(s.periods_per_window * 8000 / s.floor_hz / 2)
    n = np.arange(n_taper) - (n_taper - 1) / 2
    hann = np.cos(np.pi * n / n_taper) ** 2
    time = middle + 2 * n  # half-way between two samples of x
    seen = (np.floor(time) >= 0) & (np.floor(time) < len(x))
    window = hann * seen
    y = np.array([_halved(x, t) for t in time])
    mean = y @ window / window.sum()
    spectrum = np.abs(np.fft.rfft((y - mean) * window, 512)) ** 2
    hz = np.arange(257) * 8000 / 512
    r = np.fft.irfft(spectrum * hz**2 / (hz**2 + 3600))
    taper = np.fft.irfft(np.abs(np.fft.rfft(window, 512)) ** 2)
    r = r[:120] / np.maximum(taper, 0.05 * taper[0])[:120]
    scale = 1 / (r[0] + 1e-10 * mean**2 + 1e-20)
    return _peaks(r * scale, s), r[0]


def _halved(x: Array, time: float) -> float:
    """The low-passed signal at a time between two samples."""
    sample = np.arange(int(np.floor(time)) - 11, int(np.floor(time)) + 13)
    distance = sample - time
    weight = 0.4 * np.sinc(0.4 * distance) * np.cos(np.pi / 24 * distance) ** 2
    inside = (sample >= 0) & (sample < len(x))
    return float(weight[inside] @ x[sample[inside]])


def _peaks(r: Array, s: PitchSettings) -> list[tuple[float, float]]:
    """The highest peak of each range of lags."""
    borders = [13, 19, 27, 38, 53, 75, 108]  # half octaves from 8000 / 600 to 8000 / 75
    found = []
    for start, stop in itertools.pairwise(borders):
        lags = [k for k in range(start, stop) if r[k] >= max(r[k - 1], r[k + 1])]
        if lags:
            k = max(lags, key=lambda k: r[k] - s.octave_cost * np.log2(k))
            shift, height = _top(r[k - 3 : k + 4])
            f0 = 8000 / (k + shift)
            if s.floor_hz <= f0 <= s.ceiling_hz and height > 0:
                found.append((f0, 1 / height if height > 1 else height))
    return found


def _top(r: Array) -> tuple[float, float]:
    """Where the middle one of seven samples has its top, and how high: Wiener's interpolation."""
    w = np.linspace(0, np.pi, 257)
    power = np.cos(w / 2) ** 4 + 1e-6
    sample, point = np.arange(-3, 4), np.arange(-2, 3) / 2
    known = [[np.cos(w * (a - b)) @ power for b in sample] for a in sample]
    sought = [[np.cos(w * (a - b)) @ power for b in point] for a in sample]
    weights = np.linalg.solve(known, sought)
    y = r @ (weights / weights.sum(0))
    m = 1 + int(np.argmax(y[1:-1]))
    slope, curvature = (y[m + 1] - y[m - 1]) / 2, 2 * y[m] - y[m - 1] - y[m + 1]
    offset = float(np.clip(slope / curvature, -1, 1)) if curvature > 0 else 0.0
    return point[m] + offset / 2, float(y[m] + slope * offset / 2)


def _candidates(
    peaks: list[tuple[float, float]], power: float, loudest: float, s: PitchSettings
) -> list[tuple[float, float]]:
    """Strength and F0 of every state, the unvoiced first."""
    share = power / max(loudest, power, 1e-20)
    below_db = min(-10 * np.log10(max(share, 1e-9)), 30)
    silence = max(0.0, 2 - np.sqrt(share) / s.silence_threshold * (1 + s.voicing_threshold))
    unvoiced = s.voicing_threshold + s.softness_cost * below_db / 10 + silence
    signal_share = power / (power + 1e-10 * loudest + 1e-20)
    voiced = [(h * signal_share + s.octave_cost * np.log2(f0 / s.floor_hz), f0) for f0, h in peaks]
    return [(unvoiced, 0.0), *voiced]


def _state(lattice: list[list[tuple[float, float]]], t: int, end: int, s: PitchSettings) -> int:
    """State of frame t on the best path to frame `end`; earlier frames than 200 hardly matter."""
    start = max(0, t - 200)
    score, origin = [strength for strength, _ in lattice[start]], [0] * len(lattice[start])
    for u in range(start, end + 1):
        if u > start:
            arrivals = [
                max(
                    (score[i] - _cost(before, f0, s), origin[i])
                    for i, (_, before) in enumerate(lattice[u - 1])
                )
                for _, f0 in lattice[u]
            ]
            score = [
                a + strength for (a, _), (strength, _) in zip(arrivals, lattice[u], strict=True)
            ]
            origin = [o for _, o in arrivals]
        if u == t:
            origin = list(range(len(lattice[u])))
    return origin[int(np.argmax(score))]


def _cost(before: float, after: float, s: PitchSettings) -> float:
    if (before > 0) != (after > 0):
        return s.voiced_unvoiced_cost
    return s.octave_jump_cost * abs(np.log2(before / after)) if before > 0 else 0.0
