"""Dropout whose masks belong to a net: each net of a stack draws its own, as if it were alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
        masks = [
            self._mask(generator, extent, hidden, kept)
            for generator, extent in zip(self._generators, self._extents, strict=True)
        ]
        if len(masks) == 1 and masks[0].numel() == hidden.numel():
            mask = masks[0][:, None]
        else:
            mask = hidden.new_zeros(hidden.shape)
            for s, own in enumerate(masks):
                mask[: own.shape[0], s, : own.shape[1]] = own
        return hidden * mask.mul_(LEVELS / max(kept, 1))

    def _mask(
        self, generator: torch.Generator, extent: tuple[int, int], hidden: Tensor, kept: int
    ) -> Tensor:
        """1 for the units of one net that stay, else 0: (T, B, H)."""
        n_frames, n_rows = extent
        n_units = n_frames * n_rows * hidden.shape[-1]
        words = torch.empty(-(-n_units // 8), dtype=torch.int64, device=hidden.device)
        words.random_(-(2**63), None, generator=generator)
        # A comparison of signed bytes that answers in numbers: the way without slow conversions.
        draws = words.view(torch.int8)[:n_units].view(n_frames, n_rows, hidden.shape[-1])
        mask = torch.lt(draws, kept - LEVELS // 2, out=hidden.new_empty(draws.shape))
        return mask[: hidden.shape[0], self._rank :: self._world]
