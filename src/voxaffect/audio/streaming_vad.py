"""Voice activity detection in a stream: the rules of `vad`, without a look-ahead.

Floor and loud level are those of the last seconds. Decisions are made every tick, 0.1 s.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.rumble import RumbleFilter
from voxaffect.audio.vad import (
    DEFAULT,
    DIGITAL_DB,
    HOP,
    LEAD,
    ActivityTrack,
    Mask,
    VadSettings,
    analyze,
)

Floats = NDArray[np.float32]

TICK_FRAMES = 10  # between two decisions, 0.1 s
FIRST_FLOOR_DB = -50.0  # at most, in the first second of sound, which may be speech
FIRST_TICKS = 10


class TrackStream:
    """Level and voicing of a recording's frames, piece by piece, as `track_of`."""

    def __init__(self) -> None:
        self._samples = np.zeros(LEAD, np.float32)
        self._n_pushed = 0

    def push(self, samples: Floats) -> ActivityTrack:
        """Take samples (n,), and return the frames that are known now."""
        self._n_pushed += samples.size
        self._samples = np.concatenate([self._samples, samples])
        track = analyze(self._samples)
        self._samples = self._samples[track.n_frames * HOP :]
        return track

    def finish(self) -> ActivityTrack:
        """The last frames."""
        return self.push(np.zeros(LEAD + -self._n_pushed % HOP, np.float32))


class Activity(NamedTuple):
    """Decisions on the frames of a tick, (T,) each, and the samples of their hops."""

    active: Mask
    voiced: Mask
    samples: Floats  # (n,), without rumble; at most 160 T, fewer at the end of a stream

    @property
    def speech(self) -> Floats:
        """Samples of the active frames."""
        return self.samples[np.repeat(self.active, HOP)[: self.samples.size]]


class StreamingVad:
    """Which frames of one endless stream are active, and which of these are voiced."""

    def __init__(self, settings: VadSettings = DEFAULT) -> None:
        self._settings = settings
        self._rumble, self._track = RumbleFilter(), TrackStream()
        self._waiting = np.zeros((2, 0), np.float32)  # level and voicing without a tick
        self._samples = np.zeros(0, np.float32)  # and the samples from there on
        n_ticks = round(settings.frames(settings.neighborhood_s) / TICK_FRAMES)
        self._power: deque[float] = deque(maxlen=n_ticks)  # mean of each tick
        self._noise: deque[float] = deque(maxlen=n_ticks)  # the same where it is that of noise
        self._n_ticks = 0  # with sound

    def push(self, samples: Floats) -> list[Activity]:
        """Take samples (n,), as they come; return the ticks that are decided now."""
        sound = self._rumble.push(samples)
        return self._advance(sound, self._track.push(sound))

    def finish(self) -> list[Activity]:
        """The last ticks, of which one may be shorter."""
        sound = self._rumble.finish()
        found = self._advance(sound, self._track.push(sound))
        found += self._advance(sound[:0], self._track.finish())
        n_left = self._waiting.shape[1]
        return [*found, self._decide(n_left)] if n_left else found

    def _advance(self, sound: Floats, track: ActivityTrack) -> list[Activity]:
        self._samples = np.concatenate([self._samples, sound])
        self._waiting = np.hstack([self._waiting, track[:2]])
        n_ticks = self._waiting.shape[1] // TICK_FRAMES
        return [self._decide(TICK_FRAMES) for _ in range(n_ticks)]

    def _decide(self, n_frames: int) -> Activity:
        (level_db, voicing), self._waiting = np.split(self._waiting, [n_frames], axis=1)
        samples, self._samples = np.split(self._samples, [n_frames * HOP])
        floor_db, loud_db = self._levels(level_db)
        voiced = voicing >= self._settings.voicing
        margin_db = np.where(voiced, self._settings.voiced_margin_db, self._settings.margin_db)
        limit_db = np.maximum(floor_db + margin_db, loud_db - self._settings.range_db)
        active = level_db > limit_db
        return Activity(active, active & voiced, samples)

    def _levels(self, level_db: Floats) -> tuple[float, float]:
        """Noise floor, the least tick of the last seconds, and loud level, the most of two."""
        power = float(np.mean(10 ** (level_db.astype(np.float64) / 10)))
        # A tick with digital silence in it tells nothing of the noise.
        is_sound = level_db.min() >= DIGITAL_DB
        self._n_ticks += is_sound
        self._noise.append(power if is_sound else np.inf)
        self._power.append(power)
        loud = np.array(self._power)
        loudest = loud[0] if loud.size == 1 else np.max(loud[1:] + loud[:-1]) / 2
        floor_db = float(10 * np.log10(min(self._noise)))
        if self._n_ticks <= FIRST_TICKS:
            floor_db = min(floor_db, FIRST_FLOOR_DB)
        return floor_db, float(10 * np.log10(loudest))
