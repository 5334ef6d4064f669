"""Frames of utterances while they last, with the gain normalization of the utterance so far.

`Waveform.normalized` brings a whole recording to a target level; the gain of an utterance so far
changes as it goes on. Of the 32 descriptors a gain multiplies `GAIN_COLUMNS`, and MFCC depend on it
only where a band meets its floor. So frames are computed once, at a level near the target, and
scaled to the current gain. When the gain has moved too far from that level, all frames of the
utterance are recomputed. A pass without provisional frames recomputes few utterances, the shortest
first, and leaves the others to later passes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SILENCE_RMS, gain
from voxaffect.features.lld.extractor import GAIN_COLUMNS, LowLevelDescriptors
from voxaffect.features.lld.streaming import N_COLUMNS, DescriptorStream, peek_batch, push_batch

Floats = NDArray[np.float32]

RECOMPUTED_SHARE = 0.25
"""Samples that a pass without provisional frames may recompute, as a share of its new samples.
Where gains move often, as where voices change, recomputing all would double the work, in bursts."""

NO_FRAMES = np.zeros((0, N_COLUMNS), np.float32)


class StreamInput(NamedTuple):
    """New samples of an utterance.

    Args:
        progress: the decoder's state of the utterance.
        samples: float32 (n_samples,), the new ones, at the recording's own level.
        so_far: all samples in pieces, including these.
        gain: of the utterance so far; None while it is silent.
    """

    progress: Any
    samples: Floats
    so_far: Sequence[Floats]
    gain: np.float32 | None


@dataclass
class FrameSource:
    """State of the frame computation of one utterance.

    Args:
        descriptors: takes its samples at one level; None while all is silent.
        level: factor that brings its samples to that level.
    """

    descriptors: DescriptorStream | None = None
    level: np.float32 = np.float32(1)


class FrameUpdate(NamedTuple):
    """New frames of one utterance.

    Args:
        frames: float32 (n, 32), final, following those before.
        tail: float32 (m, 32), provisional frames after them, as if the utterance ended here.
        factor: scales frames to the gain of the utterance so far.
        restarted: whether `frames` replace all before.
    """

    frames: Floats
    tail: Floats
    factor: np.float32
    restarted: bool


class Frontend:
    """Compute new frames of many utterances in one batch.

    Args:
        extractor: computes the descriptors.
        tolerance_db: how far the gain may move from the level at which frames were computed.
    """

    def __init__(self, extractor: LowLevelDescriptors, tolerance_db: float) -> None:
        self._extractor, self._tolerance_db = extractor, tolerance_db
        self._columns = np.array([extractor.names.index(name) for name in GAIN_COLUMNS])

    def advance(
        self, inputs: Sequence[StreamInput], *, provisional: bool
    ) -> list[FrameUpdate | None]:
        """New frames of each utterance, with those whose pitch is not final if `provisional`.

        None where all is silent.
        """
        for one in inputs:
            if one.gain is None:  # silent so far: samples wait until all are processed at once
                one.progress.source.descriptors = None
        audible = [row for row, one in enumerate(inputs) if one.gain is not None]
        some = [inputs[row] for row in audible]
        restarted = self._restart(some, few=not provisional)
        streams = [one.progress.source.descriptors for one in some]
        samples = [
            (np.concatenate(one.so_far) if again else one.samples) * one.progress.source.level
            for one, again in zip(some, restarted, strict=True)
        ]
        frames = push_batch(streams, samples)
        tails = peek_batch(streams) if provisional else [NO_FRAMES] * len(some)
        updates: list[FrameUpdate | None] = [None] * len(inputs)
        for i, (row, one) in enumerate(zip(audible, some, strict=True)):
            factor = np.float32(one.gain / one.progress.source.level)
            updates[row] = FrameUpdate(frames[i], tails[i], factor, restarted[i])
        return updates

    def scaled(self, frames: Floats, factors: Floats) -> Floats:
        """Frames (M, 32) as they would be had the samples been multiplied by factors (M,)."""
        scaled = frames.copy()
        scaled[:, self._columns] *= factors[:, None]
        return scaled

    def _restart(self, inputs: Sequence[StreamInput], *, few: bool) -> list[bool]:
        """Restart utterances whose gain has moved at the current gain; whether each was."""
        restarted = [one.progress.source.descriptors is None for one in inputs]
        moved = [
            row
            for row, one in enumerate(inputs)
            if not restarted[row] and self._gain_has_moved(one)
        ]
        for row in _shortest(inputs, moved) if few else moved:
            restarted[row] = True
        for one, again in zip(inputs, restarted, strict=True):
            if again:
                assert one.gain is not None  # noqa: S101 audible
                source: FrameSource = one.progress.source
                source.descriptors, source.level = self._extractor.stream(), one.gain
        return restarted

    def _gain_has_moved(self, one: StreamInput) -> bool:
        assert one.gain is not None  # noqa: S101 audible
        return abs(20 * math.log10(one.gain / one.progress.source.level)) > self._tolerance_db


def _shortest(inputs: Sequence[StreamInput], rows: Sequence[int]) -> list[int]:
    """The shortest of some utterances that fit into `RECOMPUTED_SHARE`; at least one."""
    lengths = {row: sum(map(len, inputs[row].so_far)) for row in rows}
    ordered = sorted(rows, key=lengths.__getitem__)
    most = RECOMPUTED_SHARE * sum(len(one.samples) for one in inputs)
    n_samples = np.cumsum([lengths[row] for row in ordered])
    return ordered[: max(1, int(np.searchsorted(n_samples, most, "right")))]


class RunningGain:
    """Gain normalization of the samples so far."""

    def __init__(self) -> None:
        self._power = 0.0
        self._n_samples = 0

    def add(self, samples: Floats) -> None:
        """Add the next samples, float32 (n_samples,)."""
        self._power += float(np.square(samples, dtype=np.float64).sum())
        self._n_samples += len(samples)

    @property
    def factor(self) -> np.float32 | None:
        """Factor that brings the samples so far to the target level; None while they are silent."""
        rms = math.sqrt(self._power / max(self._n_samples, 1))
        return None if rms < SILENCE_RMS else gain(rms, "the utterance so far")
