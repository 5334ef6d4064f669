"""Start, watch and kill real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from voxaffect.parallel.work import WorkerProcess

Result = TypeVar("Result")

REPOSITORY = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def start(*words: object) -> subprocess.Popen[str]:
    """Start Python with arguments, in a process group of its own that handles Ctrl-C."""
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=REPOSITORY,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_handle_interrupts,  # noqa: PLW1509  (one call into the C library, no lock)
    )


def _handle_interrupts() -> None:
    """The parent of the tests may ignore this signal, which is inherited."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def in_another_process(function: Callable[..., Result], *arguments: object) -> Result:
    """Call a function in another process, whose crash is an exception here."""
    worker = WorkerProcess(partial(partial, function, *arguments[:-1]), lambda _: None)
    try:
        return worker.call(arguments[-1])
    finally:
        worker.close()


def wait_for(condition: Callable[[], object], timeout_s: float = 180.0) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it does not in time.
    """
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout_s:g} s")
        time.sleep(0.05)


def alive(group: int, words: str = "") -> list[int]:
    """Ids of a group's running processes whose command line contains some words."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, in_group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            command = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:  # it has ended
            continue
        if int(in_group) == group and state != "Z" and words in command:
            found.append(int(folder.name))
    return found
