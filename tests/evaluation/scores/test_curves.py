from __future__ import annotations

import numpy as np
import pytest

from tests.report.runs import plain_history, result
from voxaffect.evaluation.experiment.results import FoldResult
from voxaffect.evaluation.scores.curves import Curves, history_of, learning_curves
from voxaffect.model.settings import History


def trained(system: str, n_epochs: int, best: int = 2, seed: int = 0) -> FoldResult:
    details = {"history": plain_history(n_epochs, best)}
    return result("emodb/a", system, (5,) * 4, seed=seed, details=details)


def two() -> Curves:
    (curves,) = learning_curves([trained("dnn-stl", 2), trained("dnn-stl", 4, best=4, seed=1)])
    return curves


def test_a_training_that_stopped_stays_where_its_last_epoch_left_it() -> None:
    values = two().values("dev_ua")
    np.testing.assert_allclose(values, [[0.4, 0.5, 0.5, 0.5], [0.4, 0.5, 0.6, 0.7]])


def test_every_training_runs_until_it_stops_and_keeps_one_epoch() -> None:
    assert two().running().tolist() == [2, 2, 1, 1]
    assert two().kept().tolist() == [0, 1, 0, 1]
    assert two().kept().sum() == len(two().histories)


def test_systems_stand_in_the_tables_order_and_those_without_epochs_are_left_out() -> None:
    results = [trained(system, 3) for system in ("lstm-mtl", "dnn-stl")]
    results.append(result("emodb/a", "svm", (5,) * 4))
    assert [curves.system for curves in learning_curves(results)] == ["dnn-stl", "lstm-mtl"]
    assert learning_curves(results[2:]) == ()


@pytest.mark.parametrize("details", [{}, {"history": None}, {"history": {"epochs": [], "best": 0}}])
def test_a_result_may_have_no_history(details: dict[str, object]) -> None:
    assert history_of(result("emodb/a", "svm", (5,) * 4, details=details)) is None


def test_results_of_an_earlier_version_say_nothing_of_time() -> None:
    stated = plain_history(2)
    for epoch in stated["epochs"]:
        del epoch["seconds"]
    found = history_of(result("emodb/a", "dnn-stl", (5,) * 4, details={"history": stated}))
    assert isinstance(found, History)
    assert [(epoch.number, epoch.seconds) for epoch in found.epochs] == [(1, 0.0), (2, 0.0)]
