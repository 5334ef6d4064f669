"""Dataset and batches: N utterances, M frames in all, B rows, T frames, r context, F features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxaffect.errors import TrainingError
from voxaffect.features.standardize import Standardizer

BUCKET_BATCHES = 8
"""Batches sorted by length together: enough to pad little, few enough to keep the order random."""

INFERENCE_FRAMES = 16_384  # frames, padding included, that a batch without gradients holds at most


@dataclass(frozen=True)
class Examples:
    """Utterances with their labels."""

    frames: Sequence[NDArray[np.float32]]  # N arrays (T, F); may be memory-mapped
    targets: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    """Task -> (N,) class indices, MISSING (-1) where a label is not known."""
    groups: NDArray[np.int64] | None = None
    """(N,), number of the corpus that each utterance comes from; None where it is not known."""
    speakers: NDArray[np.int64] | None = None
    """(N,), number of each utterance's speaker, -1 where one is not known; None for all."""
    weights: NDArray[np.float64] | None = None
    """(N,), how much each counts in the training of machines on rows; None is 1."""

    def __len__(self) -> int:
        return len(self.frames)

    def select(self, rows: NDArray[np.int64]) -> Examples:
        """The examples at the given rows, in their order."""
        return Examples(
            [self.frames[row] for row in rows],
            {task: target[rows] for task, target in self.targets.items()},
            None if self.groups is None else self.groups[rows],
            None if self.speakers is None else self.speakers[rows],
            None if self.weights is None else self.weights[rows],
        )


def joined(first: Examples, second: Examples) -> Examples:
    """The examples of two sets that know the same of theirs, one after the other."""

    def both(one: NDArray[Any] | None, other: NDArray[Any] | None) -> NDArray[Any] | None:
        return None if one is None or other is None else np.concatenate([one, other])

    return Examples(
        _Joined(first.frames, second.frames),
        {task: np.concatenate([of, second.targets[task]]) for task, of in first.targets.items()},
        both(first.groups, second.groups),
        both(first.speakers, second.speakers),
        both(first.weights, second.weights),
    )


class _Joined(Sequence[NDArray[np.float32]]):
    """Two sequences of frames as one, neither of which is read."""

    def __init__(self, *parts: Sequence[NDArray[np.float32]]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return chain.from_iterable(self._parts)

    @overload
    def __getitem__(self, row: int) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[NDArray[np.float32]]: ...
    def __getitem__(self, row: int | slice) -> NDArray[np.float32] | Sequence[NDArray[np.float32]]:
        if isinstance(row, slice):
            return [self[k] for k in range(*row.indices(len(self)))]
        row, first = range(len(self))[row], len(self._parts[0])
        return self._parts[0][row] if row < first else self._parts[1][row - first]


class FrameDataset:
    """Standardized frames of utterances end to end in one tensor, in memory or part by part.

    A part is half of `max_bytes`, as one is read while the one before is still there; only a single
    utterance may have more. No examples are a `TrainingError`.
    """

    values: Tensor  # float32 (M, F), on the device; all else is (N,), on the CPU

    def __init__(
        self,
        examples: Examples,
        standardizer: Standardizer,
        device: str | torch.device = "cpu",
        max_bytes: float = float("inf"),
    ) -> None:
        if not len(examples):
            raise TrainingError("no utterances to train on; check the parts of the fold")
        self.examples = examples
        self.rows = np.arange(len(examples))  # in the dataset that this is a part of
        self.lengths = torch.tensor([len(frames) for frames in examples.frames])
        self.starts = torch.cumsum(self.lengths, 0) - self.lengths
        self.targets = {t: torch.from_numpy(target) for t, target in examples.targets.items()}
        self._standardizer, self._device, self._max_bytes = standardizer, device, max_bytes
        self.in_memory = sum(frames.nbytes for frames in examples.frames) <= max_bytes
        if self.in_memory:
            self.values = torch.from_numpy(np.concatenate(examples.frames)).to(device)
            self.values.sub_(torch.from_numpy(standardizer.mean).to(device))
            self.values.div_(torch.from_numpy(standardizer.scale).to(device))

    def __len__(self) -> int:
        return len(self.examples)

    def parts(self, generator: torch.Generator | None = None) -> Iterator[FrameDataset]:
        """Datasets in memory of all utterances, in order or as drawn; this one where it fits."""
        if self.in_memory:
            yield self
            return
        order = self.rows
        if generator is not None:
            order = torch.randperm(len(self), generator=generator).numpy()
        sizes = np.cumsum([self.examples.frames[row].nbytes for row in order.tolist()])
        begin = 0
        while begin < len(order):
            used = sizes[begin - 1] if begin else 0
            end = max(begin + 1, int(np.searchsorted(sizes, used + self._max_bytes / 2, "right")))
            rows = order[begin:end]
            part = FrameDataset(self.examples.select(rows), self._standardizer, self._device)
            part.rows = rows
            yield part
            begin = end


@dataclass(frozen=True)
class BatchIndices:
    """Stretches of some utterances of a dataset, int64 (B,) each."""

    rows: Tensor  # which utterances
    first: Tensor  # first frame of each
    n_frames: Tensor

    @property
    def extent(self) -> tuple[int, int]:
        """Frames of the longest stretch and number of rows, (T, B)."""
        return int(self.n_frames.max()), len(self.rows)

    def share(self, rank: int, world: int) -> BatchIndices:
        """Every `world`-th row from `rank` on; if there is none, a row without frames."""
        if rank >= len(self.rows):
            return BatchIndices(self.rows[:1], self.first[:1], torch.zeros_like(self.rows[:1]))
        own = slice(rank, None, world)
        return BatchIndices(self.rows[own], self.first[own], self.n_frames[own])


def collate(
    dataset: FrameDataset, indices: BatchIndices, context: int = 0
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Gather stretches of utterances: frames (T + 2 r, B, F), their lengths (B,), labels by task.

    The index clamps to the utterance's own frames, so context beyond an edge and padding behind an
    end both repeat the edge frame, and no utterance ever sees another.
    """
    starts, device = dataset.starts[indices.rows], dataset.values.device
    last = starts + dataset.lengths[indices.rows] - 1
    places = torch.stack([starts, last, starts + indices.first, indices.n_frames]).to(device)
    start, last, first, lengths = places  # (B,) each
    n_frames = max(1, indices.extent[0])
    offsets = torch.arange(-context, n_frames + context, device=device)[:, None]
    index = torch.clamp(first + offsets, min=start, max=last)  # (T + 2 r, B)
    x = dataset.values.index_select(0, index.flatten()).view(*index.shape, -1)
    return x, lengths, {t: target[indices.rows].to(device) for t, target in dataset.targets.items()}


def sequence_batches(
    dataset: FrameDataset, batch_size: int, crop: int | None, generator: torch.Generator
) -> Iterator[BatchIndices]:
    """All utterances, or random stretches of `crop` frames at most, sorted by length in buckets."""
    lengths = dataset.lengths
    shown = lengths if crop is None else lengths.clamp(max=crop)
    order = torch.randperm(len(lengths), generator=generator)
    batches: list[Tensor] = []
    for bucket in torch.split(order, batch_size * BUCKET_BATCHES):
        batches += torch.split(bucket[torch.argsort(shown[bucket], stable=True)], batch_size)
    for number in torch.randperm(len(batches), generator=generator).tolist():
        rows = batches[number]
        n_frames = shown[rows]
        chance = torch.rand(len(rows), generator=generator)
        first = (chance * (lengths[rows] - n_frames + 1)).long()
        yield BatchIndices(rows, first, n_frames)


def frame_batches(
    dataset: FrameDataset, batch_size: int, n_batches: int | None, generator: torch.Generator
) -> Iterator[BatchIndices]:
    """Single frames of all utterances in random order; `n_batches` at most, None for all."""
    ends = torch.cumsum(dataset.lengths, 0)
    order = torch.randperm(int(ends[-1]), generator=generator)
    for position in torch.split(order, batch_size)[:n_batches]:
        rows = torch.searchsorted(ends, position, right=True)
        yield BatchIndices(rows, position - dataset.starts[rows], torch.ones_like(position))


def inference_batches(dataset: FrameDataset) -> Iterator[BatchIndices]:
    """Every utterance once, whole, the longest first, INFERENCE_FRAMES a batch."""
    order = torch.argsort(dataset.lengths, descending=True, stable=True)
    while len(order):
        n_rows = max(1, INFERENCE_FRAMES // int(dataset.lengths[order[0]]))
        rows, order = order[:n_rows], order[n_rows:]
        yield BatchIndices(rows, torch.zeros_like(rows), dataset.lengths[rows])
