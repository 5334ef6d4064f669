"""Work on real Ray and Dask clusters on this machine, with workers and nodes killed."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from tests.evaluation.data import assert_same, make_dataset
from tests.evaluation.experiment.test_survival import N_JOBS, plan, results
from tests.features.cache.levels import Levels, files, make_utterances, same
from tests.parallel.test_processes import die, fail, square
from tests.processes import in_another_process, start, wait_for
from voxaffect.errors import ClusterError, TrainingError
from voxaffect.evaluation.experiment.experiment import Plan, run
from voxaffect.evaluation.experiment.job import Job
from voxaffect.evaluation.experiment.run import Run, RunFolder
from voxaffect.features.cache.cache import FeatureStore
from voxaffect.files import write_text
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import DnnSettings
from voxaffect.parallel.clusters import local_jobs, workers
from voxaffect.parallel.processes import n_cores
from voxaffect.parallel.work import WorkerDied, compute_all
from voxaffect.systems.systems import SYSTEMS, NetSystem, Options, TrainingOptions


def test_cpu_affinity_limits_the_number_of_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 8}, raising=False)
    assert n_cores() == local_jobs(10) == 3
    with workers("loky", None, 0) as all_of_them, workers("loky", None, 10) as asked:
        assert (all_of_them, asked) == (3, 10)
    assert local_jobs(2) == 2


@pytest.mark.parametrize(("reported", "expected"), [(4, 4), (None, 1)])
def test_all_cores_count_without_cpu_affinity(
    reported: int | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: reported)
    assert n_cores() == expected


PLAN = Plan(
    protocols=("within", "cross"),
    systems=(SYSTEMS["svm"], NetSystem("dnn-stl", DnnSettings(hidden=8, context=1))),
    options=Options(
        training=TrainingOptions(dnn=TrainingSettings(batch_size=32, max_epochs=3, patience=3))
    ),
)
DATASET = make_dataset()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Results of a single process."""
    return run(PLAN, DATASET, (), RunFolder(tmp_path_factory.mktemp("plain")))


def assert_equal(found: Run, expected: Run) -> None:
    assert found.failures == ()
    # Other thread counts may change the last bit.
    assert_same(found.results, expected.results, rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[tuple[str, int]]:
    """Address of two nodes of one core each, and the process id of the second."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'voxaffect[ray]'")
    process = start("-m", "tests.parallel.ray_cluster")
    assert process.stdout is not None
    address, _, node = process.stdout.readline().partition(" ")
    assert node, process.communicate()
    yield address, int(node)
    process.communicate(timeout=120)  # its standard input ends


# Ray aborts its process when it finds a bug of its own, so the tests run it in another process.


def test_ray_computes_and_survives_the_death_of_workers(
    ray_cluster: tuple[str, int], tmp_path: Path
) -> None:
    in_another_process(compute_and_survive_deaths, ray_cluster[0], tmp_path)


def compute_and_survive_deaths(address: str, folder: Path) -> None:
    work = partial(die, deadly=2, folder=folder, times=99)
    with workers("ray", address, 0) as n_jobs:
        assert n_jobs == 2
        results = dict(compute_all(work, range(5), n_jobs))
        assert isinstance(results.pop(2), WorkerDied)
        assert results == {n: n * n for n in range(5) if n != 2}
        with pytest.raises(TrainingError, match="three is refused"):
            [*compute_all(fail, range(7), n_jobs)]
        assert dict(compute_all(square, [3], 1)) == {3: 9}


def test_ray_kills_running_tasks_when_the_connection_closes(
    ray_cluster: tuple[str, int], tmp_path: Path
) -> None:
    in_another_process(leave_a_task_running, ray_cluster[0], tmp_path / "pid")
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not Path(f"/proc/{pid}").exists())


def leave_a_task_running(address: str, note: Path) -> None:
    with workers("ray", address, 0) as n_jobs, pytest.raises(TrainingError, match="is refused"):
        [*compute_all(partial(fail_or_sleep, note=note), [3, 0], n_jobs)]


def fail_or_sleep(n: int, *, note: Path) -> None:
    if n == 0:
        write_text(note, str(os.getpid()))
        time.sleep(3600)
    wait_for(note.exists)
    fail(n)


def _has_more(folder: RunFolder, n_results: int) -> bool:
    return len(results(folder.root)) >= n_results


def test_ray_survives_the_death_of_the_main_process(
    ray_cluster: tuple[str, int], tmp_path: Path
) -> None:
    in_another_process(
        assert_survives_main_process_death, "ray", ray_cluster[0], tmp_path, [signal.SIGKILL]
    )


def test_ray_extracts_features_and_survives_the_loss_of_a_node(
    ray_cluster: tuple[str, int], plain: Run, tmp_path: Path
) -> None:
    found, n_ended = in_another_process(run_and_lose_a_node, *ray_cluster, tmp_path)
    assert_equal(found, plain)
    assert n_ended == len(plain.trainings)


def run_and_lose_a_node(address: str, node: int, folder: Path) -> tuple[Run, int]:
    ended: list[Job] = []

    def lose_a_node(job: Job, _: str | None) -> None:
        ended.append(job)
        if len(ended) == 3:
            os.kill(node, signal.SIGKILL)

    with workers("ray", address, 0) as n_jobs:
        found = run(PLAN, DATASET, (), RunFolder(folder), n_jobs=n_jobs, on_outcome=lose_a_node)
        assert_extracts(folder, n_jobs)
    return found, len(ended)


def assert_survives_main_process_death(
    kind: str, address: str, folder: Path, signs: Sequence[signal.Signals]
) -> None:
    """Kill the main process of a run with each signal, and resume the run after each."""
    there = RunFolder(folder / "there")
    for sign in signs:
        n_before = len(results(there.root))
        main = start("-m", __spec__.name, kind, address, there.root)
        wait_for(partial(_has_more, there, n_before + 2))
        os.kill(main.pid, sign)
        main.communicate(timeout=180)
        assert main.returncode != 0
    assert len(results(there.root)) < N_JOBS
    with workers(kind, address, 0) as n_jobs:
        found = run(plan(), DATASET, (), there, n_jobs=n_jobs)
    assert_equal(found, run(plan(), DATASET, (), RunFolder(folder / "here")))


def assert_extracts(folder: Path, n_jobs: int) -> None:
    """Workers fill a feature cache as this process would."""
    utterances = make_utterances(folder / "audio", 40)
    there = FeatureStore(folder / "there", Levels())
    here = FeatureStore(folder / "here", Levels())
    assert same(
        there.extract(utterances, n_jobs=n_jobs).features, here.extract(utterances).features
    )
    assert len(files(there, ".safetensors")) == 2
    assert there.extractor.seen == []  # type: ignore[attr-defined]


@pytest.fixture
def dask_cluster(tmp_path: Path) -> Iterator[tuple[str, list[Any]]]:
    """Address of a scheduler and its two workers."""
    distributed = pytest.importorskip(
        "distributed", reason="Dask is missing: pip install 'voxaffect[dask]'"
    )
    note = tmp_path / "scheduler.json"
    options = ("--scheduler-file", note, "--no-dashboard")
    scheduler = start("-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
                      "--port", 0, *options)  # fmt: skip
    wait_for(note.exists)
    own = ("--nthreads", 1, "--no-nanny", "--local-directory", tmp_path / "dask")
    found = [start("-m", "distributed.cli.dask_worker", *options, *own) for _ in range(2)]
    address = json.loads(note.read_text())["address"]
    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=180)
    yield address, found
    for process in (*found, scheduler):
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_dask_computes_and_survives_the_loss_of_a_worker(
    dask_cluster: tuple[str, list[Any]], plain: Run, tmp_path: Path
) -> None:
    address, processes = dask_cluster
    ended: list[Job] = []

    def lose_a_worker(job: Job, _: str | None) -> None:
        ended.append(job)
        if len(ended) == 3:
            processes[0].kill()

    with workers("dask", address, 0) as n_jobs:
        assert dict(compute_all(square, range(9), n_jobs)) == {n: n * n for n in range(9)}
        with pytest.raises(TrainingError, match="three is refused"):
            [*compute_all(fail, range(7), n_jobs)]
        found = run(PLAN, DATASET, (), RunFolder(tmp_path), n_jobs=n_jobs, on_outcome=lose_a_worker)
        assert_equal(found, plain)
        assert len(ended) == len(plain.trainings)
        assert_extracts(tmp_path, n_jobs)


def test_dask_survives_the_death_of_the_main_process(
    dask_cluster: tuple[str, list[Any]], tmp_path: Path
) -> None:
    address, _ = dask_cluster
    assert_survives_main_process_death("dask", address, tmp_path, [signal.SIGKILL, signal.SIGINT])


def test_dask_workers_with_several_threads_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip(
        "distributed", reason="Dask is missing: pip install 'voxaffect[dask]'"
    )
    client = MagicMock()
    client.ncores.return_value = {"tcp://10.0.0.2:41": 1, "tcp://10.0.0.3:42": 4}
    client.__exit__.return_value = None
    monkeypatch.setattr(distributed, "Client", lambda *_, **__: client)
    with (
        pytest.raises(ClusterError, match=r"10\.0\.0\.3:42: .*--nworkers 4 --nthreads 1"),
        workers("dask", "10.0.0.1:8786", 0),
    ):
        pass


if __name__ == "__main__":
    with workers(sys.argv[1], sys.argv[2], 0) as n_at_once:
        path = Path(sys.argv[3])
        run(plan(path), DATASET, (), RunFolder(path), n_jobs=n_at_once)
