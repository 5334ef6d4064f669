"""The running process: CPU cores, memory, priority, and exit with its parent."""

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
    """Number of CPU cores that this process may use (its affinity, where the system has one)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h


def keep_freed_memory() -> None:
    """Let glibc keep large freed blocks; affects the whole process, so programs call it.

    Activations that a training step returns to the kernel are zeroed page by page in the next.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


@contextmanager
def import_without_gc() -> Iterator[None]:
    """No garbage collection during imports, nor ever of what they make; programs call it.

    Traversing PyTorch's half a million permanent objects takes a quarter of the time to start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def follow_parent_process(parent: int) -> None:
    """Ignore Ctrl-C, which the parent handles, and exit when the parent has ended or was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    exit_with_parent(parent, signal.SIGKILL)


def exit_with_parent(parent: int, sign: signal.Signals) -> None:
    """Send this process a signal once its parent, a process id, has ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os.kill(os.getpid(), sign)

    threading.Thread(target=watch, daemon=True).start()


NICENESS = 10


def lower_thread_priority() -> None:
    """Lower the priority of this thread permanently; only Linux has one for each thread."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        current = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, max(current, NICENESS))
