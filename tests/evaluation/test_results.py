from __future__ import annotations

from statistics import stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.runs import result
from voxaffect.evaluation.experiment.run import FoldResult
from voxaffect.evaluation.metrics import unweighted_accuracy, weighted_accuracy
from voxaffect.evaluation.results import Score, display_order, score_table, shares


def score(results: list[FoldResult]) -> Score:
    (found,) = score_table(results).scores.values()
    return found


def test_seeds_are_averaged_within_folds_before_folds_are() -> None:
    # Fold a: .2 and .4 by seed, so .3; fold b has one seed, .9. Averaging at once would give .5.
    cell = score(
        [
            result("emodb/a", "svm", (2, 2, 2, 2), seed=0),
            result("emodb/a", "svm", (4, 4, 4, 4), seed=1),
            result("emodb/b", "svm", (9, 9, 9, 9), seed=0),
        ]
    )
    assert cell.fold_ua == pytest.approx({"within/emodb/a": 0.3, "within/emodb/b": 0.9})
    assert cell.ua == pytest.approx(0.6)
    assert cell.ua_sd == pytest.approx(stdev([0.3, 0.9]))
    assert cell.n_seeds == 2


def test_pooled_metrics_join_folds_and_average_seeds_last() -> None:
    # 8 of 40 in fold a and 72 of 80 in fold b: pooled 80 / 120 whereas the folds' mean is .55.
    folds = [result("e/a", "svm", (2,) * 4), result("e/b", "svm", (18,) * 4, of=20)]
    assert score(folds).ua == pytest.approx(0.55)
    assert score(folds).pooled(weighted_accuracy) == pytest.approx(80 / 120)
    assert score(folds).pooled(unweighted_accuracy) == pytest.approx(80 / 120)
    twice = [*folds, result("e/a", "svm", (10,) * 4, seed=1)]
    assert score(twice).pooled(weighted_accuracy) == pytest.approx((80 / 120 + 1) / 2)


def test_one_fold_has_no_deviation_and_chance_depends_on_the_classes_tested() -> None:
    cell = score([result("aibo", "svm", (5, 5, -1, 5), protocol="cross")])
    assert cell.ua_sd is None
    assert cell.chance == pytest.approx(1 / 3)
    assert cell.ua == pytest.approx(0.5)


def test_mean_over_test_sets_needs_all_of_them() -> None:
    table = score_table(
        [
            result("a", "svm", (2,) * 4, protocol="cross"),
            result("b", "svm", (6,) * 4, protocol="cross"),
            result("a", "dnn-stl", (9,) * 4, protocol="cross"),
        ]
    )
    assert table.mean("svm") == pytest.approx(0.4)
    assert table.mean("dnn-stl") is None
    assert table.mean("dnn-stl", ["a"]) == pytest.approx(0.9)
    assert table.get("b", "dnn-stl") is None
    assert table.counts("svm").sum() == 80


@given(st.permutations(["dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl", "lstm-gender", "svm"]))
def test_systems_are_in_the_order_of_the_paper(systems: list[str]) -> None:
    expected = ("dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl", "lstm-gender", "svm")
    assert display_order(systems) == expected


def test_shares_sum_to_one_except_where_a_class_is_absent() -> None:
    rows = shares(np.array([[1, 3, 0, 0], [0, 0, 0, 0], [0, 0, 5, 0], [2, 2, 2, 2]]))
    assert np.nansum(rows, axis=1).tolist() == [1, 0, 1, 1]
    assert np.isnan(rows[1]).all()
