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
FIRST_FLOOR_DB = -50.0  # at most, in the first second: a stream may begin with speech
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
    """Decisions on the frames of a tick, (T,) each."""

    active: Mask
    voiced: Mask


class StreamingVad:
    """Which frames of one endless stream are active, and which of these are voiced."""

    def __init__(self, settings: VadSettings = DEFAULT) -> None:
        self._settings = settings
        self._rumble, self._track = RumbleFilter(), TrackStream()
        self._waiting = np.zeros((2, 0), np.float32)  # level and voicing without a tick
        n_ticks = round(settings.frames(settings.neighborhood_s) / TICK_FRAMES)
        self._power: deque[float] = deque(maxlen=n_ticks)  # mean of each tick
        self._n_ticks = 0

    def push(self, samples: Floats) -> list[Activity]:
        """Take samples (n,), as they come; return the ticks that are decided now."""
        self._waiting = np.hstack([self._waiting, self._track.push(self._rumble.push(samples))[:2]])
        found = []
        while self._waiting.shape[1] >= TICK_FRAMES:
            found.append(self._decide(self._waiting[:, :TICK_FRAMES]))
            self._waiting = self._waiting[:, TICK_FRAMES:]
        return found

    def finish(self) -> list[Activity]:
        """The last ticks, of which one may be shorter."""
        last = [self._track.push(self._rumble.finish())[:2], self._track.finish()[:2]]
        self._waiting = np.hstack([self._waiting, *last])
        found = self.push(np.zeros(0, np.float32))
        return [*found, self._decide(self._waiting)] if self._waiting.size else found

    def _decide(self, frames: Floats) -> Activity:
        level_db, voicing = frames
        floor_db, loud_db = self._levels(level_db)
        voiced = voicing >= self._settings.voicing
        margin_db = np.where(voiced, self._settings.voiced_margin_db, self._settings.margin_db)
        limit_db = np.maximum(floor_db + margin_db, loud_db - self._settings.range_db)
        active = level_db > limit_db
        return Activity(active, active & voiced)

    def _levels(self, level_db: Floats) -> tuple[float, float]:
        """Noise floor, the least tick of the last seconds, and loud level, the most of two."""
        self._n_ticks += 1
        self._power.append(float(np.mean(10 ** (level_db.astype(np.float64) / 10))))
        power = np.array(self._power)
        sound = power[power >= 10 ** (DIGITAL_DB / 10)]
        if sound.size == 0:
            return 0.0, 0.0
        loud = power[0] if power.size == 1 else np.max(power[1:] + power[:-1]) / 2
        floor_db = float(10 * np.log10(sound.min()))
        if self._n_ticks <= FIRST_TICKS:
            floor_db = min(floor_db, FIRST_FLOOR_DB)
        return floor_db, float(10 * np.log10(loud))
