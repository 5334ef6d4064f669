"""Batches of a stack of nets: which frames, in which order, gathered in one go.

Letters: S nets, B rows a batch, T frames, r frames of context on both sides, F features. A batch is
one gather from the pool. The index clamps to the utterance's own frames, so context beyond an edge
and padding behind an end both repeat the edge frame, and no utterance ever sees another.

What is drawn for a net depends on its bank and its generator alone, never on the stack around it.
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
from voxaffect.taxonomy import MISSING


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

    @property
    def n_bytes(self) -> int:
        """Memory that the frames take."""
        return sum(frames.nbytes for frames in self.frames)

    def select(self, rows: NDArray[np.int64]) -> Examples:
        """The examples at the given rows, in their order."""
        return Examples(
            [self.frames[row] for row in rows],
            {task: target[rows] for task, target in self.targets.items()},
        )


# Frames in memory, end to end in one tensor, and whose they are.
#
# Letters: N utterances, M frames of all of them, F features. A pool is shared: nets that learn from
# overlapping parts of the same corpora keep each frame once, and standardize what they take.


class FramePool:
    """Frames of utterances end to end in one tensor, as they were extracted.

    Args:
        frames: N arrays float32 (T, F); at least one.
        device: where the tensor lives.

    Attributes:
        values: float32 (M, F), on the device.
        lengths: int64 (N,), frames of each utterance, on the CPU.
        starts: int64 (N,), its first frame, on the CPU.
    """

    def __init__(
        self, frames: Sequence[NDArray[np.float32]], device: str | torch.device = "cpu"
    ) -> None:
        self.values = torch.from_numpy(np.concatenate(frames)).to(device)
        self.lengths = torch.tensor([len(f) for f in frames])
        self.starts = torch.cumsum(self.lengths, 0) - self.lengths


@dataclass(frozen=True)
class FrameBank:
    """What one net learns from, or is asked about: utterances of a pool, with its statistics.

    Args:
        pool: the frames.
        rows: int64 (N,), which utterances of the pool, on the CPU.
        targets: task -> int64 (N,), on the CPU.
        mean: float32 (F,), subtracted from every frame, on the pool's device.
        scale: float32 (F,), divides every frame.
    """

    pool: FramePool
    rows: Tensor
    targets: Mapping[str, Tensor]
    mean: Tensor
    scale: Tensor

    @classmethod
    def of(
        cls, examples: Examples, standardizer: Standardizer, device: str | torch.device = "cpu"
    ) -> FrameBank:
        """A bank with a pool of its own.

        Raises:
            TrainingError: there are no examples.
        """
        (bank,) = banks([examples], [standardizer], device)
        return bank

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> Tensor:
        """Frames of each utterance, int64 (N,)."""
        return self.pool.lengths[self.rows]

    @property
    def n_features(self) -> int:
        """Features a frame, F."""
        return self.pool.values.shape[1]


def banks(
    several: Sequence[Examples],
    standardizers: Sequence[Standardizer],
    device: str | torch.device = "cpu",
) -> list[FrameBank]:
    """Banks on one pool, which holds every frame once, however many share it.

    Args:
        several: examples of each bank; the same memory counts as the same utterance.
        standardizers: statistics of each bank.
        device: where the pool lives.

    Raises:
        TrainingError: a bank has no examples.
    """
    if not all(len(examples) for examples in several):
        raise TrainingError("there are no utterances to learn from; check the fold's parts")
    place: dict[tuple[int, int], int] = {}
    frames: list[NDArray[np.float32]] = []
    rows = []
    for examples in several:
        own = []
        for values in examples.frames:
            key = (values.ctypes.data, len(values))
            if key not in place:
                place[key] = len(frames)
                frames.append(values)
            own.append(place[key])
        rows.append(torch.tensor(own))
    pool = FramePool(frames, device)
    return [
        FrameBank(
            pool,
            own,
            {task: torch.from_numpy(target) for task, target in examples.targets.items()},
            torch.from_numpy(standardizer.mean).to(device),
            torch.from_numpy(standardizer.scale).to(device),
        )
        for examples, own, standardizer in zip(several, rows, standardizers, strict=True)
    ]


class Parts:
    """Examples as banks of which one at a time is in memory.

    All of them are one bank, kept, where they fit; else each pass reads them part by part, from
    memory-mapped files if that is where they lie. A part is drawn at random among all utterances,
    so that a pass in random order stays one, up to the size of a part, which is half of what memory
    may hold.

    Args:
        examples: the utterances; at least one.
        standardizer: statistics of the training frames.
        device: where a bank lives.
        n_bytes: frames held in memory at most, unless a single utterance has more.

    Raises:
        TrainingError: there are no examples.
    """

    def __init__(
        self,
        examples: Examples,
        standardizer: Standardizer,
        device: str | torch.device = "cpu",
        n_bytes: float = float("inf"),
    ) -> None:
        self.examples = examples
        self._standardizer, self._device, self._n_bytes = standardizer, device, n_bytes
        self._whole = self._bank(None) if examples.n_bytes <= n_bytes else None

    @classmethod
    def of_bank(cls, bank: FrameBank, examples: Examples) -> Parts:
        """Examples that are in memory already."""
        parts = cls.__new__(cls)
        parts.examples, parts._whole = examples, bank
        return parts

    @property
    def whole(self) -> FrameBank | None:
        """The one bank of all, None where they do not fit into memory together."""
        return self._whole

    def in_order(self) -> Iterator[tuple[NDArray[np.int64], FrameBank]]:
        """Every example once: rows of the examples, and the bank of those."""
        yield from self._split(np.arange(len(self.examples)))

    def shuffled(self, generator: torch.Generator) -> Iterator[FrameBank]:
        """One pass in random parts; a bank of all takes nothing from the generator."""
        if self._whole is not None:
            yield self._whole
            return
        order = torch.randperm(len(self.examples), generator=generator).numpy()
        for _, bank in self._split(order):
            yield bank

    def _split(self, order: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], FrameBank]]:
        if self._whole is not None:
            yield order, self._whole
            return
        sizes = np.cumsum([self.examples.frames[row].nbytes for row in order])
        begin = 0
        while begin < len(order):
            used = sizes[begin - 1] if begin else 0
            half = self._n_bytes / 2  # one part is read while the one before is still there
            end = max(begin + 1, int(np.searchsorted(sizes, used + half, "right")))
            yield order[begin:end], self._bank(order[begin:end])
            begin = end

    def _bank(self, rows: NDArray[np.int64] | None) -> FrameBank:
        chosen = self.examples if rows is None else self.examples.select(rows)
        return FrameBank.of(chosen, self._standardizer, self._device)


BUCKET_BATCHES = 8
"""Batches sorted by length together: enough to pad little, few enough to keep the order random."""

INFERENCE_FRAMES = 16_384
"""Frames, padding included, that a batch without gradients holds at most, of all nets together."""


@dataclass(frozen=True)
class Pick:
    """Stretches of some utterances of one bank.

    Args:
        rows: int64 (B,), which utterances of the bank.
        first: int64 (B,), first frame of each.
        n_frames: int64 (B,), frames of each.
    """

    rows: Tensor
    first: Tensor
    n_frames: Tensor

    @property
    def extent(self) -> tuple[int, int]:
        """Longest stretch and number of rows, (T, B)."""
        return int(self.n_frames.max()) if len(self.rows) else 0, len(self.rows)

    def share(self, rank: int, world: int) -> Pick:
        """Every `world`-th row, from `rank` on: what one of several processes computes."""
        return Pick(self.rows[rank::world], self.first[rank::world], self.n_frames[rank::world])


NOTHING = Pick(*(torch.empty(0, dtype=torch.int64) for _ in range(3)))
"""For a net that has no batch left while others of its stack have."""


@dataclass(frozen=True)
class Batch:
    """What a stack of nets sees at once, padded to one length.

    Args:
        x: float32 (T + 2 r, S, B, F). Its memory is in the order in which the trunk reads it.
        lengths: int64 (S, B), frames of each row that are no padding; 0 where a net has fewer rows.
        targets: task -> int64 (S, B), MISSING where a net has fewer rows.
        picks: S of them, what each net's rows are.
    """

    x: Tensor
    lengths: Tensor
    targets: Mapping[str, Tensor]
    picks: tuple[Pick, ...]


def cut(
    banks: Sequence[FrameBank], picks: Sequence[Pick], *, context: int, time_first: bool
) -> Batch:
    """Gather what each net picked of its bank, with context around.

    Args:
        banks: S banks on one pool.
        picks: S picks.
        context: frames of context r on both sides.
        time_first: whether a net's memory is laid out frame by frame, as recurrent trunks read it,
            or row by row with a row's frames side by side, as feed-forward trunks do.
    """
    pool = banks[0].pool
    n_rows = max(1, *(len(pick.rows) for pick in picks))  # a process may have none of the rows
    places = [_places(bank, pick, n_rows) for bank, pick in zip(banks, picks, strict=True)]
    start, end, first, n_frames = torch.stack(places, 1).to(pool.values.device)  # (S, B) each
    longest = max(1, *(pick.extent[0] for pick in picks))
    offsets = torch.arange(-context, longest + context, device=first.device)  # (W,)
    axis = 1 if time_first else 2  # of W, in (S, W, B) or (S, B, W)
    index = first.unsqueeze(axis) + (offsets[:, None] if time_first else offsets)
    index = torch.maximum(index, start.unsqueeze(axis))
    index = torch.minimum(index, end.unsqueeze(axis) - 1)
    x = pool.values.index_select(0, index.flatten()).view(*index.shape, -1)
    x.sub_(torch.stack([bank.mean for bank in banks])[:, None, None])
    x.div_(torch.stack([bank.scale for bank in banks])[:, None, None])
    return Batch(
        x.permute(1, 0, 2, 3) if time_first else x.permute(2, 0, 1, 3),
        n_frames,
        _targets(banks, picks, n_rows, first.device),
        tuple(picks),
    )


def _places(bank: FrameBank, pick: Pick, n_rows: int) -> Tensor:
    """Start and end of each row's utterance in the pool, its first frame there, its frames: (4, B).

    Rows that the net does not have are its first utterance, zero frames long.
    """
    rows = bank.rows[pick.rows]
    start, length = bank.pool.starts[rows], bank.pool.lengths[rows]
    places = torch.stack([start, start + length, start + pick.first, pick.n_frames])
    missing = n_rows - len(rows)
    if not missing:
        return places
    begin, size = bank.pool.starts[bank.rows[0]], bank.pool.lengths[bank.rows[0]]
    filler = torch.stack([begin, begin + size, begin, torch.zeros_like(begin)])
    return torch.cat([places, filler[:, None].expand(4, missing)], 1)


def _targets(
    banks: Sequence[FrameBank], picks: Sequence[Pick], n_rows: int, device: torch.device
) -> dict[str, Tensor]:
    tasks = {task for bank in banks for task in bank.targets}
    found = {task: torch.full((len(banks), n_rows), MISSING) for task in sorted(tasks)}
    for s, (bank, pick) in enumerate(zip(banks, picks, strict=True)):
        for task, target in bank.targets.items():
            found[task][s, : len(pick.rows)] = target[pick.rows]
    return {task: target.to(device) for task, target in found.items()}


def sequence_picks(
    bank: FrameBank, batch_size: int, crop: int | None, generator: torch.Generator, epoch: int = 0
) -> Iterator[Pick]:
    """One pass over the utterances in random order, in batches of similar length.

    Args:
        bank: the utterances.
        batch_size: utterances a batch.
        crop: longest stretch of an utterance to show, chosen at random; None shows all.
        generator: source of the order and of the crops.
        epoch: decides when long and when short batches come. It is not drawn from the generator:
            nets of a stack see batches of like length at a time, and pad little.
    """
    lengths = bank.lengths
    shown = lengths if crop is None else lengths.clamp(max=crop)
    order = torch.randperm(len(lengths), generator=generator)
    for rows in _buckets(order, shown, batch_size, epoch):
        n_frames = shown[rows]
        chance = torch.rand(len(rows), generator=generator)
        first = (chance * (lengths[rows] - n_frames + 1)).long()
        yield Pick(rows, first, n_frames)


def frame_picks(
    bank: FrameBank, batch_size: int, n_batches: int | None, generator: torch.Generator
) -> Iterator[Pick]:
    """Single frames of all utterances in random order.

    Args:
        bank: the utterances.
        batch_size: frames a batch.
        n_batches: batches to draw at most; None draws every frame once.
        generator: source of the order.
    """
    ends = torch.cumsum(bank.lengths, 0)
    starts = ends - bank.lengths
    order = torch.randperm(int(ends[-1]), generator=generator)
    for position in torch.split(order, batch_size)[:n_batches]:
        rows = torch.searchsorted(ends, position, right=True)
        yield Pick(rows, position - starts[rows], torch.ones_like(position))


def inference_picks(banks: Sequence[FrameBank]) -> Iterator[tuple[Pick, ...]]:
    """Every utterance of each bank once, whole, the longest first.

    Nets take the same number of rows at a time, so many that all of them together are at most
    INFERENCE_FRAMES with their padding; a net that has no more picks nothing.
    """
    orders = [torch.argsort(bank.lengths, descending=True, stable=True) for bank in banks]
    while any(len(order) for order in orders):
        heads = [bank.lengths[order[:1]] for bank, order in zip(banks, orders, strict=True)]
        longest = int(torch.cat(heads).max())
        n_rows = max(1, INFERENCE_FRAMES // (longest * len(banks)))
        rows = [order[:n_rows] for order in orders]
        orders = [order[n_rows:] for order in orders]
        yield tuple(
            Pick(own, torch.zeros_like(own), bank.lengths[own])
            for bank, own in zip(banks, rows, strict=True)
        )


def _buckets(order: Tensor, lengths: Tensor, batch_size: int, epoch: int) -> Iterator[Tensor]:
    """Split a random order into batches of similar length, themselves in an order of the epoch."""
    batches: list[Tensor] = []
    for bucket in torch.split(order, batch_size * BUCKET_BATCHES):
        batches += torch.split(bucket[torch.argsort(lengths[bucket], stable=True)], batch_size)
    times = torch.rand(len(batches), generator=torch.Generator().manual_seed(epoch))
    for i in torch.argsort(times).tolist():
        yield batches[i]
