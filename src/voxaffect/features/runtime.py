"""How many threads PyTorch may use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import torch
from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Let Numba compile a function of arrays and numbers, and keep the result on disk.

    Where neither the package's folder nor the user's cache can be written, every process compiles
    anew, which takes some seconds. Constants of other files must come as arguments: what is kept
    does not notice when they change.
    """
    kept: Callable[P, R]
    try:
        kept = njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # Numba's answer where it finds no place for the result
        kept = njit(nogil=True, error_model="numpy")(function)
    return kept


@contextmanager
def torch_threads(n_threads: int) -> Iterator[None]:
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
