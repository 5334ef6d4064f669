from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.report.runs import full_run, plain_history, result
from voxaffect.evaluation import curves
from voxaffect.evaluation.curves import (
    Curves,
    TrainingCurve,
    embed,
    fold_scores,
    history_of,
    training_histories,
)
from voxaffect.evaluation.experiment.run import FoldResult
from voxaffect.model.settings import TrainingHistory


def clusters(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.repeat([[0.0] * 16, [1.0] * 16], n, axis=0).astype(np.float32) + rng.normal(
        0, 0.02, (2 * n, 16)
    ).astype(np.float32)


def test_embedding_separates_clusters_and_depends_on_the_seed() -> None:
    placed = embed(clusters(12), seed=3)
    assert placed is not None
    rows, positions = placed
    assert rows.tolist() == list(range(24))
    left, right = positions[:12], positions[12:]
    spread = max(np.linalg.norm(side - side.mean(axis=0), axis=1).mean() for side in (left, right))
    assert np.linalg.norm(left.mean(axis=0) - right.mean(axis=0)) > 2 * spread
    again = embed(clusters(12), seed=3)
    assert again is not None
    np.testing.assert_array_equal(positions, again[1])


@pytest.mark.parametrize("features", [clusters(2), np.ones((9, 16), np.float32)])
def test_few_or_equal_points_have_no_embedding(features: np.ndarray) -> None:
    assert embed(features) is None


def test_embedding_of_many_points_is_of_an_ordered_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "MAX_POINTS", 10)
    placed = embed(clusters(20))
    assert placed is not None
    rows, positions = placed
    assert (len(rows), positions.shape) == (10, (10, 2))
    assert (np.diff(rows) > 0).all()


def test_seeds_of_a_fold_and_system_are_in_one_score() -> None:
    results = [
        result("emodb/a", "dnn-stl", (n, 5, 5, 5), seed=seed) for seed, n in ((1, 9), (0, 5))
    ]
    (score,) = fold_scores(results)
    assert score.ua == pytest.approx({0: 0.5, 1: 0.6})
    assert list(score.ua) == [0, 1]
    assert score.mean_ua == pytest.approx(0.55)
    assert score.trainings == {0: TrainingCurve(2, 4), 1: TrainingCurve(2, 3)}
    assert (score.n, score.n_dev) == (40, None)


def test_every_result_is_in_one_score() -> None:
    run = full_run()
    scores = fold_scores(run.results)
    assert sum(len(score.ua) for score in scores) == len(run.results)
    assert len({(score.fold, score.system) for score in scores}) == len(scores)


def test_scores_are_sorted_by_protocol_number_and_system() -> None:
    results = [
        result("emodb", "svm", (5,) * 4, protocol="cross"),
        *(result(f"emodb/{n}", "svm", (5,) * 4) for n in (10, 9)),
        result("emodb/9", "dnn-stl", (5,) * 4),
    ]
    folds = [(score.fold, score.system) for score in fold_scores(results)]
    assert folds == [
        ("within/emodb/9", "dnn-stl"),
        ("within/emodb/9", "svm"),
        ("within/emodb/10", "svm"),
        ("cross/emodb", "svm"),
    ]


def test_system_without_epochs_has_no_trainings() -> None:
    one = result("emodb/a", "svm", (5,) * 4)
    (score,) = fold_scores([replace(one, details={**one.details, "n_dev": 7})])
    assert (dict(score.trainings), score.n_dev) == ({}, 7)


def trained(system: str, n_epochs: int, best: int = 2, seed: int = 0) -> FoldResult:
    details = {"history": plain_history(n_epochs, best)}
    return result("emodb/a", system, (5,) * 4, seed=seed, details=details)


def two() -> Curves:
    (curves,) = training_histories([trained("dnn-stl", 2), trained("dnn-stl", 4, best=4, seed=1)])
    return curves


def test_stopped_training_keeps_the_values_of_its_last_epoch() -> None:
    values = two().values("dev_ua")
    np.testing.assert_allclose(values, [[0.4, 0.5, 0.5, 0.5], [0.4, 0.5, 0.6, 0.7]])


def test_numbers_of_trainings_running_and_kept_by_epoch() -> None:
    assert two().running().tolist() == [2, 2, 1, 1]
    assert two().kept().tolist() == [0, 1, 0, 1]
    assert two().kept().sum() == len(two().histories)


def test_histories_are_in_the_order_of_tables_without_systems_without_epochs() -> None:
    results = [trained(system, 3) for system in ("lstm-mtl", "dnn-stl")]
    results.append(result("emodb/a", "svm", (5,) * 4))
    assert [curves.system for curves in training_histories(results)] == ["dnn-stl", "lstm-mtl"]
    assert training_histories(results[2:]) == ()


@pytest.mark.parametrize("details", [{}, {"history": None}, {"history": {"epochs": [], "best": 0}}])
def test_result_may_have_no_history(details: dict[str, object]) -> None:
    assert history_of(result("emodb/a", "svm", (5,) * 4, details=details)) is None


def test_result_of_an_earlier_version_has_no_time() -> None:
    stated = plain_history(2)
    for epoch in stated["epochs"]:
        del epoch["seconds"]
    found = history_of(result("emodb/a", "dnn-stl", (5,) * 4, details={"history": stated}))
    assert isinstance(found, TrainingHistory)
    assert [(epoch.number, epoch.seconds) for epoch in found.epochs] == [(1, 0.0), (2, 0.0)]
