from __future__ import annotations

import pytest

from tests.report.runs import result
from voxaffect.evaluation.comparisons import compare_all, pairs
from voxaffect.evaluation.results import FoldResult
from voxaffect.evaluation.scores import score_table


def folds(system: str, hits: list[int]) -> list[FoldResult]:
    return [result(f"emodb/{i}", system, (n,) * 4) for i, n in enumerate(hits)]


def test_pairs_are_twins_and_everything_against_the_baseline() -> None:
    assert pairs(("dnn-stl", "dnn-mtl", "lstm-mtl", "svm")) == (
        ("dnn-stl", "dnn-mtl"),
        ("svm", "dnn-stl"),
        ("svm", "dnn-mtl"),
        ("svm", "lstm-mtl"),
    )


def test_six_folds_that_all_gain_have_p_one_in_thirty_two() -> None:
    table = score_table(
        [*folds("dnn-stl", [1, 2, 3, 4, 5, 6]), *folds("dnn-mtl", [2, 4, 6, 8, 10, 10])]
    )
    (found,) = compare_all(table, {})
    assert (found.reference, found.system) == ("dnn-stl", "dnn-mtl")
    assert (found.n_pairs, found.n_better, found.n_worse) == (6, 6, 0)
    assert found.p == pytest.approx(2 / 2**6)
    assert found.difference == pytest.approx(19 / 60)
    assert found.reachable
    assert found.significant
    assert found.with_twin


def test_holm_counts_the_comparisons_made() -> None:
    gains = [*folds("dnn-stl", [1, 2, 3, 4, 5, 6]), *folds("dnn-mtl", [2, 4, 6, 8, 10, 10])]
    table = score_table([*gains, *folds("svm", [0, 0, 0, 0, 0, 0])])
    found = compare_all(table, {})
    assert [c.p_holm for c in found] == pytest.approx([3 * 2 / 2**6] * 3)
    assert not any(c.significant for c in found)


def test_only_shared_folds_are_compared_and_few_cannot_be_significant() -> None:
    table = score_table([*folds("dnn-stl", [1, 2, 3]), *folds("dnn-mtl", [5, 5])])
    (found,) = compare_all(table, {})
    assert found.n_pairs == 2
    assert not found.reachable
    assert not found.significant


def test_systems_without_a_common_fold_are_not_compared() -> None:
    apart = [result("a", "dnn-stl", (1,) * 4), result("b", "dnn-mtl", (1,) * 4)]
    assert compare_all(score_table(apart), {}) == ()
