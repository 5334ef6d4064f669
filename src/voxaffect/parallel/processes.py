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
MAX_INT = 2**31 - 1


def keep_freed_memory() -> None:
    """Let glibc keep large freed blocks instead of returning them to the kernel.

    A training step on 128 utterances frees hundreds of megabytes of activations; if returned, every
    page faults and is zeroed again in the next step. Affects the whole process, so programs call
    it, not libraries. Does nothing where the C library has no `mallopt`.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, MAX_INT)


@contextmanager
def import_without_gc() -> Iterator[None]:
    """Disable garbage collection during imports; exclude what they created from later ones.

    PyTorch creates half a million permanent objects. Traversing them again and again takes a
    quarter of the time to the first prediction. Affects the whole process, so programs call it.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


POLL_S = 1.0  # interval at which a process checks whether its parent is alive


def follow_parent_process(parent: int) -> None:
    """Ignore Ctrl-C, which the parent handles, and exit when the parent has ended or was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    exit_with_parent(parent, signal.SIGKILL)


def exit_with_parent(parent: int, sign: signal.Signals) -> None:
    """Send this process a signal once its parent, a process id, has ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_S)
        os.kill(os.getpid(), sign)

    threading.Thread(target=watch, daemon=True).start()


NICENESS = 10


def lower_thread_priority() -> None:
    """Lower the priority of this thread permanently, so that urgent threads run first.

    Linux only: elsewhere threads have no priority of their own, and nothing happens.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        current = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, max(current, NICENESS))
