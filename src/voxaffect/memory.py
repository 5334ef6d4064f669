"""Memory of a program: freed blocks that training keeps, objects that loading leaves for good."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # names and numbers of glibc's malloc.h
KEPT_BYTES = 2**31 - 1  # the most that mallopt's int can say


def keep_freed_memory() -> None:
    """Let glibc keep large freed blocks instead of giving them back to the kernel.

    A training step on 128 utterances frees and takes hundreds of megabytes of activations; given
    back each time, every page of them faults and is zeroed anew in the next step. For programs, not
    for libraries to call: it holds for the whole process. Does nothing where the C library has no
    `mallopt`.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


@contextmanager
def loading() -> Iterator[None]:
    """Load libraries without looking for garbage among them, then or later.

    PyTorch alone makes half a million objects that stay. Python's collector would walk them again
    and again while they come to be, for a quarter of the time until a first answer. For programs,
    not for libraries to call: it holds for the whole process.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
