"""Experiments killed at any moment resume and end with the same results."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.evaluation.data import assert_same, make_dataset
from tests.processes import ENVIRONMENT, alive, start, wait_for
from voxaffect.evaluation.experiment.experiment import Plan, run
from voxaffect.evaluation.experiment.run import Run, RunFolder
from voxaffect.evaluation.results import read_table
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import DnnSettings
from voxaffect.systems.classifier import NetClassifier
from voxaffect.systems.systems import NetSystem, Options, TrainingOptions


@dataclass(frozen=True)
class Halting(NetSystem):
    """A net that does not train while a main process lives and has so many results in a folder."""

    halt: tuple[int, int, Path] | None = None

    def classifier(self, options: Options) -> NetClassifier:
        if self.halt is not None:
            main, most, folder = self.halt
            while len(results(folder)) >= most and Path(f"/proc/{main}").exists():
                time.sleep(0.05)
        return super().classifier(options)


def plan(folder: Path | None = None) -> Plan:
    """Where there is a folder, the run in it halts after some more results, and can be killed."""
    net = DnnSettings(hidden=8, context=1)
    halt = (os.getpid(), len(results(folder)) + 8, folder) if folder else None
    return Plan(
        protocols=("within", "cross"),
        systems=(Halting("slow", net, ("gender",), halt), Halting("slower", net, halt=halt)),
        seeds=(0, 1),
        options=Options(
            training=TrainingOptions(dnn=TrainingSettings(batch_size=32, max_epochs=2, patience=2))
        ),
    )


N_JOBS = (6 + 2) * 2 * 2
WORKER = "loky.backend.popen"


def results(folder: Path) -> list[Path]:
    return sorted(folder.glob("parts/*/[!.]*.parquet"))


def compute(folder: Path) -> tuple[Run, tuple[int, int]]:
    """The run, and the numbers of results that it found and of all."""
    progress: list[tuple[int, int]] = []
    found = run(
        plan(),
        make_dataset(),
        (),
        RunFolder(folder),
        n_jobs=2,
        on_plan=lambda *n: progress.append(n),
    )
    return found, progress[0]


def test_kill_9_of_any_process_does_not_change_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", ENVIRONMENT["OMP_NUM_THREADS"])  # sums in one order
    folder = tmp_path / "killed"
    first = start("-m", __spec__.name, folder)
    wait_for(lambda: len(results(folder)) >= 2)
    os.kill(alive(first.pid, WORKER)[0], signal.SIGKILL)
    wait_for(lambda: len(results(folder)) >= 5)  # it goes on
    first.kill()
    wait_for(lambda: not alive(first.pid))  # and its workers with it

    n_kept = len(results(folder))
    second = start("-m", __spec__.name, folder)
    wait_for(lambda: len(results(folder)) >= n_kept + 2)
    os.killpg(second.pid, signal.SIGKILL)
    for process in (first, second):
        process.communicate()

    n_kept = len(results(folder))
    assert n_kept < N_JOBS
    ended, n_before = compute(folder)
    assert n_before == (n_kept, N_JOBS)
    undisturbed, _ = compute(tmp_path / "undisturbed")
    assert ended.failures == ()
    assert_same(ended.results, undisturbed.results)
    tables = [
        read_table(path / "results.parquet")[0] for path in (folder, tmp_path / "undisturbed")
    ]
    assert tables[0].equals(tables[1])


def test_temporary_files_of_killed_processes_are_removed_later(tmp_path: Path) -> None:
    old, new = tmp_path / ".run.json.abc", tmp_path / "parts/within/.svm-0-x.parquet.def"
    new.parent.mkdir(parents=True)
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    RunFolder(tmp_path).remove_unfinished()
    assert not old.exists()
    assert new.exists()  # another process may be writing it


if __name__ == "__main__":
    path = Path(sys.argv[1])
    run(plan(path), make_dataset(), (), RunFolder(path), n_jobs=2)
