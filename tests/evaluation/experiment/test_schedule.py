from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.data import make_dataset
from voxaffect.errors import CorpusError, FeatureError, TrainingError
from voxaffect.evaluation.experiment.experiment import run
from voxaffect.evaluation.experiment.fold_data import FoldData
from voxaffect.evaluation.experiment.job import Batch, Failure, Job
from voxaffect.evaluation.experiment.plan import Plan
from voxaffect.evaluation.experiment.results import FoldResult
from voxaffect.evaluation.experiment.run import RunFolder
from voxaffect.evaluation.experiment.schedule import Schedule
from voxaffect.systems import Options, SvmSystem

DATASET = make_dataset()
PLAN = Plan(("cross", "aggregated"), (SvmSystem(),))
FOLDS = [FoldData.of(fold, DATASET) for fold in PLAN.folds(DATASET, print)]
JOBS = [Job(data, SvmSystem(), Options(), seed=5) for data in FOLDS]
BAD = "cross/north"

Attempts = list[tuple[str, int]]


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception, int], Attempts]:
    """Lets one fold fail so many times; returns the attempts that are made, with their seeds."""
    original = Job.compute

    def planted(fault: Exception, times: int) -> Attempts:
        attempts: Attempts = []

        def compute(job: Job) -> FoldResult:
            attempts.append((job.data.fold, job.training_seed))
            if job.data.fold == BAD and [fold for fold, _ in attempts].count(BAD) <= times:
                raise fault
            return original(job)

        monkeypatch.setattr(Job, "compute", compute)
        return attempts

    return planted


def ends(batches: list[Batch]) -> dict[str, FoldResult | Failure]:
    return {job.data.fold: end for job, end in Schedule(batches, n_jobs=1).ends()}


@pytest.mark.parametrize(
    "fault", [MemoryError(), RuntimeError("out of memory"), OSError("stale"), FeatureError("gone")]
)
def test_what_may_pass_is_tried_again_after_the_others_with_the_same_seed(
    fault: Exception, plant: Callable[[Exception, int], Attempts]
) -> None:
    attempts = plant(fault, 1)
    ended = ends([(job,) for job in JOBS])
    assert not any(isinstance(end, Failure) for end in ended.values())
    assert attempts[-1] == (BAD, 5)
    assert len(attempts) == len(JOBS) + 1


def test_a_net_that_diverges_begins_otherwise_and_its_result_says_so(
    plant: Callable[[Exception, int], Attempts],
) -> None:
    attempts = plant(TrainingError("the loss became nan"), 1)
    result = ends([(job,) for job in JOBS])[BAD]
    assert isinstance(result, FoldResult)
    assert result.seed == 5
    assert result.details["restarted"] == "TrainingError: the loss became nan"
    (_, other_seed) = attempts[-1]
    assert other_seed != 5
    assert (BAD, other_seed) == attempts[-1]
    assert all(seed == 5 for _, seed in attempts[:-1])


def test_what_fails_twice_is_reported_and_the_others_end(
    plant: Callable[[Exception, int], Attempts],
) -> None:
    attempts = plant(MemoryError("4 GB"), 99)
    ended = ends([(job,) for job in JOBS])
    assert ended.pop(BAD) == Failure("MemoryError: 4 GB (tried twice)")
    assert all(isinstance(end, FoldResult) for end in ended.values())
    assert len(attempts) == len(JOBS) + 1


def test_what_cannot_be_helped_is_tried_once(
    plant: Callable[[Exception, int], Attempts],
) -> None:
    attempts = plant(CorpusError("no such label"), 99)
    failure = ends([(job,) for job in JOBS])[BAD]
    assert isinstance(failure, Failure)
    assert failure.reason == "CorpusError: no such label"
    assert len(attempts) == len(JOBS)


def test_a_bug_is_not_hidden(plant: Callable[[Exception, int], Attempts]) -> None:
    plant(KeyError("bug"), 1)
    with pytest.raises(KeyError, match="bug"):
        ends([(job,) for job in JOBS])


def test_a_stack_that_fails_is_taken_apart_and_its_seeds_are_kept(
    plant: Callable[[Exception, int], Attempts], monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = plant(TrainingError("unused"), 0)
    stacks: list[int] = []

    def fail(classifiers: list[object], materials: list[object]) -> None:
        stacks.append(len(materials))
        raise TrainingError("the loss became nan")

    monkeypatch.setattr("voxaffect.evaluation.experiment.job.fit_together", fail)
    ended = ends([tuple(JOBS)])
    assert stacks == [len(JOBS)]
    assert all(isinstance(end, FoldResult) for end in ended.values())
    assert sorted(attempts) == sorted((data.fold, 5) for data in FOLDS)


def test_a_restart_is_the_same_whenever_it_happens(
    plant: Callable[[Exception, int], Attempts], tmp_path: Path
) -> None:
    runs = []
    for name in ("one", "other"):
        plant(TrainingError("the loss became nan"), 1)
        runs.append(run(PLAN, DATASET, (), RunFolder(tmp_path / name)))
    for a, b in zip(runs[0].results, runs[1].results, strict=True):
        np.testing.assert_array_equal(a.probabilities, b.probabilities)
