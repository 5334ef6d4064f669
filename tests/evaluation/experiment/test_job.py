"""What a result's name hangs on: the same before and after whatever was built beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.evaluation.data import make_dataset
from voxaffect.evaluation.experiment.dataset import Dataset
from voxaffect.evaluation.experiment.experiment import _jobs, run
from voxaffect.evaluation.experiment.fold_data import FoldData
from voxaffect.evaluation.experiment.job import Job, compute
from voxaffect.evaluation.experiment.plan import Plan
from voxaffect.evaluation.experiment.run import RunFolder
from voxaffect.files import digest
from voxaffect.model.examples import Examples
from voxaffect.model.learner import Lesson
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.training import fit
from voxaffect.systems import SYSTEMS, Options

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
    ids=("emodb/a",),
    train=NOBODY,
    dev=NOBODY,
    test=NOBODY,
    digests=("1", "2", "3"),
    leakage="",
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
def test_digests_of_the_systems_that_were_there_are_what_they_were(name: str) -> None:
    assert Job(DATA, SYSTEMS[name], Options(), 3).settings_digest == BEFORE[name]


def test_digests_of_all_systems_differ() -> None:
    found = {Job(DATA, system, Options(), 3).settings_digest for system in SYSTEMS.values()}
    assert len(found) == len(SYSTEMS)


def test_jobs_are_those_that_they_were_in_their_order() -> None:
    """In their order, since it decides which nets train as one stack."""
    assert digest(names(PLAN)) == JOBS_BEFORE


def test_shares_and_systems_are_added_and_change_no_other_job() -> None:
    few = replace(PLAN, systems=(SYSTEMS["svm"], SYSTEMS["dnn-stl"]))
    thinned = replace(few, train_shares=(0.25, 1.0))
    more = replace(few, systems=(*few.systems, SYSTEMS["dnn-mean"], SYSTEMS["majority"]))
    assert set(names(few)) < set(names(thinned))
    assert len(set(names(thinned))) == 2 * len(names(few))
    assert set(names(few)) < set(names(more))


def test_a_header_is_what_it_was_unless_training_sets_are_thinned() -> None:
    assert "train_shares" not in PLAN.settings()
    assert replace(PLAN, train_shares=(0.5, 1.0)).settings()["train_shares"] == [0.5, 1.0]


def test_nets_that_learn_from_other_shares_do_not_train_as_one() -> None:
    job = Job(DATA, SYSTEMS["dnn-stl"], Options(), 0)
    thinned = replace(job, data=replace(DATA, train_share=0.5))
    assert job.stack_key != thinned.stack_key
    assert job.stack_key == replace(job, system=SYSTEMS["dnn-mean"]).stack_key


@pytest.mark.parametrize("trunk", ["dnn", "lstm"])
def test_systems_that_differ_behind_the_net_share_one_and_come_out_as_if_alone(
    trunk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = TrainingSettings(batch_size=16, max_epochs=2, patience=1, batches_per_epoch=2)
    options = Options(dnn=quick, lstm=quick)
    kinds = ("stl", "mean", "mtl", "mtl-extended", "gender")
    systems = tuple(SYSTEMS[f"{trunk}-{kind}"] for kind in kinds)
    data = dataset()
    (fold,) = replace(PLAN, protocols=("aggregated",)).folds(data, lambda fault: None)
    jobs = [Job(FoldData.of(fold, data), system, options, 0) for system in systems]
    assert len({job.net_key for job in jobs}) == 3
    n_trained = []

    def counted(lessons: Sequence[Lesson], *args: Any, **options: Any) -> Any:
        n_trained.append(len(lessons))
        return fit(lessons, *args, **options)

    monkeypatch.setattr("voxaffect.classifier.fit", counted)
    together = compute(tuple(jobs))
    assert n_trained == [3]
    for job, result in zip(jobs, together, strict=True):
        alone = job.compute()
        assert result.system == alone.system
        np.testing.assert_allclose(result.probabilities, alone.probabilities, atol=1e-4)
        np.testing.assert_allclose(result.high_level, alone.high_level, atol=1e-4)


def test_every_kind_of_net_comes_to_a_result_also_in_a_stack(tmp_path: Path) -> None:
    quick = TrainingSettings(batch_size=32, max_epochs=1, patience=1, batches_per_epoch=2)
    nets = tuple(s for s in SYSTEMS.values() if s.name.startswith("dnn-"))
    plan = Plan(("aggregated",), nets, options=Options(dnn=quick), train_shares=(0.5, 1.0))
    found = run(plan, make_dataset(), (), RunFolder(tmp_path))
    assert found.failures == ()
    for results in (found.results, found.thinned):
        assert {r.system for r in results} == {s.name for s in nets}
        widths = {r.system: r.high_level.shape[1] for r in results}
        assert widths.pop("dnn-mtl-extended") == 4 * (4 + 4 + 2)
        assert set(widths.values()) == {16}
