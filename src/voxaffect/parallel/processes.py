"""This process: its cores, memory, priority, and that it ends with the one that started it."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


def n_cores() -> int:
    """Cores that this process may use: fewer than the machine has where it is confined to some."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
def import_without_gc() -> Iterator[None]:
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


LOOK_S = 1.0
"""How often a process looks whether the one that started it is still there."""


def follow_parent_process(main_process: int) -> None:
    """Make this process leave Ctrl-C to the one that started it, and end when that has ended.

    Without it a process whose starter was killed would finish its work for nobody, then wait.

    Args:
        main_process: its id.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    exit_with_parent(main_process, signal.SIGKILL)


def exit_with_parent(main_process: int, sign: signal.Signals) -> None:
    """Have this process send itself a signal once the one that started it has ended.

    Args:
        main_process: its id.
        sign: the signal.
    """
    threading.Thread(target=_wait_for, args=(main_process, sign), daemon=True).start()


def _wait_for(main_process: int, sign: signal.Signals) -> None:
    while os.getppid() == main_process:
        time.sleep(LOOK_S)
    os.kill(os.getpid(), sign)


NICENESS = 10


def lower_thread_priority() -> None:
    """Have this thread leave its core to others of this machine that want it; for ever.

    What can wait, such as the last answers of utterances that have ended, then does not delay what
    cannot, such as those of utterances that last. Only Linux gives each thread a priority of its
    own; elsewhere nothing happens.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        already = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, max(already, NICENESS))
