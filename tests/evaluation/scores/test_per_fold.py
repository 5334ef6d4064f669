from __future__ import annotations

from dataclasses import replace

import pytest

from tests.report.runs import full_run, result
from voxaffect.evaluation.scores.per_fold import Training, fold_scores


def test_seeds_of_a_fold_and_system_stand_in_one_row() -> None:
    results = [
        result("emodb/a", "dnn-stl", (n, 5, 5, 5), seed=seed) for seed, n in ((1, 9), (0, 5))
    ]
    (score,) = fold_scores(results)
    assert score.ua == pytest.approx({0: 0.5, 1: 0.6})
    assert list(score.ua) == [0, 1]
    assert score.mean_ua == pytest.approx(0.55)
    assert score.trainings == {0: Training(2, 4), 1: Training(2, 3)}
    assert (score.n, score.n_dev) == (40, None)


def test_every_result_is_in_one_row() -> None:
    run = full_run()
    scores = fold_scores(run.results)
    assert sum(len(score.ua) for score in scores) == len(run.results)
    assert len({(score.fold, score.system) for score in scores}) == len(scores)


def test_rows_come_by_protocol_then_by_number_then_as_in_the_tables() -> None:
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


def test_a_system_without_epochs_has_no_trainings_and_the_dev_set_is_told() -> None:
    one = result("emodb/a", "svm", (5,) * 4)
    (score,) = fold_scores([replace(one, details={**one.details, "n_dev": 7})])
    assert (dict(score.trainings), score.n_dev) == ({}, 7)
