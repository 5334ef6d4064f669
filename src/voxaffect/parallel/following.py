"""Processes that end with the one that started them."""

from __future__ import annotations

import os
import signal
import threading
import time

LOOK_S = 1.0
"""How often a process looks whether the one that started it is still there."""


def follow_main_process(main_process: int) -> None:
    """Make this process leave Ctrl-C to the one that started it, and end when that has ended.

    Without it a process whose starter was killed would finish its work for nobody, then wait.

    Args:
        main_process: its id.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(main_process, signal.SIGKILL)


def end_with(main_process: int, sign: signal.Signals) -> None:
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
