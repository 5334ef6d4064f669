"""What folds share is counted from the run's header, or read from what older results say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluation.data import make_dataset
from tests.report.runs import result
from voxaffect.evaluation.experiment.experiment import run
from voxaffect.evaluation.experiment.plan import Plan
from voxaffect.evaluation.experiment.run import Run, RunFolder
from voxaffect.evaluation.scores.exposure import Share, exposures
from voxaffect.systems import SvmSystem

OLD = (
    "within/emodb/03: the test set shares 2 sentences, 1 corpus with the training and dev data; "
    "the dev set shares 8 speakers, 1 sentence, 1 corpus with the training data."
)
PLAN = Plan(protocols=("within", "cross", "aggregated"), systems=(SvmSystem(),))


def of(*results: object, **leakage: object) -> Run:
    return Run({}, (), {}, tuple(results), leakage=leakage)  # type: ignore[arg-type]


def test_the_sentence_of_an_older_result_is_read() -> None:
    (exposure,) = exposures(of(result("emodb/03", "svm", (5,) * 4, details={"leakage": OLD})))
    (fold,) = exposure.folds
    assert fold.test == {
        "speakers": Share(0, None),
        "sentences": Share(2, None),
        "sessions": Share(0, None),
        "corpora": Share(1, None),
    }
    assert fold.dev["speakers"] == Share(8, None)
    assert fold.dev["sentences"] == Share(1, None)
    assert exposure.shares("duplicates") == ()


@pytest.mark.parametrize("details", [{}, {"leakage": "something else"}])
def test_a_result_that_says_nothing_known_shares_nothing_known(details: dict[str, str]) -> None:
    (exposure,) = exposures(of(result("emodb/03", "svm", (5,) * 4, details=details)))
    assert exposure.shares("speakers") == ()
    assert exposure.sharing("speakers") == ()


def test_what_has_no_name_is_not_known_to_be_shared() -> None:
    stated = {"speakers": [0, 1], "sentences": [0, 0]}
    one = result("emodb/03", "svm", (5,) * 4)
    run = replace(of(one), leakage={one.fold: {"test": stated, "dev": stated}})
    (exposure,) = exposures(run)
    assert exposure.shares("speakers") == (Share(0, 1),)
    assert exposure.shares("sentences") == ()


def test_a_run_states_the_leakage_of_every_fold_and_keeps_it_on_disk(tmp_path: Path) -> None:
    finished = run(PLAN, make_dataset(n_takes=2), (), RunFolder(tmp_path))
    assert set(finished.leakage) == {r.fold for r in finished.results}
    within, cross, aggregated = exposures(finished)
    assert (within.protocol, len(within.folds)) == ("within", 6)
    assert within.n_sharing("speakers") == cross.n_sharing("speakers") == 0
    assert aggregated.sharing("speakers") == ("aggregated",)
    assert cross.test_sets == ("north", "south")
    assert all(share == Share(0, 8) for share in within.shares("near_duplicates"))


def test_an_older_run_learns_of_its_leakage_by_being_evaluated_again(tmp_path: Path) -> None:
    """Nothing is computed anew: the header alone is written again."""
    dataset, folder = make_dataset(n_takes=2), RunFolder(tmp_path)
    first = run(PLAN, dataset, (), folder)
    names = [f"{path.parent.name}/{path.stem}" for path in tmp_path.glob("results/*/*")]
    folder.write_header(replace(first, leakage={}), names)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.glob("results/*/*")}
    assert folder.load().leakage == {}
    assert run(PLAN, dataset, (), folder).leakage == first.leakage
    assert {p: p.stat().st_mtime_ns for p in tmp_path.glob("results/*/*")} == before
