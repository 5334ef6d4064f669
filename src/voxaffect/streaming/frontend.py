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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SILENCE_RMS, gain
from voxaffect.features.lld.extractor import GAIN_COLUMNS, LowLevelDescriptors
from voxaffect.features.lld.streaming import N_COLUMNS, DescriptorStream, peek_batch, push_batch

Floats = NDArray[np.float32]
_Float = TypeVar("_Float", np.float32, np.float64)

RECOMPUTED_SHARE = 0.25
"""Samples that a pass without provisional frames may recompute, as a share of its new samples.
Where gains move often, as where voices change, recomputing all would double the work, in bursts."""

NO_FRAMES = np.zeros((0, N_COLUMNS), np.float32)


@dataclass
class Progress:
    """State of one utterance."""

    descriptors: DescriptorStream | None = None  # at one level; None while all is silent
    level: np.float32 = np.float32(1)  # factor that brings its samples to that level
    decoded: Any = None  # the decoder's state after the final frames; None before


class StreamInput(NamedTuple):
    """New samples of an utterance."""

    progress: Progress  # updated
    samples: Floats  # (n_samples,), the new ones, at the recording's own level
    so_far: Sequence[Floats]  # all samples in pieces, including these
    gain: np.float32 | None  # of the utterance so far; None while it is silent


class FrameUpdate(NamedTuple):
    """New frames of one utterance."""

    frames: Floats  # (n, 32), final, following those before
    tail: Floats  # (m, 32), provisional frames after them, as if the utterance ended here
    factor: np.float32  # scales frames to the gain of the utterance so far
    restarted: bool  # whether `frames` replace all before


class Frontend:
    """Compute new frames of many utterances in one batch.

    The gain may move by `tolerance_db` from the level at which frames were computed.
    """

    def __init__(self, extractor: LowLevelDescriptors, tolerance_db: float) -> None:
        self._extractor, self._tolerance_db = extractor, tolerance_db
        self.grid = extractor.grid
        self._columns = np.array([extractor.names.index(name) for name in GAIN_COLUMNS])

    def advance(
        self, inputs: Sequence[StreamInput], *, provisional: bool
    ) -> dict[int, FrameUpdate]:
        """New frames by row of the input, of those not silent so far.

        Those whose pitch is not final are among them if `provisional`.
        """
        gains: dict[int, np.float32] = {}
        for row, one in enumerate(inputs):
            if one.gain is not None:
                gains[row] = one.gain
            else:  # silent so far: samples wait until all are processed at once
                one.progress.descriptors = None
        moved = [row for row, gain in gains.items() if self._moved(inputs[row].progress, gain)]
        if not provisional:
            moved = _shortest({row: inputs[row] for row in gains}, moved)
        streams, samples, factors, restarted = [], [], [], []
        for row, current in gains.items():
            progress, new = inputs[row].progress, inputs[row].samples
            restarted.append(progress.descriptors is None or row in moved)
            if progress.descriptors is None or row in moved:
                progress.descriptors, progress.level = self._extractor.stream(), current
                new = np.concatenate(inputs[row].so_far)
            streams.append(progress.descriptors)
            samples.append(new * progress.level)
            factors.append(np.float32(current / progress.level))
        frames = push_batch(streams, samples)
        tails = peek_batch(streams) if provisional else [NO_FRAMES] * len(streams)
        return dict(zip(gains, map(FrameUpdate, frames, tails, factors, restarted), strict=True))

    def scaled(self, frames: NDArray[_Float], factors: Floats) -> NDArray[_Float]:
        """Frames (M, 32) as they would be had the samples been multiplied by factors (M,)."""
        scaled = frames.copy()
        scaled[:, self._columns] *= factors[:, None]
        return scaled

    def _moved(self, progress: Progress, gain: np.float32) -> bool:
        """Whether the gain has moved too far from the level of the frames."""
        moved_db = abs(20 * math.log10(gain / progress.level))
        return progress.descriptors is not None and moved_db > self._tolerance_db


def _shortest(inputs: Mapping[int, StreamInput], rows: Sequence[int]) -> list[int]:
    """The shortest of some utterances that fit into `RECOMPUTED_SHARE`; at least one."""
    lengths = {row: sum(map(len, inputs[row].so_far)) for row in rows}
    ordered = sorted(rows, key=lengths.__getitem__)
    most = RECOMPUTED_SHARE * sum(len(one.samples) for one in inputs.values())
    n_samples = np.cumsum([lengths[row] for row in ordered])
    return ordered[: max(1, int(np.searchsorted(n_samples, most, "right")))]


def gain_so_far(power: float, n_samples: int) -> np.float32 | None:
    """Factor that brings samples with a sum of squares to the target level; None if silent."""
    rms = math.sqrt(power / max(n_samples, 1))
    return None if rms < SILENCE_RMS else gain(rms, "the utterance so far")
