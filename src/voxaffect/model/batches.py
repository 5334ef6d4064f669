"""Batches of a stack of nets: which frames, in which order, gathered in one go.

Letters: S nets, B rows a batch, T frames, r frames of context on both sides, F features. A batch is
one gather from the pool. The index clamps to the utterance's own frames, so context beyond an edge
and padding behind an end both repeat the edge frame, and no utterance ever sees another.

What is drawn for a net depends on its bank and its generator alone, never on the stack around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from voxaffect.model.bank import FrameBank
from voxaffect.taxonomy import MISSING

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
