"""A thread steps back, and no other with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import Queue

import pytest

from tests.processes import alive, start, wait_for
from voxaffect.errors import FeatureError, TrainingError
from voxaffect.parallel.processes import NICENESS, lower_thread_priority
from voxaffect.parallel.work import WorkerDied, WorkerProcess, compute_all

READY_S = 60.0


def made(factor: int) -> Callable[[int], tuple[int, int]]:
    """Multiplies, and says where."""
    return partial(multiplied, factor)


def multiplied(factor: int, item: int) -> tuple[int, int]:
    if item < 0:
        raise FeatureError(f"{item} is less than nothing")
    return factor * item, os.getpid()


def not_made() -> Callable[[int], tuple[int, int]]:
    raise FeatureError("a library is missing")


@contextmanager
def beside(factor: int) -> Iterator[WorkerProcess[int, tuple[int, int]]]:
    ready: Queue[WorkerProcess[int, tuple[int, int]]] = Queue()
    worker = WorkerProcess(partial(made, factor), ready.put)
    try:
        assert ready.get(timeout=READY_S) is worker
        yield worker
    finally:
        worker.close()


def test_it_answers_elsewhere_with_what_it_made_and_goes_on_after_a_fault() -> None:
    with beside(3) as worker:
        answer, where = worker.call(4)
        assert answer == 12
        assert where != os.getpid()
        with pytest.raises(FeatureError, match="-1 is less than nothing"):
            worker.call(-1)
        assert worker.call(5) == (15, where)


def test_its_death_is_told() -> None:
    with beside(3) as worker:
        os.kill(worker.call(1)[1], signal.SIGKILL)
        with pytest.raises(BrokenExecutor):
            worker.call(4)


def test_no_process_is_left() -> None:
    with beside(3) as worker:
        where = worker.call(1)[1]
    with pytest.raises(ProcessLookupError):
        os.kill(where, 0)


def test_one_that_cannot_begin_is_never_ready() -> None:
    ready: Queue[WorkerProcess[int, tuple[int, int]]] = Queue()
    worker = WorkerProcess(not_made, ready.put)
    with pytest.raises(NameError):
        worker.call(1)
    worker.close()
    assert ready.empty()


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priorities here")
def test_a_thread_steps_back_alone() -> None:
    before = niceness()
    with (
        ThreadPoolExecutor(1, initializer=lower_thread_priority) as gentle,
        ThreadPoolExecutor(1) as other,
    ):
        assert gentle.submit(niceness).result() == max(before, NICENESS)
        assert other.submit(niceness).result() == before
    assert niceness() == before


def square(n: int) -> int:
    return n * n


def die(n: int, *, deadly: int, folder: Path, times: int) -> int:
    """Squares; but the process that works on one number is killed, as for lack of memory."""
    deaths = len(list(folder.iterdir()))
    if n == deadly and deaths < times:
        (folder / str(deaths)).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return n * n


def fail(n: int) -> int:
    if n == 3:
        raise TrainingError("three is refused")
    return n


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_all_items_have_results(n_jobs: int) -> None:
    assert dict(compute_all(square, range(7), n_jobs)) == {n: n * n for n in range(7)}
    assert [*compute_all(square, [], n_jobs)] == []
    alone = [*compute_all(square, range(3), n_jobs, alone=True)]
    assert alone == [(0, 0), (1, 1), (2, 4)]  # one after the other


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_the_work_raises_is_raised(n_jobs: int) -> None:
    with pytest.raises(TrainingError, match="three is refused"):
        [*compute_all(fail, range(7), n_jobs)]


@pytest.mark.parametrize("times", [1, 2])
def test_killed_processes_cost_no_item(tmp_path: Path, times: int) -> None:
    work = partial(die, deadly=2, folder=tmp_path, times=times)
    assert dict(compute_all(work, range(8), 2)) == {n: n * n for n in range(8)}
    assert len(list(tmp_path.iterdir())) == times


def test_an_item_that_kills_every_process_is_lost_alone(tmp_path: Path) -> None:
    work = partial(die, deadly=2, folder=tmp_path, times=99)
    results = dict(compute_all(work, range(8), 2))
    assert isinstance(results.pop(2), WorkerDied)
    assert results == {n: n * n for n in range(8) if n != 2}
    assert len(list(tmp_path.iterdir())) == 3  # twice beside others, then alone


ORPHANS = """
import time
from voxaffect.parallel.work import compute_all
for n, _ in compute_all(time.sleep, [0.0, 0.0] + [60.0] * 4, 2):
    print(n, flush=True)
"""


def test_processes_end_with_the_one_that_started_them() -> None:
    process = start("-c", ORPHANS)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["0.0\n", "0.0\n"]
    assert len(alive(process.pid)) >= 3
    process.kill()
    process.communicate()
    wait_for(lambda: not alive(process.pid), 10)


SCRIPT = """
import resource, torch
from voxaffect.parallel.processes import keep_freed_memory
{call}
def step():
    return torch.zeros(64 << 18).sum()  # 64 MiB, taken and given back
for _ in range(10):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(call: str) -> int:
    """Page faults of ten steps that take and give back the same memory."""
    words = [sys.executable, "-c", SCRIPT.format(call=call)]
    found = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(found.stdout)


def test_kept_memory_faults_less_than_half_as_often() -> None:
    assert faults("keep_freed_memory()") * 2 < faults("")


def test_loading_looks_for_no_garbage_and_leaves_things_as_they_were() -> None:
    code = (
        "import gc; from voxaffect.parallel.processes import import_without_gc\n"
        "with import_without_gc(): assert not gc.isenabled()\n"
        "assert gc.isenabled() and gc.get_freeze_count()"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
