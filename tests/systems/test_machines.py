"""The fitted machines agree with the estimators of scikit-learn that they were taken from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from voxaffect.errors import ArtifactError
from voxaffect.systems.machines import (
    UNSEEN_SCORE,
    KernelMachine,
    LinearMachine,
    RowScaler,
    arrays_of,
    check_classes,
    of_all_classes,
)


def drawn(classes: tuple[int, ...], n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping clouds of some classes in 5 dimensions."""
    rng = np.random.default_rng(seed)
    target = np.array(classes)[np.arange(n) % len(classes)]
    return rng.normal(size=(n, 5)) + 1.5 * target[:, None] * np.array([1, -1, 0, 0.5, 0]), target


SEEN = [(0, 1, 2, 3), (1, 2, 3), (0, 2), (1, 3)]


@pytest.mark.parametrize("classes", SEEN, ids=str)
@pytest.mark.parametrize("weighed", ["balanced", None])
def test_a_kernel_machine_is_scikit_learns(classes: tuple[int, ...], weighed: Any) -> None:
    rows, target = drawn(classes)
    estimator = SVC(C=1.3, class_weight=weighed).fit(rows[:-7], target[:-7])
    machine = KernelMachine.of(estimator)
    tested = drawn(classes, seed=1)[0]
    expected, found = estimator.decision_function(tested), machine.scores(tested)
    if len(classes) == 2:
        np.testing.assert_allclose(found[:, 1], expected, rtol=1e-9, atol=1e-10)
        np.testing.assert_array_equal(found[:, 0], -found[:, 1])
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)
        duels = SVC(C=1.3, class_weight=weighed, decision_function_shape="ovo")
        duels.fit(rows[:-7], target[:-7])
        np.testing.assert_allclose(
            machine.margins(tested), duels.decision_function(tested), rtol=1e-9, atol=1e-10
        )


@pytest.mark.parametrize("classes", SEEN, ids=str)
@pytest.mark.parametrize("estimator", [LogisticRegression(), LinearSVC()], ids=["log", "svm"])
def test_a_linear_machine_is_scikit_learns(classes: tuple[int, ...], estimator: Any) -> None:
    estimator.fit(*drawn(classes))
    tested = drawn(classes, seed=1)[0]
    expected, found = (
        estimator.decision_function(tested),
        LinearMachine.of(estimator).scores(tested),
    )
    if len(classes) == 2:
        np.testing.assert_allclose(found[:, 1] - found[:, 0], expected, rtol=1e-12)
        np.testing.assert_array_equal(found[:, 0], -found[:, 1])
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_rows_are_standardized_as_by_scikit_learn_to_the_bit() -> None:
    rows = drawn((0, 1))[0]
    rows[:, 2] = 7.0
    expected = StandardScaler().fit(rows).transform(rows)
    np.testing.assert_array_equal(RowScaler.fit(rows).transform(rows), expected)


@given(st.integers(0, 99), st.sampled_from(SEEN))
def test_a_class_that_a_kernel_machine_has_not_seen_never_wins(
    seed: int, classes: tuple[int, ...]
) -> None:
    machine = KernelMachine.of(SVC().fit(*drawn(classes, seed=seed)))
    scores = machine.scores(10 * np.random.default_rng(seed).normal(size=(20, 5)))
    assert (scores.max(axis=1) > UNSEEN_SCORE).all()
    every = of_all_classes(scores, machine.classes, machine.unseen)
    assert set(every.argmax(axis=1)) <= set(classes)


def test_arrays_make_the_same_machine() -> None:
    rows, target = drawn((0, 1, 2))
    for machine in (
        KernelMachine.of(SVC().fit(rows, target)),
        LinearMachine.of(LogisticRegression().fit(rows, target)),
    ):
        again = type(machine)(**arrays_of(machine))
        np.testing.assert_array_equal(again.scores(rows), machine.scores(rows))


def test_shapes_that_contradict_one_another_are_refused() -> None:
    rows, target = drawn((0, 1, 2))
    kernel = KernelMachine.of(SVC().fit(rows, target))
    linear = LinearMachine.of(LogisticRegression().fit(rows, target))
    for machine, wrong in (
        (kernel, {"coef": kernel.coef[1:]}),
        (kernel, {"gamma": np.ones(2)}),
        (linear, {"intercept": np.zeros(2)}),
        (RowScaler.fit(rows), {"scale": np.ones(3)}),
    ):
        (name,) = wrong
        with pytest.raises(ArtifactError, match=f"'s {name} has shape"):
            replace(machine, **wrong)


@pytest.mark.parametrize("wrong", [[], [0, 0], [2, 1], [0, 4], [-1, 2], [[0], [1]]], ids=str)
def test_classes_must_be_different_emotions_in_order(wrong: list[int]) -> None:
    check_classes(np.array([0, 3]))
    with pytest.raises(ArtifactError, match="no classes of emotion"):
        check_classes(np.array(wrong, np.int64))
