"""Loops over frames and samples, compiled to machine code when they first run."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

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
