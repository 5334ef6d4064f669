"""A thread steps back, and no other with it."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from voxaffect.parallel.gentle import NICENESS, step_back


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priorities here")
def test_a_thread_steps_back_alone() -> None:
    before = niceness()
    with ThreadPoolExecutor(1, initializer=step_back) as gentle, ThreadPoolExecutor(1) as other:
        assert gentle.submit(niceness).result() == max(before, NICENESS)
        assert other.submit(niceness).result() == before
    assert niceness() == before
