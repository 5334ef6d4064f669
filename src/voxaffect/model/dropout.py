"""Dropout whose masks belong to a net: each net of a stack draws its own, as if it were alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

import torch
from torch import Tensor

LEVELS = 256
"""A mask is decided by one random byte a unit: eight units for one 64-bit draw, where a draw a unit
took a fifth of a DNN's step. Probabilities are rounded to 1 / 256."""


class Dropout:
    """The masks of one training step.

    Args:
        generators: S of them, on the device.
        extents: frames and rows (T, B) that each net's batch has; a net draws for these alone.
        rank: which rows of the batch this process computes: every `world`-th from `rank` on.
        world: processes that share the batch. Each draws the masks of all rows.
        tasks: tasks that each net learns; None where all learn the same.
    """

    def __init__(
        self,
        generators: Sequence[torch.Generator],
        extents: Sequence[tuple[int, int]],
        rank: int = 0,
        world: int = 1,
        tasks: Sequence[Iterable[str]] | None = None,
    ) -> None:
        self._generators, self._extents = generators, extents
        self._rank, self._world, self._tasks = rank, world, tasks

    def of(self, task: str) -> Dropout:
        """The masks of a task's own layers, for which a net without the task draws nothing."""
        if self._tasks is None:
            return self
        extents = [
            extent if task in own else (0, 0)
            for extent, own in zip(self._extents, self._tasks, strict=True)
        ]
        return Dropout(self._generators, extents, self._rank, self._world)

    def __call__(self, hidden: Tensor, probability: float) -> Tensor:
        """Hidden states (T, S, B, H), some set to 0 and the others scaled up for them."""
        kept = LEVELS - round(LEVELS * probability)
        if kept == LEVELS:
            return hidden
        # A comparison of signed bytes that answers in numbers: the way without slow conversions.
        mask = torch.lt(
            self._draws(hidden), kept - LEVELS // 2, out=torch.empty_like(hidden.detach())
        )
        return hidden * mask.mul_(LEVELS / max(kept, 1))

    def _draws(self, hidden: Tensor) -> Tensor:
        """A random byte a unit, int8 (T, S, B, H); the largest where a net has no such unit."""
        n_frames, n_nets, n_rows, n_units = hidden.shape
        shape = n_nets, n_frames, n_rows, n_units
        draws = hidden.new_full(shape, LEVELS // 2 - 1, dtype=torch.int8)
        for own, generator, extent in zip(draws, self._generators, self._extents, strict=True):
            fresh = _random_bytes((*extent, n_units), generator, hidden.device)
            fresh = fresh[:n_frames, self._rank :: self._world]
            own[: fresh.shape[0], : fresh.shape[1]] = fresh
        return draws.movedim(0, 1)


def _random_bytes(
    shape: tuple[int, ...], generator: torch.Generator, device: torch.device
) -> Tensor:
    """Signed bytes, all equally likely."""
    n_bytes = prod(shape)
    words = torch.empty(-(-n_bytes // 8), dtype=torch.int64, device=device)
    words.random_(-(2**63), None, generator=generator)
    return words.view(torch.int8)[:n_bytes].view(shape)
