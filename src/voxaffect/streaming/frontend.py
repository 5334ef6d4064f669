"""The gain of an utterance so far: what `Waveform.normalized` would apply if it ended here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SILENCE_RMS, gain
from voxaffect.features.lld.extractor import GAIN_COLUMNS, LowLevelDescriptors
from voxaffect.features.lld.streaming import (
    N_COLUMNS,
    DescriptorStream,
    peek_batch,
    push_batch,
)
from voxaffect.streaming.decoder import StreamInput

# Frames of utterances while they last, gain normalization included.
#
# The gain is that of the utterance so far, and it moves. Of the 32 descriptors a gain multiplies
# `GAIN_COLUMNS`; MFCC depend on it where a band meets its floor. So frames are computed once,
# at a level near the target, and brought to the gain of the moment by a factor. When the gain has
# moved too far from that level, all frames are computed anew, at the gain of then. A hurried pass
# over many utterances computes few anew, the shortest first, and leaves the others for another
# pass.

Floats = NDArray[np.float32]

HURRIED_SHARE = 0.25
"""Of what is new to a pass without provisional frames: what it may hear again besides. Where gains
move often, as where voices change, it would be as much as what is new, and come in bursts."""

NO_FRAMES = np.zeros((0, N_COLUMNS), np.float32)


@dataclass
class FrameSource:
    """Computes the frames of one utterance.

    Args:
        descriptors: takes its samples at one level; None while nothing but silence was heard.
        level: the factor that brings its samples to that level.
    """

    descriptors: DescriptorStream | None = None
    level: np.float32 = np.float32(1)


class FrameUpdate(NamedTuple):
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
        self._columns = np.array([extractor.names.index(name) for name in GAIN_COLUMNS])

    def advance(
        self, turns: Sequence[StreamInput], *, provisional: bool
    ) -> list[FrameUpdate | None]:
        """New frames of some utterances; None where all is silent.

        Args:
            turns: of the utterances.
            provisional: whether frames are given whose pitch is not certain; without them the pass
                is hurried.
        """
        audible = [row for row, turn in enumerate(turns) if self._is_audible(turn)]
        some = [turns[row] for row in audible]
        again = self._begun_again(some, hurried=not provisional)
        streams = [turn.progress.source.descriptors for turn in some]
        samples = [_leveled(turn, again=anew) for turn, anew in zip(some, again, strict=True)]
        frames = push_batch(streams, samples)
        tails = peek_batch(streams) if provisional else [NO_FRAMES] * len(some)
        news: list[FrameUpdate | None] = [None] * len(turns)
        for i, (row, turn) in enumerate(zip(audible, some, strict=True)):
            factor = np.float32(turn.gain / turn.progress.source.level)
            news[row] = FrameUpdate(frames[i], tails[i], factor, again[i])
        return news

    def scaled(self, frames: Floats, factors: Floats) -> Floats:
        """Frames (M, 32) as they were if the samples of each had been brought to its gain, (M,)."""
        scaled = frames.copy()
        scaled[:, self._columns] *= factors[:, None]
        return scaled

    def _is_audible(self, turn: StreamInput) -> bool:
        """Whether there is a gain; without one samples wait until all are heard from the first."""
        if turn.gain is None:
            turn.progress.source.descriptors = None
        return turn.gain is not None

    def _begun_again(self, turns: Sequence[StreamInput], *, hurried: bool) -> list[bool]:
        """Which utterances are heard from their first sample, at the gain of now."""
        again = [turn.progress.source.descriptors is None for turn in turns]
        moved = [row for row, turn in enumerate(turns) if not again[row] and self._has_moved(turn)]
        for row in _cheapest(turns, moved) if hurried else moved:
            again[row] = True
        for turn, anew in zip(turns, again, strict=True):
            if anew:
                source: FrameSource = turn.progress.source
                assert turn.gain is not None  # noqa: S101 asked of audible ones
                source.descriptors, source.level = self._extractor.stream(), turn.gain
        return again

    def _has_moved(self, turn: StreamInput) -> bool:
        assert turn.gain is not None  # noqa: S101 asked of audible ones
        moved_db = 20 * math.log10(turn.gain / turn.progress.source.level)
        return abs(moved_db) > self._tolerance_db


def _cheapest(turns: Sequence[StreamInput], rows: Sequence[int]) -> list[int]:
    """Of some utterances the shortest, as many as a hurried pass hears again; at least one."""
    ordered = sorted(rows, key=lambda row: _n_samples(turns[row]))
    most = HURRIED_SHARE * sum(len(turn.samples) for turn in turns)
    n_samples = np.cumsum([_n_samples(turns[row]) for row in ordered])
    return ordered[: max(1, int(np.searchsorted(n_samples, most, "right")))]


def _n_samples(turn: StreamInput) -> int:
    return sum(map(len, turn.so_far))


def _leveled(turn: StreamInput, *, again: bool) -> Floats:
    """The samples that the source lacks, at its level."""
    samples = np.concatenate(turn.so_far) if again else turn.samples
    level: np.float32 = turn.progress.source.level
    return samples * level


class RunningGain:
    """Power of all samples until now, and the factor that brings them to the target level."""

    def __init__(self) -> None:
        self._power = 0.0
        self._n_samples = 0

    def add(self, samples: NDArray[np.float32]) -> None:
        """Count the next samples, float32 (n_samples,)."""
        self._power += float(np.square(samples, dtype=np.float64).sum())
        self._n_samples += len(samples)

    @property
    def rms(self) -> float:
        """Root mean square of the samples until now, 0 before the first."""
        return math.sqrt(self._power / max(self._n_samples, 1))

    @property
    def factor(self) -> np.float32 | None:
        """The gain so far; None while all is silent, as no gain brings silence to any level."""
        return None if self.rms < SILENCE_RMS else gain(self.rms, "the utterance so far")
