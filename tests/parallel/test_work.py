from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.processes import alive, start, wait_for
from voxaffect.errors import TrainingError
from voxaffect.parallel.work import Lost, compute_all


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
    assert isinstance(results.pop(2), Lost)
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
