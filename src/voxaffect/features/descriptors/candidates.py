"""What frames may be: voiced with one of several pitches, or unvoiced, and how likely each.

A peak is as strong as it is high, and a little stronger with each octave (Boersma 1993). Having no
pitch is the stronger, the softer a frame is beside the loudest of late: the likelier it is the room
that is heard.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.compiled import compiled
from voxaffect.features.descriptors.peaks import SILENCE, Peaks
from voxaffect.features.descriptors.pitch_settings import RATE_HZ, PitchSettings
from voxaffect.features.ragged import Counts

NOISE_FLOOR = 1e-10
"""Power of the noise that every frame is taken to hold, relative to the loudest frame of late: 100
dB under it, where there is no speech, only what is left of it."""

MOST_BELOW_DB = 30.0
"""How far a frame may be below the loudest and still count as softer."""

Floats = NDArray[np.float32]


class Scale(NamedTuple):
    """Settings by which candidates are weighed, and constants of other files (see `compiled`)."""

    floor_hz: float
    ceiling_hz: float
    octave_cost: float
    silence_threshold: float
    voicing_threshold: float
    softness_cost: float
    rate_hz: float
    least_power: float

    @classmethod
    def of(cls, settings: PitchSettings) -> Scale:
        """The scale of some settings."""
        return cls(
            settings.floor_hz,
            settings.ceiling_hz,
            settings.octave_cost,
            settings.silence_threshold,
            settings.voicing_threshold,
            settings.softness_cost,
            RATE_HZ,
            SILENCE,
        )


class Candidates(NamedTuple):
    """What T frames offer.

    Args:
        score: float32 (T, S), strength, -inf where there is no peak.
        octave: float32 (T, S), octaves above the floor.
        f0_hz: float32 (T, S), 0 for the unvoiced.
        probability: float32 (T,), of voicing.
    """

    score: Floats
    octave: Floats
    f0_hz: Floats
    probability: Floats

    @classmethod
    def empty(cls, n_frames: int, n_states: int) -> Candidates:
        """Room for what so many frames offer."""
        score, octave, f0_hz = np.empty((3, n_frames, n_states), np.float32)
        return cls(score, octave, f0_hz, np.empty(n_frames, np.float32))


class Extents(NamedTuple):
    """Where the frames of U recordings lie that are end to end.

    Args:
        waiting: int64 (U,), frames whose loudness is known from before.
        known: int64 (U,), these and the new ones.
        weighed: int64 (U,), how many of these are weighed now.
        begin: int64 (U,), the frame that is known before any is weighed.
    """

    waiting: Counts
    known: Counts
    weighed: Counts
    begin: Counts


class Loudness(NamedTuple):
    """How loud U recordings were of late.

    Args:
        until: float64 (M,), the greatest power until each frame.
        last: float64 (U,), the same until the last frame of each.
        decay: share of it that a hop leaves.
        look_ahead: frames after one that count beside it.
    """

    until: NDArray[np.float64]
    last: NDArray[np.float64]
    decay: float
    look_ahead: int


@compiled
def weigh_each(
    peaks: Peaks, loudness: Loudness, extents: Extents, scale: Scale, offered: Candidates
) -> None:
    """Fill in what frames of recordings end to end offer.

    Args:
        peaks: of M frames.
        loudness: until the frames that are known from before; brought up to the new ones.
        extents: of the recordings.
        scale: to weigh by.
        offered: room for all that are weighed.
    """
    loudest, last, decay, look_ahead = loudness
    first, out = 0, 0
    for u in range(len(extents.known)):
        end, new = first + extents.known[u], first + extents.waiting[u]
        if new < end:
            loudest[new:end] = greatest_power(peaks.power[new:end], last[u], decay)
            last[u] = loudest[end - 1]
        n, full = extents.weighed[u], out + extents.weighed[u]
        beside = np.empty(n)
        for t in range(n):
            until = max(t + look_ahead, extents.begin[u])
            beside[t] = loudest[first + min(until, extents.known[u] - 1)]
        own = Peaks(peaks.lag[first:end], peaks.height[first:end], peaks.power[first:end])
        room = Candidates(
            offered.score[out:full],
            offered.octave[out:full],
            offered.f0_hz[out:full],
            offered.probability[out:full],
        )
        weigh(own, beside, scale, room)
        first, out = end, full


@compiled
def greatest_power(power: Floats, before: float, decay: float) -> NDArray[np.float64]:
    """The greatest power until each frame, where a hop leaves the share `decay` of it."""
    greatest = np.empty(len(power))
    for t in range(len(power)):
        before = max(float(power[t]), before * decay)
        greatest[t] = before
    return greatest


@compiled
def weigh(peaks: Peaks, loudest: NDArray[np.float64], scale: Scale, offered: Candidates) -> None:
    """Fill in what frames offer.

    Args:
        peaks: of T frames or more.
        loudest: float64 (T,), power of the loudest frame of late beside each.
        scale: to weigh by.
        offered: room for T frames.
    """
    for t in range(len(loudest)):
        power = max(float(peaks.power[t]), 0.0)
        heard = power / (power + NOISE_FLOOR * loudest[t] + scale.least_power)
        highest = 0.0
        for k in range(peaks.lag.shape[1]):
            hz = scale.rate_hz / peaks.lag[t, k]
            octave = math.log2(hz / scale.floor_hz)
            strength = -np.inf
            if scale.floor_hz <= hz <= scale.ceiling_hz and peaks.height[t, k] > 0:
                strength = peaks.height[t, k] * heard
                highest = max(highest, strength)
            offered.score[t, k + 1] = strength + scale.octave_cost * octave
            offered.octave[t, k + 1], offered.f0_hz[t, k + 1] = octave, hz
        offered.score[t, 0] = _unvoiced(power / max(loudest[t], power, scale.least_power), scale)
        offered.octave[t, 0], offered.f0_hz[t, 0] = 0.0, 0.0
        offered.probability[t] = min(highest, 1.0)


@compiled
def _unvoiced(share: float, scale: Scale) -> float:
    """Strength of having no pitch, of a frame with a share of the loudest frame's power."""
    below_db = min(-10 * math.log10(max(share, 1e-9)), MOST_BELOW_DB)
    loudness = math.sqrt(share) / scale.silence_threshold * (1 + scale.voicing_threshold)
    return scale.voicing_threshold + scale.softness_cost * below_db / 10 + max(0.0, 2 - loudness)
