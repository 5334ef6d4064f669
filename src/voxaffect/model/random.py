"""Random numbers by seed: independent streams, and dropout that draws from one of them."""

from __future__ import annotations

from enum import IntEnum
from math import prod

import numpy as np
import torch
from torch import Tensor

LEVELS = 256
"""Dropout decides a unit by one random byte, eight of them by one 64-bit draw: a draw a unit would
be a fifth of a DNN's step. Probabilities are rounded to 1 / 256."""


class RandomStream(IntEnum):
    """What random numbers are for; each purpose of a seed has a stream of its own."""

    WEIGHTS = 0
    ORDER = 1
    DROPOUT = 2


def generator(seed: int, stream: RandomStream, device: str = "cpu") -> torch.Generator:
    """A generator for one purpose of a seed, on a device."""
    state = np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state) >> 1)


class Dropout:
    """Dropout for one training step; `torch.nn.Dropout` draws from the whole program's generator.

    Each of `world` processes draws the masks of the whole batch of `extent` (T, B), so that their
    number does not change the result, and uses every `world`-th row from `rank` on.
    """

    def __init__(
        self, generator: torch.Generator, extent: tuple[int, int], rank: int = 0, world: int = 1
    ) -> None:
        self._generator, self._extent = generator, extent
        self._rank, self._world = rank, world

    def __call__(self, hidden: Tensor, probability: float) -> Tensor:
        """Hidden states (T, B, H), some set to 0 and the others scaled up to keep the mean."""
        n_dropped = round(LEVELS * probability)
        if not n_dropped:
            return hidden
        n_bytes = prod(self._extent) * hidden.shape[2]
        words = torch.empty(-(-n_bytes // 8), dtype=torch.int64, device=hidden.device)
        words.random_(-(2**63), None, generator=self._generator)
        noise = words.view(torch.uint8)[:n_bytes].view(*self._extent, -1)
        own = noise[: len(hidden), self._rank :: self._world]
        if not own.shape[1]:  # a process that has no row of the batch
            return hidden
        mask = (own >= n_dropped).to(hidden.dtype)
        return hidden * mask.mul_(LEVELS / (LEVELS - n_dropped))
