"""Threads that step back where others want their core."""

from __future__ import annotations

import os
import sys
import threading

NICENESS = 10


def step_back() -> None:
    """Have this thread leave its core to others of this machine that want it; for ever.

    What can wait, such as the last answers of utterances that have ended, then does not delay what
    cannot, such as those of utterances that last. Only Linux gives each thread a priority of its
    own; elsewhere nothing happens.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        already = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, max(already, NICENESS))
