"""What the frames of one recording become when they are seen in their order."""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.descriptors.deltas import LOOK_AHEAD, OverTime
from voxaffect.features.descriptors.observer import Observed
from voxaffect.features.descriptors.pitch import PitchPath
from voxaffect.features.descriptors.pitch_settings import PitchSettings
from voxaffect.features.descriptors.short_time import ShortTime

DESCRIPTORS = (*ShortTime.names, "voice_probability", "f0")
N_COLUMNS = 2 * len(DESCRIPTORS)


class History:
    """Turns what the frames of one recording show into its descriptors, piece by piece.

    Args:
        pitch: the settings of pitch.
        hop_s: distance of the frames in seconds.
        log_f0: the logarithm of F0 takes the place of F0.
    """

    def __init__(self, pitch: PitchSettings, hop_s: float, *, log_f0: bool) -> None:
        self._log_f0 = log_f0
        self._path = PitchPath(pitch, hop_s)
        self._over_time = OverTime()
        self._undecided = np.zeros((0, len(ShortTime.names)), np.float32)

    @property
    def delay(self) -> int:
        """Frames after one that are seen before it is done with."""
        return self._path.delay + LOOK_AHEAD

    @property
    def start(self) -> int:
        """Number of the frame that is seen before any is done with."""
        return self._path.start

    def advance(self, observed: Observed, *, ended: bool) -> NDArray[np.float32]:
        """The descriptors of the frames that are done with now, following on the last call's.

        Args:
            observed: what the next frames show.
            ended: nothing follows, so all frames are done with.

        Returns:
            float32 (n, 32).
        """
        track = self._path.advance(observed.peaks, ended=ended)
        short_time = np.concatenate([self._undecided, observed.short_time])
        n_decided = len(track.f0_hz)
        self._undecided = short_time[n_decided:]
        f0 = track.log_f0 if self._log_f0 else track.f0_hz
        columns = np.column_stack([short_time[:n_decided], track.voice_probability, f0])
        return self._over_time.advance(columns, ended=ended)

    def peek(self, observed: Observed) -> NDArray[np.float32]:
        """Descriptors of the frames that are not done with, as they were if the recording ended.

        Args:
            observed: what the frames show that are left.

        Returns:
            float32 (n, 32); the history itself goes on as if it had not been asked.
        """
        twin = copy.copy(self)  # arrays are shared, as they are replaced, not changed
        twin._path, twin._over_time = self._path.fork(), copy.copy(self._over_time)
        return twin.advance(observed, ended=True)
