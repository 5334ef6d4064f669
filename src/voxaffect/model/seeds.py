"""Independent streams of random numbers from one seed."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import torch


class Stream(IntEnum):
    """What random numbers are for; each purpose of a seed has a stream of its own."""

    WEIGHTS = 0
    ORDER = 1
    DROPOUT = 2


def generator(seed: int, stream: Stream, device: str = "cpu") -> torch.Generator:
    """A generator for one purpose of a seed, on a device."""
    state = np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state) >> 1)
