"""Metrics against scikit-learn, and with absent classes and empty sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from voxaffect.errors import ArtifactError
from voxaffect.evaluation.metrics import (
    confusion,
    macro_f1,
    recalls,
    unweighted_accuracy,
    weighted_accuracy,
)

answered = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


@settings(max_examples=50, deadline=None)
@given(answered)
def test_metrics_equal_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    y_true, y_pred = np.array(pairs).T
    present = np.unique(y_true)
    matrix = confusion(y_true, y_pred, 4)
    np.testing.assert_array_equal(matrix, confusion_matrix(y_true, y_pred, labels=range(4)))
    means = {"labels": present, "average": "macro", "zero_division": 0}
    assert unweighted_accuracy(matrix) == pytest.approx(recall_score(y_true, y_pred, **means))
    assert macro_f1(matrix) == pytest.approx(f1_score(y_true, y_pred, **means))
    assert weighted_accuracy(matrix) == pytest.approx(accuracy_score(y_true, y_pred))


@settings(max_examples=50, deadline=None)
@given(answered, st.permutations(range(4)))
def test_names_of_classes_do_not_matter(pairs: list[tuple[int, int]], names: list[int]) -> None:
    y_true, y_pred = np.array(pairs).T
    renamed = np.array(names)
    before = confusion(y_true, y_pred, 4)
    after = confusion(renamed[y_true], renamed[y_pred], 4)
    for metric in (unweighted_accuracy, weighted_accuracy, macro_f1):
        assert metric(after) == pytest.approx(metric(before))


@settings(max_examples=50, deadline=None)
@given(answered, answered)
def test_sum_of_matrices_is_the_matrix_of_all(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    def matrix(pairs: list[tuple[int, int]]) -> NDArray[np.int64]:
        y_true, y_pred = np.array(pairs).T
        return confusion(y_true, y_pred, 4)

    np.testing.assert_array_equal(matrix(one) + matrix(other), matrix(one + other))


def test_pooled_accuracy_is_not_the_mean_over_folds() -> None:
    small, large = np.array([[1, 0], [0, 1]]), np.array([[0, 8], [0, 10]])
    assert unweighted_accuracy(small + large) == pytest.approx((1 / 9 + 1) / 2)
    assert (unweighted_accuracy(small) + unweighted_accuracy(large)) / 2 == pytest.approx(0.75)


def test_absent_class_has_no_recall_and_is_ignored() -> None:
    matrix = confusion([0, 0, 1, 1], [0, 2, 1, 1], 3)
    np.testing.assert_array_equal(recalls(matrix), [0.5, 1, np.nan])
    assert unweighted_accuracy(matrix) == 0.75
    assert macro_f1(matrix) == pytest.approx((2 / 3 + 1) / 2)


def test_ua_of_one_class_is_its_recall() -> None:
    matrix = confusion([2, 2, 2, 2], [2, 2, 2, 0], 4)
    assert unweighted_accuracy(matrix) == weighted_accuracy(matrix) == 0.75


def test_empty_test_set_has_no_accuracy() -> None:
    empty = confusion([], [], 4)
    assert empty.shape == (4, 4)
    assert all(np.isnan(m(empty)) for m in (unweighted_accuracy, weighted_accuracy, macro_f1))


@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        ([0, -1], [0, 0], "true class -1 is out of range: must be 0 to 3"),
        ([0, 1], [0, 4], r"prediction 4 is out of range: must be 0 to 3"),
        ([0, 1], [0], "2 true classes but 1 predictions"),
    ],
)
def test_invalid_classes_are_errors(y_true: list[int], y_pred: list[int], message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        confusion(y_true, y_pred, 4)
