"""Numba compilation and the number of PyTorch threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import torch
from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of arrays and numbers with Numba, and cache the result on disk.

    Where neither the package's folder nor the user's cache is writable, each process compiles
    again, which takes some seconds. Pass constants of other files as arguments: the cache does not
    notice when they change. Rename a function when a type among its arguments is renamed: Numba
    fails to load cache entries that name a type which is gone.
    """
    jitted: Callable[P, R]
    try:
        jitted = njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # no writable folder for the cache
        jitted = njit(nogil=True, error_model="numpy")(function)
    return jitted


@contextmanager
def torch_threads(n_threads: int) -> Iterator[None]:
    """Set the number of PyTorch threads, and restore it on exit.

    On blocks in a processor's cache, a second gains 5 % if idle and costs a multiple if busy.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
