"""Frames of utterances while they last, gain normalisation included.

The gain is that of the utterance so far, and it moves. Of the 32 descriptors a gain multiplies
those of `LEVELS`; MFCC depend on it where a band meets its floor. So frames are computed once, at a
level near the target, and brought to the gain of the moment by a factor. When the gain has moved
too far from that level, all frames are computed anew, at the gain of then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.descriptors.history import N_COLUMNS
from voxaffect.features.descriptors.lld import LEVELS, LowLevelDescriptors
from voxaffect.features.descriptors.stream import DescriptorStream, peek_together, push_together
from voxaffect.listening.hearing import Turn

Floats = NDArray[np.float32]

NO_FRAMES = np.zeros((0, N_COLUMNS), np.float32)


@dataclass
class Source:
    """Computes the frames of one utterance.

    Args:
        descriptors: takes its samples at one level; None while nothing but silence was heard.
        level: the factor that brings its samples to that level.
    """

    descriptors: DescriptorStream | None = None
    level: np.float32 = np.float32(1)


class News(NamedTuple):
    """New frames of one utterance.

    Args:
        frames: float32 (n, 32), certain by now, following on those given before.
        tail: float32 (m, 32), those after them, as they were if the utterance ended here.
        factor: brings frames to the gain of the utterance so far.
        again: whether these frames are the utterance's first: forget those given before.
    """

    frames: Floats
    tail: Floats
    factor: np.float32
    again: bool


class Frontend:
    """Computes what is new of many utterances in one go.

    Args:
        extractor: whose frames they are.
        tolerance_db: how far the gain may move from the level that frames are computed at.
    """

    def __init__(self, extractor: LowLevelDescriptors, tolerance_db: float) -> None:
        self._extractor, self._tolerance_db = extractor, tolerance_db
        self._columns = np.array([extractor.names.index(name) for name in LEVELS])

    def advance(self, turns: Sequence[Turn], *, provisional: bool) -> list[News | None]:
        """New frames of some utterances; None where all is silent.

        Args:
            turns: of the utterances.
            provisional: whether frames are given whose pitch is not certain.
        """
        audible = [row for row, turn in enumerate(turns) if self._is_audible(turn)]
        some = [turns[row] for row in audible]
        again = [self._begin_again(turn) for turn in some]
        streams = [turn.progress.source.descriptors for turn in some]
        samples = [_levelled(turn, again=anew) for turn, anew in zip(some, again, strict=True)]
        frames = push_together(streams, samples)
        tails = peek_together(streams) if provisional else [NO_FRAMES] * len(some)
        news: list[News | None] = [None] * len(turns)
        for i, (row, turn) in enumerate(zip(audible, some, strict=True)):
            factor = np.float32(turn.gain / turn.progress.source.level)
            news[row] = News(frames[i], tails[i], factor, again[i])
        return news

    def scaled(self, frames: Floats, factors: Floats) -> Floats:
        """Frames (M, 32) as they were if the samples of each had been brought to its gain, (M,)."""
        scaled = frames.copy()
        scaled[:, self._columns] *= factors[:, None]
        return scaled

    def _is_audible(self, turn: Turn) -> bool:
        """Whether there is a gain; without one samples wait until all are heard from the first."""
        if turn.gain is None:
            turn.progress.source.descriptors = None
        return turn.gain is not None

    def _begin_again(self, turn: Turn) -> bool:
        source: Source = turn.progress.source
        assert turn.gain is not None  # noqa: S101 asked of audible ones
        moved_db = abs(20 * math.log10(turn.gain / source.level))
        begins = source.descriptors is None or moved_db > self._tolerance_db
        if begins:
            source.descriptors, source.level = self._extractor.stream(), turn.gain
        return begins


def _levelled(turn: Turn, *, again: bool) -> Floats:
    """The samples that the source lacks, at its level."""
    samples = np.concatenate(turn.so_far) if again else turn.samples
    level: np.float32 = turn.progress.source.level
    return samples * level
