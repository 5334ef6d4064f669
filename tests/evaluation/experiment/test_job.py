"""Jobs: names and digests of results, retries, and facts of utterances."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.evaluation.data import assert_same, make_dataset
from tests.report.runs import corpus
from voxaffect.config.settings import find_system
from voxaffect.errors import CorpusError, FeatureError, TrainingError
from voxaffect.evaluation.experiment.dataset import Dataset
from voxaffect.evaluation.experiment.experiment import Plan, _batches, _jobs, run
from voxaffect.evaluation.experiment.job import (
    Batch,
    Failure,
    FoldData,
    Job,
    Schedule,
    compute,
    facts_of,
)
from voxaffect.evaluation.experiment.run import FoldResult, RunFolder
from voxaffect.features.frames import FrameGrid
from voxaffect.files import digest
from voxaffect.model.data import Examples
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.training import fit
from voxaffect.systems.systems import SYSTEMS, Options, TrainingOptions

DATASET = make_dataset()
CORPORA = (corpus("north", {"acted": 1}), replace(corpus("south", {}), language="not stated"))


def test_facts_are_in_the_order_of_utterances() -> None:
    facts = facts_of(DATASET, CORPORA)
    assert [*facts.index] == [*DATASET.utterances]
    for id_, found in facts.to_dict("index").items():
        utterance = DATASET.utterances[str(id_)]
        assert (found["speaker"], found["gender"]) == (utterance.speaker, utterance.gender)
        style, content = utterance.naturalness, DATASET.contents[str(id_)]
        assert (found["style"], found["content"]) == (style, content)
        assert np.isnan(found["snr_db"])


def test_language_is_that_of_the_corpus_where_not_stated() -> None:
    first = next(iter(DATASET.utterances))
    spoken = {**DATASET.utterances, first: replace(DATASET.utterances[first], language="Welsh")}
    facts = facts_of(replace(DATASET, utterances=spoken), CORPORA)
    by_corpus = dict(zip(facts["corpus"], facts["language"], strict=True))
    assert facts["language"][first] == "Welsh"
    assert by_corpus == {"north": "German", "south": None}


@pytest.mark.parametrize("grid", [FrameGrid(), FrameGrid(0.025, 0.020)])
def test_duration_is_from_the_first_to_the_last_frame(grid: FrameGrid) -> None:
    facts = facts_of(replace(DATASET, grid=grid), ())
    for id_, frames in DATASET.features.items():
        samples = grid.window_samples + (len(frames) - 1) * grid.hop_samples
        assert facts["duration_s"][id_] == pytest.approx(samples / 16_000)


def test_snr_is_computed_where_features_have_a_level() -> None:
    settings = {
        "names": [*"abcd", "energy"],
        "extractor": {"extractor": "low-level descriptors"},
    }
    features = {i: np.abs(frames) for i, frames in DATASET.features.items()}
    facts = facts_of(replace(DATASET, features=features, feature_settings=settings), ())
    assert (facts["snr_db"] >= 0).all()


def test_run_saves_facts_without_changing_digests(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    done = run(Plan(("within",), (SYSTEMS["svm"],)), DATASET, CORPORA, folder)
    assert set(done.results["utterance"]) == DATASET.utterances.keys()
    assert set(done.results["language"].dropna()) == {"German"}
    ids = list(DATASET.utterances)
    assert replace(DATASET, grid=FrameGrid(0.025, 0.020)).digest(ids) == DATASET.digest(ids)


PLAN_SCHEDULE = Plan(("cross", "aggregated"), (SYSTEMS["svm"],))
FOLDS = [FoldData.of(fold, DATASET) for fold in PLAN_SCHEDULE.folds(DATASET, print)]
JOBS = [Job(data, SYSTEMS["svm"], Options(), seed=5) for data in FOLDS]
BAD = "cross/north"

Attempts = list[tuple[str, int]]


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception, int], Attempts]:
    """Lets one fold fail so many times; returns the attempts that are made, with their seeds."""
    original = Job.result

    def planted(fault: Exception, times: int) -> Attempts:
        attempts: Attempts = []

        def result(job: Job, *trained: Any) -> FoldResult:
            attempts.append((job.data.fold, job.training_seed))
            if job.data.fold == BAD and [fold for fold, _ in attempts].count(BAD) <= times:
                raise fault
            return original(job, *trained)

        monkeypatch.setattr(Job, "result", result)
        return attempts

    return planted


def ends(batches: list[Batch]) -> dict[str, FoldResult | Failure]:
    return {job.data.fold: end for job, end in Schedule(batches, n_jobs=1).outcomes()}


@pytest.mark.parametrize(
    "fault", [MemoryError(), RuntimeError("out of memory"), OSError("stale"), FeatureError("gone")]
)
def test_temporary_failure_is_retried_last_with_the_same_seed(
    fault: Exception, plant: Callable[[Exception, int], Attempts]
) -> None:
    attempts = plant(fault, 1)
    ended = ends([(job,) for job in JOBS])
    assert not any(isinstance(end, Failure) for end in ended.values())
    assert attempts[-1] == (BAD, 5)
    assert len(attempts) == len(JOBS) + 1


def test_diverged_net_is_retried_with_another_seed_and_reported(
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


def test_second_failure_is_reported_and_others_finish(
    plant: Callable[[Exception, int], Attempts],
) -> None:
    attempts = plant(MemoryError("4 GB"), 99)
    ended = ends([(job,) for job in JOBS])
    assert ended.pop(BAD) == Failure("MemoryError: 4 GB (tried twice)")
    assert all(isinstance(end, FoldResult) for end in ended.values())
    assert len(attempts) == len(JOBS) + 1


def test_permanent_failure_is_not_retried(
    plant: Callable[[Exception, int], Attempts],
) -> None:
    attempts = plant(CorpusError("no such label"), 99)
    failure = ends([(job,) for job in JOBS])[BAD]
    assert isinstance(failure, Failure)
    assert failure.reason == "CorpusError: no such label"
    assert len(attempts) == len(JOBS)


def test_unexpected_exception_is_raised(plant: Callable[[Exception, int], Attempts]) -> None:
    plant(KeyError("bug"), 1)
    with pytest.raises(KeyError, match="bug"):
        ends([(job,) for job in JOBS])


def test_a_batch_that_fails_is_taken_apart_and_its_seeds_are_kept(
    plant: Callable[[Exception, int], Attempts], monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = plant(TrainingError("unused"), 0)
    sizes: list[int] = []

    def fail_together(batch: Batch) -> list[FoldResult]:
        sizes.append(len(batch))
        if len(batch) > 1:
            raise TrainingError("the loss became nan")
        return compute(batch)

    monkeypatch.setattr("voxaffect.evaluation.experiment.job.compute", fail_together)
    ended = ends([tuple(JOBS)])
    assert sizes == [len(JOBS), *[1] * len(JOBS)]
    assert all(isinstance(end, FoldResult) for end in ended.values())
    assert sorted(attempts) == sorted((data.fold, 5) for data in FOLDS)


def test_retry_does_not_depend_on_time(
    plant: Callable[[Exception, int], Attempts], tmp_path: Path
) -> None:
    runs = []
    for name in ("one", "other"):
        plant(TrainingError("the loss became nan"), 1)
        runs.append(run(PLAN_SCHEDULE, DATASET, (), RunFolder(tmp_path / name)))
    assert_same(runs[0].results, runs[1].results)


# As they were before variants, further baselines and thinned training sets were built.
BEFORE: Mapping[str, str] = {
    "dnn-stl": "a696f46607cbff40",
    "lstm-stl": "6af74320163cac3e",
    "dnn-mtl": "e7aa108117651a79",
    "lstm-mtl": "d2d83b90e3d91d93",
    "dnn-gender": "097570b78082b67b",
    "lstm-gender": "ba04dac9b3e2ab87",
    "dnn-naturalness": "9c67ceb344da7d35",
    "lstm-naturalness": "c2a22a9e2a7ed16e",
    "blstm-stl": "88162438fb5c8868",
    "blstm-mtl": "be55f602ca5b025b",
    "svm": "fb279ac89b7536f2",
}
JOBS_BEFORE = "18d59378e199c239"

NOBODY = Examples([])
DATA = FoldData(
    fold="cross/emodb",
    protocol="cross",
    test_name="emodb",
    fold_digest="0",
    ids=("emodb/a",),
    train=NOBODY,
    dev=NOBODY,
    test=NOBODY,
    digests=("1", "2", "3"),
    n_train_frames=0,
)
PLAN = Plan(
    protocols=("within", "cross", "aggregated"),
    systems=tuple(SYSTEMS[name] for name in BEFORE),
    seeds=(0, 1),
    split_style=("north",),
)


def dataset() -> Dataset:
    """Utterances whose audio has a hash that no library's arithmetic can change."""
    made = make_dataset()
    return replace(made, contents={i: i for i in made.contents})


def names(plan: Plan) -> list[str]:
    data = [FoldData.of(fold, dataset()) for fold in plan.folds(dataset(), lambda fault: None)]
    return [job.name for job in _jobs(plan, {None: data})]


@pytest.mark.parametrize("name", BEFORE)
def test_digests_of_systems_are_unchanged(name: str) -> None:
    assert Job(DATA, SYSTEMS[name], Options(), 3).settings_digest == BEFORE[name]


def test_digests_of_all_systems_differ() -> None:
    found = {Job(DATA, system, Options(), 3).settings_digest for system in SYSTEMS.values()}
    assert len(found) == len(SYSTEMS)


def test_jobs_and_their_order_are_unchanged() -> None:
    """In their order, since it decides which nets train as one stack."""
    assert digest(names(PLAN)) == JOBS_BEFORE


def test_added_shares_and_systems_do_not_change_other_jobs() -> None:
    few = replace(PLAN, systems=(SYSTEMS["svm"], SYSTEMS["dnn-stl"]))
    thinned = replace(few, train_shares=(0.25, 1.0))
    more = replace(few, systems=(*few.systems, SYSTEMS["dnn-mean"], SYSTEMS["majority"]))
    assert set(names(few)) < set(names(thinned))
    assert len(set(names(thinned))) == 2 * len(names(few))
    assert set(names(few)) < set(names(more))


def test_header_has_train_shares_only_if_training_sets_are_thinned() -> None:
    assert "train_shares" not in PLAN.settings()
    assert replace(PLAN, train_shares=(0.5, 1.0)).settings()["train_shares"] == [0.5, 1.0]


@pytest.mark.parametrize("trunk", ["dnn", "lstm"])
def test_systems_that_differ_behind_the_net_share_one_and_come_out_as_if_alone(
    trunk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = TrainingSettings(batch_size=16, max_epochs=2, patience=1, batches_per_epoch=2)
    options = Options(training=TrainingOptions(dnn=quick, lstm=quick))
    kinds = ("stl", "mean", "mtl", "mtl-extended", "gender")
    systems = tuple(SYSTEMS[f"{trunk}-{kind}"] for kind in kinds)
    data = dataset()
    (fold,) = replace(PLAN, protocols=("aggregated",)).folds(data, lambda fault: None)
    jobs = [Job(FoldData.of(fold, data), system, options, 0) for system in systems]
    assert len({job.net_key for job in jobs}) == 3
    n_trained = 0

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal n_trained
        n_trained += 1
        return fit(*args, **options)

    monkeypatch.setattr("voxaffect.systems.classifier.fit", counted)
    together = [result for batch in _batches(jobs) for result in compute(batch)]
    assert n_trained == 3
    alone = {result.system: result for job in jobs for result in compute((job,))}
    assert len(together) == len(alone) == 5
    for result in together:
        expected = alone[result.system]
        np.testing.assert_array_equal(result.probabilities, expected.probabilities)
        np.testing.assert_array_equal(result.high_level, expected.high_level)


def test_every_kind_of_net_has_a_result(tmp_path: Path) -> None:
    quick = TrainingSettings(batch_size=32, max_epochs=1, patience=1, batches_per_epoch=2)
    nets = tuple(s for s in SYSTEMS.values() if s.name.startswith("dnn-"))
    options = Options(training=TrainingOptions(dnn=quick))
    plan = Plan(("aggregated",), nets, options=options, train_shares=(0.5, 1.0))
    found = run(plan, make_dataset(), (), RunFolder(tmp_path))
    assert found.failures == ()
    for results in (found.results, found.thinned):
        assert set(results["system"]) == {s.name for s in nets}
        widths = dict(zip(results["system"], results["functionals"].map(len), strict=True))
        assert widths.pop("dnn-mtl-extended") == 4 * (4 + 4 + 2)
        assert set(widths.values()) == {16}


def test_machines_on_means_and_ensembles_have_results(tmp_path: Path) -> None:
    quick = TrainingSettings(batch_size=32, max_epochs=1, patience=1, batches_per_epoch=2)
    names = ("mean-logistic", "mean-logistic+dnn-mean")
    options = Options(training=TrainingOptions(dnn=quick))
    plan = Plan(("aggregated", "cross"), tuple(map(find_system, names)), options=options)
    found = run(plan, make_dataset(), (), RunFolder(tmp_path), n_jobs=2)
    assert found.failures == ()
    assert set(found.results["system"]) == set(names)
