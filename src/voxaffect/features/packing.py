"""Batching of many recordings: their audio is packed end to end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxaffect.features.frames import FrameGrid

T = TypeVar("T")


BLOCK_FRAMES, GPU_BLOCK_FRAMES = 512, 1 << 13
"""Rows processed at once: on a CPU they stay in its cache, and memory is bounded."""

ROW_MULTIPLE = 16
"""Rows are padded to a multiple of this, so that a row's result does not depend, bit by bit, on
the number of rows: matrix products compute the last few rows of other numbers differently."""


def max_frames(device: str) -> int:
    """Largest number of frames packed together: efficient, and of bounded memory."""
    return 1 << 12 if device == "cpu" else 1 << 16


class AudioChunk(NamedTuple):
    """Some frames of one recording, with the samples of their context; others count as zero."""

    samples: NDArray[np.float32]  # (n_samples,)
    before: int  # samples of left context, before the first frame
    n_frames: int
    ended: bool  # whether these are the recording's last frames


def split_chunks(
    samples: NDArray[np.float32], grid: FrameGrid, reach: int, most: int
) -> Iterator[AudioChunk]:
    """Views of up to `most` frames, with `reach` samples of context on either side."""
    n_frames, hop = grid.n_frames(len(samples)), grid.hop_samples
    for first in range(0, n_frames, most):
        n = min(most, n_frames - first)
        before = min(reach, first * hop)
        end = (first + n - 1) * hop + grid.window_samples + reach
        ended = first + n == n_frames
        yield AudioChunk(samples[first * hop - before : None if ended else end], before, n, ended)


def group_chunks(
    numbered: Iterable[tuple[int, AudioChunk]], most: int, *, distinct: bool = False
) -> Iterator[list[tuple[int, AudioChunk]]]:
    """Batches of up to `most` frames; if `distinct`, with no two chunks of one recording."""
    batch: list[tuple[int, AudioChunk]] = []
    n_frames = 0
    for number, chunk in numbered:
        is_full = n_frames + chunk.n_frames > most
        if batch and (is_full or (distinct and number == batch[-1][0])):
            yield batch
            batch, n_frames = [], 0
        batch.append((number, chunk))
        n_frames += chunk.n_frames
    if batch:
        yield batch


def analyze_in_batches(
    recordings: Sequence[NDArray[np.float32]],
    grid: FrameGrid,
    reach: int,
    device: str,
    analyze: Callable[[list[AudioChunk]], Sequence[T]],
) -> Iterator[tuple[int, bool, T]]:
    """Apply `analyze` to batches of chunks of recordings, float32 (n_samples,), in order.

    Yields:
        Index of a recording, whether it ends here, and the result of its next chunk.
    """
    most = max_frames(device)
    numbered = (
        (number, chunk)
        for number, samples in enumerate(recordings)
        for chunk in split_chunks(samples, grid, reach, most)
    )
    for batch in group_chunks(numbered, most):
        results = analyze([chunk for _, chunk in batch])
        for (number, chunk), result in zip(batch, results, strict=True):
            yield number, chunk.ended, result


@dataclass(frozen=True)
class PackedAudio:
    """Chunks packed end to end with zeros between them, so that frames are views of one array.

    Row r is the frame that begins at sample `lead + r hop`. The few rows that straddle two chunks
    belong to no frame: three rows per chunk, which saves a loop.
    """

    samples: Tensor  # float32, those of all rows, with `lead` or more zeros at both ends
    grid: FrameGrid
    lead: int  # samples before the first row
    host: NDArray[np.float32]  # the samples on the CPU
    n_rows: int  # number of rows, straddling ones included
    parts: list[slice]  # rows of each chunk's frames
    before: list[int]  # samples of each chunk before its first frame
    after: list[int]  # samples of each chunk from its first frame on

    @classmethod
    def pack(
        cls, chunks: Sequence[AudioChunk], grid: FrameGrid, lead: int, device: str = "cpu"
    ) -> PackedAudio:
        """Pack one or more chunks with at most `lead` samples of context on either side."""
        hop = grid.hop_samples
        gaps = [lead + following.before for following in chunks[1:]] + [lead]
        after = [len(c.samples) - c.before for c in chunks]
        spans = [-(-(n + gap) // hop) for n, gap in zip(after, gaps, strict=True)]  # in rows
        first = list(accumulate(spans, initial=0))
        n_rows = -(-first[-1] // ROW_MULTIPLE) * ROW_MULTIPLE
        host = np.zeros(2 * lead + n_rows * hop + grid.window_samples, np.float32)
        parts = []
        for chunk, row in zip(chunks, first, strict=False):
            start = lead + row * hop - chunk.before
            host[start : start + len(chunk.samples)] = chunk.samples
            parts.append(slice(row, row + chunk.n_frames))
        before, samples = [c.before for c in chunks], torch.from_numpy(host).to(device)
        return cls(samples, grid, lead, host, n_rows, parts, before, after)

    def blocks(self) -> Iterator[range]:
        """Ranges of rows to process at once."""
        most = BLOCK_FRAMES if self.samples.device.type == "cpu" else GPU_BLOCK_FRAMES
        for first in range(0, self.n_rows, most):
            yield range(first, min(first + most, self.n_rows))

    def samples_from(self, rows: range, reach: int, n_samples: int) -> Tensor:
        """View (n_samples,) of the samples from `reach` before the first of some rows on."""
        return self.samples[self.lead + rows.start * self.grid.hop_samples - reach :][:n_samples]

    def frame_samples(self, rows: range) -> Tensor:
        """View (n_samples,) of the samples of some rows' frames."""
        hop, window = self.grid.hop_samples, self.grid.window_samples
        return self.samples_from(rows, 0, (len(rows) - 1) * hop + window)

    def edge_frames(self, reach: int) -> NDArray[np.int64]:
        """Frames with fewer than `reach` samples of their chunk before or after them, int64 (3, E).

        Rows: the frame's, and the number of samples of the chunk before and from its begin on.
        """
        hop, window = self.grid.hop_samples, self.grid.window_samples
        edges: list[tuple[int, int, int]] = []
        for part, before, after in zip(self.parts, self.before, self.after, strict=True):
            n_frames = part.stop - part.start
            begin = max(0, -((before - reach) // hop))  # first frame with full left context
            end = max(begin, (after - window - reach) // hop + 1)  # first that lacks right context
            numbers = [*range(min(begin, n_frames)), *range(end, n_frames)]
            edges += [(part.start + n, before + n * hop, after - n * hop) for n in numbers]
        return np.array(edges, np.int64).reshape(-1, 3).T
