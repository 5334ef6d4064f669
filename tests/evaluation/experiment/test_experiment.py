from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.evaluation.data import assert_same, make_dataset
from voxaffect.errors import ArtifactError, FoldError, TrainingError
from voxaffect.evaluation.experiment.experiment import Plan, run
from voxaffect.evaluation.experiment.job import Job
from voxaffect.evaluation.experiment.run import FoldResult, Run, RunFolder
from voxaffect.evaluation.results import metrics_by
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import DnnSettings
from voxaffect.systems.row_classifier import SvmSettings
from voxaffect.systems.systems import SYSTEMS, NetSystem, Options, TrainingOptions

QUICK = TrainingSettings(batch_size=32, max_epochs=2, patience=2)
NET = NetSystem("dnn-mtl", DnnSettings(hidden=8, context=1), ("gender", "naturalness"))
PLAN = Plan(
    protocols=("within", "cross", "aggregated"),
    systems=(SYSTEMS["svm"], NET),
    seeds=(0, 1),
    options=Options(training=TrainingOptions(dnn=QUICK)),
)
N_FOLDS = 6 + 2 + 1
DATASET = make_dataset()


def compute(folder: Path, plan: Plan = PLAN, n_jobs: int = 1) -> Run:
    return run(plan, DATASET, (), RunFolder(folder), n_jobs=n_jobs, note="made up")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Processes compute on one thread each, and another number of threads sums in another order."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return compute(tmp_path_factory.mktemp("run"))


def test_every_fold_system_and_seed_has_a_result(finished: Run) -> None:
    names = finished.results[["fold", "system", "seed"]].drop_duplicates()
    assert len(names) == len(finished.trainings) == N_FOLDS * 2 * 2
    assert finished.note == "made up"
    assert finished.failures == ()
    assert finished.wall_s > 0


def test_results_have_the_test_utterances_of_their_fold(finished: Run) -> None:
    results = finished.results
    utterances = [DATASET.utterances[i] for i in results["utterance"]]
    assert [u.speaker for u in utterances] == results["speaker"].tolist()
    within, cross = (results["protocol"] == name for name in ("within", "cross"))
    assert (results["speaker"] == results["test_name"].astype(str))[within].all()
    assert (results["corpus"] == results["test_name"].astype(str))[cross].all()
    truth = DATASET.emotions(results["utterance"].tolist())
    np.testing.assert_array_equal(results["y_true"].cat.codes, truth)
    assert set(finished.leakage) == set(results["fold"])


def test_systems_are_above_chance_on_separable_classes(finished: Run) -> None:
    accuracy = metrics_by(finished.results, ["protocol", "system"])["wa"]
    assert accuracy["within", "svm"] > 0.9


def test_number_of_processes_does_not_change_results(finished: Run, tmp_path: Path) -> None:
    plan = replace(PLAN, seeds=(0,))
    parallel = compute(tmp_path, plan, n_jobs=2)
    alone = finished.results[finished.results["seed"] == 0].reset_index(drop=True)
    # Other threads for linear algebra may end in another last bit.
    assert_same(alone, parallel.results, rtol=1e-4, atol=1e-6)


def test_results_are_kept_and_damaged_ones_computed_again(finished: Run, tmp_path: Path) -> None:
    compute(tmp_path)
    folder = RunFolder(tmp_path)
    (tmp_path / "results.parquet").unlink()
    files = sorted((tmp_path / "parts").glob("*/*.parquet"))
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:100])
    before = {path: path.stat().st_mtime_ns for path in files[2:]}
    ended: list[Job] = []
    again = run(PLAN, DATASET, (), folder, on_outcome=lambda job, _: ended.append(job))
    assert len(ended) == 2
    assert {path: path.stat().st_mtime_ns for path in files[2:]} == before
    assert_same(finished.results, again.results)


def test_changed_settings_and_audio_are_computed_again(tmp_path: Path) -> None:
    plan = Plan(("cross",), (SYSTEMS["svm"],))
    compute(tmp_path, plan)
    ended: list[Job] = []
    changed = replace(plan, options=Options(svm=SvmSettings(penalty=0.5)))
    run(changed, DATASET, (), RunFolder(tmp_path), on_outcome=lambda job, _: ended.append(job))
    assert len(ended) == 2
    ended.clear()
    louder = replace(DATASET, contents={**DATASET.contents, "north/0/happy0": "another"})
    run(plan, louder, (), RunFolder(tmp_path), on_outcome=lambda job, _: ended.append(job))
    assert len(ended) == 2


def test_added_corpus_does_not_change_within_corpus_folds(tmp_path: Path) -> None:
    plan = Plan(("within",), (SYSTEMS["svm"],))
    compute(tmp_path, plan)
    ended: list[Job] = []
    wider = make_dataset(("north", "south", "west"))
    run(plan, wider, (), RunFolder(tmp_path), on_outcome=lambda job, _: ended.append(job))
    assert {job.data.fold.split("/")[1] for job in ended} == {"west"}


def test_run_has_the_results_of_the_last_plan(tmp_path: Path) -> None:
    compute(tmp_path, Plan(("cross",), (SYSTEMS["svm"],)))
    compute(tmp_path, Plan(("aggregated",), (SYSTEMS["svm"],)))
    assert set(RunFolder(tmp_path).load().results["protocol"]) == {"aggregated"}


def test_result_of_other_settings_is_not_used_for_a_failed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(("cross",), (SYSTEMS["svm"],))
    compute(tmp_path, plan)

    def fail(job: Job, *_: object) -> FoldResult:
        raise TrainingError("diverged")

    monkeypatch.setattr(Job, "result", fail)
    changed = replace(plan, options=Options(svm=SvmSettings(penalty=0.5)))
    found = run(changed, DATASET, (), RunFolder(tmp_path))
    assert found.results.empty
    assert len(found.failures) == 2


def test_similar_names_have_separate_results(tmp_path: Path) -> None:
    dataset = make_dataset(("a", "a_0"), n_speakers=2)
    utterances = {
        i: replace(u, speaker=u.speaker.replace("a/0", "a/0_" + "x" * 300))
        for i, u in dataset.utterances.items()
    }
    dataset = replace(dataset, utterances=utterances)
    found = run(Plan(("within",), (SYSTEMS["svm"],)), dataset, (), RunFolder(tmp_path))
    assert len(found.trainings) == 4


LONGER = replace(
    PLAN,
    seeds=(0,),
    options=Options(training=TrainingOptions(dnn=replace(QUICK, max_epochs=30, patience=30))),
)


def _die_after_three_results(folder: Path) -> None:
    ended: list[Job] = []

    def die(job: Job, _: str | None) -> None:
        ended.append(job)
        if len(ended) == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    run(LONGER, DATASET, (), RunFolder(folder), on_outcome=die)


def test_killed_run_resumes_with_the_same_results(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=_die_after_three_results, args=(tmp_path / "killed",)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    ended: list[Job] = []
    resumed = run(
        LONGER,
        DATASET,
        (),
        RunFolder(tmp_path / "killed"),
        on_outcome=lambda job, _: ended.append(job),
    )
    assert len(ended) == N_FOLDS * 2 - 3
    undisturbed = compute(tmp_path / "undisturbed", LONGER)
    assert_same(resumed.results, undisturbed.results)


def test_failed_fold_is_reported_and_others_finish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Job.result

    def result_or_failure(job: Job, *trained: Any) -> FoldResult:
        if job.data.fold == "cross/north":
            raise TrainingError("the loss became nan")
        return original(job, *trained)

    monkeypatch.setattr(Job, "result", result_or_failure)
    found = compute(tmp_path, Plan(("cross", "aggregated"), (SYSTEMS["svm"],)))
    assert set(found.results["fold"]) == {"cross/south", "aggregated"}
    assert [f["fold"] for f in found.failures] == ["cross/north"]
    assert "the loss became nan" in found.failures[0]["reason"]


def test_impossible_protocols_are_reported_or_an_error_if_there_is_no_other(tmp_path: Path) -> None:
    alone = make_dataset(("north",))
    with pytest.raises(FoldError, match="two or more"):
        run(Plan(("cross",), (SYSTEMS["svm"],)), alone, (), RunFolder(tmp_path))
    assert not list(tmp_path.glob("parts/*"))
    found = run(Plan(("cross", "within"), (SYSTEMS["svm"],)), alone, (), RunFolder(tmp_path))
    assert set(found.results["protocol"]) == {"within"}
    assert "two or more" in found.failures[0]["reason"]


def test_fold_with_one_class_is_reported_and_others_are_computed(tmp_path: Path) -> None:
    dataset = make_dataset(("north",), n_speakers=2)
    kept = [i for i, u in dataset.utterances.items() if u.speaker == "north/0" or u.label == "sad"]
    few = replace(
        dataset,
        utterances={i: dataset.utterances[i] for i in kept},
        targets={i: dataset.targets[i] for i in kept},
    )
    found = run(Plan(("within",), (SYSTEMS["svm"],)), few, (), RunFolder(tmp_path))
    assert set(found.results["test_name"]) == {"north/1"}
    assert "within/north/0: all training data are sad" in found.failures[0]["reason"]


def test_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=str(tmp_path)):
        RunFolder(tmp_path).load()
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ArtifactError, match="damaged"):
        RunFolder(tmp_path).load()
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ArtifactError, match="not the header of a run"):
        RunFolder(tmp_path).load()
