"""How many threads PyTorch may use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def threads(n_threads: int) -> Iterator[None]:
    """Let PyTorch use so many threads, and restore what was.

    Blocks that stay in a processor's cache are a few microseconds of work an operation. A second
    thread gains a twentieth there on an idle machine, and costs a multiple on a busy one, where
    both wait for each other after each operation.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
