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


@dataclass
class Progress:
    """State of one utterance.

    Args:
        descriptors: takes its samples at one level; None while all is silent.
        level: factor that brings its samples to that level.
        decoded: state of the decoder after the final frames; None before.
    """

    descriptors: DescriptorStream | None = None
    level: np.float32 = np.float32(1)
    decoded: Any = None


class StreamInput(NamedTuple):
    """New samples of an utterance.

    Args:
        progress: of the utterance; updated.
        samples: float32 (n_samples,), the new ones, at the recording's own level.
        so_far: all samples in pieces, including these.
        gain: of the utterance so far; None while it is silent.
    """

    progress: Progress
    samples: Floats
    so_far: Sequence[Floats]
    gain: np.float32 | None


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
        gains: dict[int, np.float32] = {}
        for row, one in enumerate(inputs):
            if one.gain is not None:
                gains[row] = one.gain
            else:  # silent so far: samples wait until all are processed at once
                one.progress.descriptors = None
        some = [inputs[row] for row in gains]
        moved = self._moved(some, [*gains.values()])
        if not provisional:
            moved = _shortest(some, moved)
        streams, samples, restarted = [], [], []
        for number, (one, level) in enumerate(zip(some, gains.values(), strict=True)):
            progress, new = one.progress, one.samples
            restarted.append(progress.descriptors is None or number in moved)
            if progress.descriptors is None or number in moved:
                progress.descriptors, progress.level = self._extractor.stream(), level
                new = np.concatenate(one.so_far)
            streams.append(progress.descriptors)
            samples.append(new * progress.level)
        frames = push_batch(streams, samples)
        tails = peek_batch(streams) if provisional else [NO_FRAMES] * len(some)
        factors = [
            np.float32(gain / one.progress.level)
            for one, gain in zip(some, gains.values(), strict=True)
        ]
        updates = dict(zip(gains, map(FrameUpdate, frames, tails, factors, restarted), strict=True))
        return [updates.get(row) for row in range(len(inputs))]

    def scaled(self, frames: Floats, factors: Floats) -> Floats:
        """Frames (M, 32) as they would be had the samples been multiplied by factors (M,)."""
        scaled = frames.copy()
        scaled[:, self._columns] *= factors[:, None]
        return scaled

    def _moved(self, inputs: Sequence[StreamInput], gains: Sequence[np.float32]) -> list[int]:
        """Utterances whose gain has moved too far from the level of their frames."""
        return [
            row
            for row, (one, gain) in enumerate(zip(inputs, gains, strict=True))
            if one.progress.descriptors is not None
            and abs(20 * math.log10(gain / one.progress.level)) > self._tolerance_db
        ]


def _shortest(inputs: Sequence[StreamInput], rows: Sequence[int]) -> list[int]:
    """The shortest of some utterances that fit into `RECOMPUTED_SHARE`; at least one."""
    lengths = {row: sum(map(len, inputs[row].so_far)) for row in rows}
    ordered = sorted(rows, key=lengths.__getitem__)
    most = RECOMPUTED_SHARE * sum(len(one.samples) for one in inputs)
    n_samples = np.cumsum([lengths[row] for row in ordered])
    return ordered[: max(1, int(np.searchsorted(n_samples, most, "right")))]


def gain_so_far(power: float, n_samples: int) -> np.float32 | None:
    """Factor that brings samples with a sum of squares to the target level; None if silent."""
    rms = math.sqrt(power / max(n_samples, 1))
    return None if rms < SILENCE_RMS else gain(rms, "the utterance so far")
