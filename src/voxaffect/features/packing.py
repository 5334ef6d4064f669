"""Stretches of many recordings on one tape, so that the frames of all of them are views of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxaffect.features.frames import FrameGrid

# Rows of many recordings end to end, so that one call works on all of them.
#
# Letters: U recordings, M rows of all of them.

Counts = NDArray[np.int64]


class Ragged(NamedTuple):
    """Rows of U recordings.

    Args:
        rows: (M, ...), recording after recording.
        counts: int64 (U,), how many of each.
    """

    rows: NDArray[Any]
    counts: Counts

    @classmethod
    def concatenate(cls, kept: Sequence[NDArray[Any]], new: Sequence[NDArray[Any]]) -> Ragged:
        """What was kept of each recording, and its new rows after that."""
        pairs = [part for pair in zip(kept, new, strict=True) for part in pair]
        return cls(np.concatenate(pairs), lengths_of(kept) + lengths_of(new))

    @classmethod
    def zero_padded(cls, kept: Sequence[NDArray[Any]], n: Counts) -> Ragged:
        """What was kept of each recording, and room for n rows, zeros, after that."""
        n_kept = lengths_of(kept)
        known = np.concatenate(kept)
        room = cls(np.zeros((len(known) + n.sum(), *known.shape[1:]), known.dtype), n_kept + n)
        room.rows[room.places(np.zeros_like(n), n_kept)] = known
        return room

    def heads(self, n: Counts) -> NDArray[Any]:
        """The first so many rows of each recording, (n.sum(), ...)."""
        heads: NDArray[Any] = self.rows[self.places(np.zeros_like(n), n)]
        return heads

    def tails(self, n: Counts) -> list[NDArray[Any]]:
        """The last so many rows of each recording, as copies that keep no other in memory."""
        ends = np.cumsum(self.counts)
        borders = zip((ends - n).tolist(), ends.tolist(), strict=True)
        return [self.rows[begin:end].copy() for begin, end in borders]

    def split(self) -> list[NDArray[Any]]:
        """The rows of each recording, views."""
        ends = np.cumsum(self.counts)
        borders = zip((ends - self.counts).tolist(), ends.tolist(), strict=True)
        return [self.rows[begin:end] for begin, end in borders]

    def places(self, first: Counts, n: Counts) -> Counts:
        """Where so many rows of each recording lie, from its row `first` on."""
        start = np.cumsum(self.counts) - self.counts + first
        within = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        places: Counts = np.repeat(start, n) + within
        return places


def lengths_of(parts: Sequence[NDArray[Any]]) -> Counts:
    """Lengths of arrays, int64 (U,)."""
    return np.fromiter(map(len, parts), np.int64, len(parts))


T = TypeVar("T")

BLOCK_FRAMES = 512
"""Rows worked on at once: they stay in a processor's cache, and memory is bounded."""

GPU_BLOCK_FRAMES = 1 << 13
"""The same on a GPU, which needs more to be busy."""

ROW_MULTIPLE = 16
"""Rows are a multiple of this: then a row's results do not depend, bit for bit, on how many others
are computed with it. Matrix products treat the last few rows of another number in other ways."""


def max_frames(device: str) -> int:
    """Frames on a tape: enough to be efficient, few enough to take little memory."""
    return 1 << 12 if device == "cpu" else 1 << 16


class AudioChunk(NamedTuple):
    """Frames of one recording, with the samples that they and their pitch are computed from.

    What a stretch does not hold is taken to lie beyond the recording.

    Args:
        samples: float32 (n_samples,).
        before: samples that lie before the first frame, 0 at the beginning of a recording.
        n_frames: how many frames.
        ended: no frames of the recording follow.
    """

    samples: NDArray[np.float32]
    before: int
    n_frames: int
    ended: bool


def split_chunks(
    samples: NDArray[np.float32], grid: FrameGrid, reach: int, most: int
) -> Iterator[AudioChunk]:
    """A recording as stretches, views of it.

    Args:
        samples: float32 (n_samples,).
        grid: where the frames lie.
        reach: samples beyond a frame, on either side, that a stretch must hold.
        most: frames of a stretch at most.
    """
    n_frames, hop = grid.n_frames(len(samples)), grid.hop_samples
    for first in range(0, n_frames, most):
        n = min(most, n_frames - first)
        before = min(reach, first * hop)
        end = (first + n - 1) * hop + grid.window_samples + reach
        ended = first + n == n_frames
        yield AudioChunk(samples[first * hop - before : None if ended else end], before, n, ended)


def batch_chunks(
    recordings: Sequence[NDArray[np.float32]], grid: FrameGrid, reach: int, device: str
) -> Iterator[list[tuple[int, AudioChunk]]]:
    """All recordings as lists of stretches that are worked on together, in order.

    Args:
        recordings: float32 (n_samples,) each.
        grid: where the frames lie.
        reach: samples beyond a frame, on either side, that a stretch must hold.
        device: where they are worked on.

    Yields:
        Each stretch with the number of its recording.
    """
    most = max_frames(device)
    together: list[tuple[int, AudioChunk]] = []
    n_frames = 0
    for number, samples in enumerate(recordings):
        for stretch in split_chunks(samples, grid, reach, most):
            if together and n_frames + stretch.n_frames > most:
                yield together
                together, n_frames = [], 0
            together.append((number, stretch))
            n_frames += stretch.n_frames
    if together:
        yield together


def analyze_in_batches(
    recordings: Sequence[NDArray[np.float32]],
    grid: FrameGrid,
    reach: int,
    device: str,
    observe: Callable[[list[AudioChunk]], Sequence[T]],
) -> Iterator[tuple[int, bool, T]]:
    """What the stretches of all recordings show, in order, so many at a time as is efficient.

    Args:
        recordings: float32 (n_samples,) each.
        grid: where the frames lie.
        reach: samples beyond a frame, on either side, that a stretch must hold.
        device: where they are worked on.
        observe: tells what each of some stretches shows.

    Yields:
        The number of a recording, whether it ends here, and what its stretch shows.
    """
    for together in batch_chunks(recordings, grid, reach, device):
        shown = observe([stretch for _, stretch in together])
        for (number, stretch), one in zip(together, shown, strict=True):
            yield number, stretch.ended, one


@dataclass(frozen=True)
class PackedAudio:
    """Stretches one after the other, with silence between them.

    Row r is the frame that begins at sample `lead + r hop`. The few rows that straddle two
    stretches belong to no frame: that costs three rows a stretch and saves a loop.

    Args:
        samples: float32, as many as the rows cover, `lead` before and `lead` or more after them.
        grid: where the frames lie.
        lead: samples before the first row's frame.
        host: the same samples in the computer's own memory.
        n_rows: rows, straddling ones too.
        parts: rows of each stretch's frames.
        before: samples of each stretch that lie before its first frame.
        after: samples of each stretch from its first frame on.
    """

    samples: Tensor
    grid: FrameGrid
    lead: int
    host: NDArray[np.float32]
    n_rows: int
    parts: list[slice]
    before: list[int]
    after: list[int]

    @classmethod
    def pack(
        cls, stretches: Sequence[AudioChunk], grid: FrameGrid, lead: int, device: str = "cpu"
    ) -> PackedAudio:
        """Lay stretches out.

        Args:
            stretches: at least one, with at most `lead` samples before their first frames.
            grid: where the frames lie.
            lead: samples beyond a frame, on either side, that may be looked at.
            device: where the tape is to lie.
        """
        hop = grid.hop_samples
        gaps = [lead + following.before for following in stretches[1:]] + [lead]
        after = [len(s.samples) - s.before for s in stretches]
        spans = [-(-(n + gap) // hop) for n, gap in zip(after, gaps, strict=True)]  # in rows
        first = list(accumulate(spans, initial=0))
        n_rows = -(-first[-1] // ROW_MULTIPLE) * ROW_MULTIPLE
        place = np.zeros(2 * lead + n_rows * hop + grid.window_samples, np.float32)
        for stretch, row in zip(stretches, first, strict=False):
            start = lead + row * hop - stretch.before
            place[start : start + len(stretch.samples)] = stretch.samples
        parts = [slice(row, row + s.n_frames) for s, row in zip(stretches, first, strict=False)]
        before = [s.before for s in stretches]
        return cls(
            torch.from_numpy(place).to(device), grid, lead, place, n_rows, parts, before, after
        )

    def blocks(self) -> Iterator[range]:
        """The rows, so many as are worked on at once."""
        most = BLOCK_FRAMES if self.samples.device.type == "cpu" else GPU_BLOCK_FRAMES
        for first in range(0, self.n_rows, most):
            yield range(first, min(first + most, self.n_rows))

    def samples_from(self, rows: range, reach: int, n_samples: int) -> Tensor:
        """Samples from `reach` before the first of some rows on, a view (n_samples,)."""
        return self.samples[self.lead + rows.start * self.grid.hop_samples - reach :][:n_samples]

    def edge_frames(self, reach: int) -> NDArray[np.int64]:
        """Frames that have fewer than `reach` samples of their stretch before or after them.

        Returns:
            int64 (3, E): their rows, and the samples of the stretch before and after their first.
        """
        hop, window = self.grid.hop_samples, self.grid.window_samples
        edges: list[tuple[int, int, int]] = []
        for part, before, after in zip(self.parts, self.before, self.after, strict=True):
            n_frames = part.stop - part.start
            begin = max(0, -((before - reach) // hop))  # the first that has all before it
            end = max(begin, (after - window - reach) // hop + 1)  # the first that lacks some after
            numbers = [*range(min(begin, n_frames)), *range(end, n_frames)]
            edges += [(part.start + n, before + n * hop, after - n * hop) for n in numbers]
        return np.array(edges, np.int64).reshape(-1, 3).T

    def frame_samples(self, rows: range) -> Tensor:
        """The samples of some rows' frames, a view (n_samples,)."""
        grid = self.grid
        return self.samples_from(rows, 0, (len(rows) - 1) * grid.hop_samples + grid.window_samples)
