"""What the frames of one recording become when they are seen in their order."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.descriptors.deltas import LOOK_AHEAD, OverTime, smooth_together
from voxaffect.features.descriptors.observer import Observed
from voxaffect.features.descriptors.pitch import PitchPath, decide_together
from voxaffect.features.descriptors.pitch_settings import PitchSettings
from voxaffect.features.descriptors.short_time import ShortTime
from voxaffect.features.ragged import Ragged

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
        return advance_together([self], [observed], ended=ended).rows

    def fork(self) -> History:
        """A twin that goes its own way; arrays are shared, as they are replaced, not changed."""
        twin = copy.copy(self)
        twin._path, twin._over_time = self._path.fork(), copy.copy(self._over_time)
        return twin


def advance_together(
    histories: Sequence[History], several: Sequence[Observed], *, ended: bool
) -> Ragged:
    """`History.advance` of U recordings, to the same values at less cost.

    Args:
        histories: the recordings, of one extractor.
        several: U times what the next frames show.
        ended: nothing follows, of none of them.

    Returns:
        float32 rows (n, 32): the frames that are done with now.
    """
    paths, over_time = [h._path for h in histories], [h._over_time for h in histories]
    track, n = decide_together(paths, [observed.peaks for observed in several], ended=ended)
    short_time = Ragged.following(
        [h._undecided for h in histories], [observed.short_time for observed in several]
    )
    for history, left in zip(histories, short_time.tails(short_time.counts - n), strict=True):
        history._undecided = left
    f0 = track.log_f0 if histories[0]._log_f0 else track.f0_hz
    columns = np.column_stack([short_time.heads(n), track.voice_probability, f0])
    return smooth_together(over_time, Ragged(columns, n).split(), ended=ended)
