"""Frames of many utterances in one tensor, and the batches cut from it.

Letters: N utterances, M frames of all of them, B batch, T frames, F features, C classes, r context
radius. A batch is one gather, `values[index]`: the index clamps to the utterance's own frames, so
context beyond an edge and padding behind an end both repeat the edge frame, and no utterance ever
sees another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxaffect.errors import TrainingError
from voxaffect.features.standardize import Standardizer

BUCKET_BATCHES = 8
"""Batches sorted by length together: enough to pad little, few enough to keep the order random."""

INFERENCE_FRAMES = 16_384
"""Frames, padding included, that one batch without gradients holds at most."""


@dataclass(frozen=True)
class Examples:
    """Utterances as a model sees them.

    Args:
        frames: N arrays float32 (T, F); may be memory-mapped.
        targets: task -> int64 (N,) class indices, MISSING (-1) where a label is not known.
    """

    frames: Sequence[NDArray[np.float32]]
    targets: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frames)

    def select(self, rows: NDArray[np.int64]) -> Examples:
        """The examples at the given rows, in their order."""
        return Examples(
            [self.frames[row] for row in rows],
            {task: target[rows] for task, target in self.targets.items()},
        )


@dataclass(frozen=True)
class Batch:
    """Part of the examples, padded to one length.

    Args:
        x: float32 (B, T + 2 r, F), r frames of context before and behind the T frames.
        lengths: int64 (B,), frames of each row that are no padding.
        targets: task -> int64 (B,).
        rows: int64 (B,), which utterances these are.
    """

    x: Tensor
    lengths: Tensor
    targets: Mapping[str, Tensor]
    rows: Tensor


class FrameBank:
    """Standardised frames of N utterances end to end in one tensor.

    Args:
        examples: the utterances; at least one.
        standardizer: statistics of the training frames.
        device: where the tensor lives.

    Raises:
        TrainingError: there are no examples.
    """

    def __init__(
        self, examples: Examples, standardizer: Standardizer, device: str | torch.device = "cpu"
    ) -> None:
        if len(examples) == 0:
            raise TrainingError("there are no utterances to learn from; check the fold's parts")
        lengths = [len(frames) for frames in examples.frames]
        flat = standardizer.transform(np.concatenate(list(examples.frames)))
        self.values = torch.from_numpy(flat).to(device)  # (M, F)
        self.lengths = torch.tensor(lengths, device=device)  # (N,)
        self.starts = torch.cumsum(self.lengths, 0) - self.lengths  # (N,)
        self.targets = {
            task: torch.from_numpy(target).to(device) for task, target in examples.targets.items()
        }

    @property
    def n_frames(self) -> int:
        """Frames of all utterances, M."""
        return len(self.values)

    def cut(self, rows: Tensor, first: Tensor, n_frames: Tensor, context: int) -> Batch:
        """Frames `first ... first + n_frames` of the given utterances, with context around.

        Args:
            rows: int64 (B,), which utterances.
            first: int64 (B,), first frame of each.
            n_frames: int64 (B,), frames of each.
            context: frames of context r on both sides.
        """
        longest = int(n_frames.max())
        offsets = torch.arange(-context, longest + context, device=rows.device)  # (T + 2 r,)
        frame = first[:, None] + offsets  # (B, T + 2 r)
        frame = torch.minimum(frame.clamp_(min=0), self.lengths[rows, None] - 1)
        x = self.values[self.starts[rows, None] + frame]
        return Batch(x, n_frames, {t: v[rows] for t, v in self.targets.items()}, rows)

    def sequence_batches(
        self, batch_size: int, crop: int | None, context: int, generator: torch.Generator
    ) -> Iterator[Batch]:
        """One pass over the utterances in random order, in batches of similar length.

        Args:
            batch_size: utterances a batch.
            crop: longest stretch of an utterance to show, chosen at random; None shows all.
            context: frames of context on both sides.
            generator: source of the order and of the crops.
        """
        shown = self.lengths if crop is None else self.lengths.clamp(max=crop)
        order = torch.randperm(len(self.lengths), generator=generator).to(self.lengths.device)
        for rows in _buckets(order, shown, batch_size, generator):
            n_frames = shown[rows]
            spare = self.lengths[rows] - n_frames
            chance = torch.rand(len(rows), generator=generator).to(spare.device)
            first = (chance * (spare + 1)).long()
            yield self.cut(rows, first, n_frames, context)

    def frame_batches(
        self, batch_size: int, n_batches: int | None, context: int, generator: torch.Generator
    ) -> Iterator[Batch]:
        """Single frames of all utterances in random order, each with its context.

        Args:
            batch_size: frames a batch.
            n_batches: batches to draw at most; None draws every frame once.
            context: frames of context on both sides.
            generator: source of the order.
        """
        order = torch.randperm(self.n_frames, generator=generator).to(self.values.device)
        ends = self.starts + self.lengths
        for position in torch.split(order, batch_size)[:n_batches]:
            rows = torch.searchsorted(ends, position, right=True)
            yield self.cut(rows, position - self.starts[rows], torch.ones_like(position), context)

    def inference_batches(self, context: int) -> Iterator[Batch]:
        """Every utterance once, whole, the longest first, padded to at most INFERENCE_FRAMES."""
        order = torch.argsort(self.lengths, descending=True, stable=True)
        while len(order):
            n_rows = max(1, INFERENCE_FRAMES // int(self.lengths[order[0]]))
            rows, order = order[:n_rows], order[n_rows:]
            yield self.cut(rows, torch.zeros_like(rows), self.lengths[rows], context)


def _buckets(
    order: Tensor, lengths: Tensor, batch_size: int, generator: torch.Generator
) -> Iterator[Tensor]:
    """Split a random order into batches of similar length, themselves in random order."""
    batches: list[Tensor] = []
    for bucket in torch.split(order, batch_size * BUCKET_BATCHES):
        batches += torch.split(bucket[torch.argsort(lengths[bucket], stable=True)], batch_size)
    for i in torch.randperm(len(batches), generator=generator).tolist():
        yield batches[i]
