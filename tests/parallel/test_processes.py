"""Worker processes, the parallel map, thread priority, memory and garbage collection."""

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


def make_multiply(factor: int) -> Callable[[int], tuple[int, int]]:
    """Multiplication that also returns its process id."""
    return partial(multiply, factor)


def multiply(factor: int, item: int) -> tuple[int, int]:
    if item < 0:
        raise FeatureError(f"{item} is negative")
    return factor * item, os.getpid()


def fail_to_make() -> Callable[[int], tuple[int, int]]:
    raise FeatureError("a library is missing")


@contextmanager
def worker_process(factor: int) -> Iterator[WorkerProcess[int, tuple[int, int]]]:
    ready: Queue[WorkerProcess[int, tuple[int, int]]] = Queue()
    worker = WorkerProcess(partial(make_multiply, factor), ready.put)
    try:
        assert ready.get(timeout=READY_S) is worker
        yield worker
    finally:
        worker.close()


def test_worker_computes_in_its_own_process_and_survives_an_exception() -> None:
    with worker_process(3) as worker:
        product, process = worker.call(4)
        assert product == 12
        assert process != os.getpid()
        with pytest.raises(FeatureError, match="-1 is negative"):
            worker.call(-1)
        assert worker.call(5) == (15, process)


def test_death_of_the_worker_is_an_error() -> None:
    with worker_process(3) as worker:
        os.kill(worker.call(1)[1], signal.SIGKILL)
        with pytest.raises(BrokenExecutor):
            worker.call(4)


def test_close_ends_the_process() -> None:
    with worker_process(3) as worker:
        process = worker.call(1)[1]
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_worker_whose_setup_fails_is_never_ready() -> None:
    ready: Queue[WorkerProcess[int, tuple[int, int]]] = Queue()
    worker = WorkerProcess(fail_to_make, ready.put)
    with pytest.raises(NameError):
        worker.call(1)
    worker.close()
    assert ready.empty()


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority here")
def test_priority_of_a_single_thread_is_lowered() -> None:
    before = niceness()
    with (
        ThreadPoolExecutor(1, initializer=lower_thread_priority) as low,
        ThreadPoolExecutor(1) as other,
    ):
        assert low.submit(niceness).result() == max(before, NICENESS)
        assert other.submit(niceness).result() == before
    assert niceness() == before


def square(n: int) -> int:
    return n * n


def die(n: int, *, deadly: int, folder: Path, times: int) -> int:
    """Square, but kill the process at the deadly number, as for lack of memory."""
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
    assert alone == [(0, 0), (1, 1), (2, 4)]  # in order


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_exceptions_of_the_function_are_raised(n_jobs: int) -> None:
    with pytest.raises(TrainingError, match="three is refused"):
        [*compute_all(fail, range(7), n_jobs)]


@pytest.mark.parametrize("times", [1, 2])
def test_items_survive_killed_processes(tmp_path: Path, times: int) -> None:
    work = partial(die, deadly=2, folder=tmp_path, times=times)
    assert dict(compute_all(work, range(8), 2)) == {n: n * n for n in range(8)}
    assert len(list(tmp_path.iterdir())) == times


def test_only_the_item_that_kills_every_process_is_lost(tmp_path: Path) -> None:
    work = partial(die, deadly=2, folder=tmp_path, times=99)
    results = dict(compute_all(work, range(8), 2))
    assert isinstance(results.pop(2), WorkerDied)
    assert results == {n: n * n for n in range(8) if n != 2}
    assert len(list(tmp_path.iterdir())) == 3  # twice with others, then alone


ORPHANS = """
import time
from voxaffect.parallel.work import compute_all
for n, _ in compute_all(time.sleep, [0.0, 0.0] + [60.0] * 4, 2):
    print(n, flush=True)
"""


def test_workers_exit_with_their_parent() -> None:
    process = start("-c", ORPHANS)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["0.0\n", "0.0\n"]
    assert len(alive(process.pid)) >= 3
    process.kill()
    process.communicate()
    wait_for(lambda: not alive(process.pid))


SCRIPT = """
import resource, torch
from voxaffect.parallel.processes import keep_freed_memory
{call}
def step():
    return torch.zeros(64 << 18).sum()  # 64 MiB, allocated and freed
for _ in range(10):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(call: str) -> int:
    """Page faults of ten steps that allocate and free the same memory."""
    words = [sys.executable, "-c", SCRIPT.format(call=call)]
    found = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(found.stdout)


def test_kept_memory_halves_page_faults() -> None:
    assert faults("keep_freed_memory()") * 2 < faults("")


def test_import_without_gc_restores_garbage_collection() -> None:
    code = (
        "import gc; from voxaffect.parallel.processes import import_without_gc\n"
        "with import_without_gc(): assert not gc.isenabled()\n"
        "assert gc.isenabled() and gc.get_freeze_count()"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
