"""A linear machine moves towards other data if they are many, and stays where they are few."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from voxaffect.systems.linear_adaptation import (
    Loss,
    adapt_linear,
    log_loss,
    squared_hinges,
)
from voxaffect.systems.machines import LinearMachine

LOSSES = [log_loss, squared_hinges]
each_loss = pytest.mark.parametrize("loss", LOSSES)


def drawn(n: int, turned: float, seed: int, n_classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Clouds whose centers are turned by an angle in their plane."""
    rng = np.random.default_rng(seed)
    target = np.arange(n) % n_classes
    angle = 2 * np.pi * target / 3 + turned
    centers = 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return centers + 0.5 * rng.normal(size=(n, 2)), target


def fitted(loss: Loss, n_classes: int = 3) -> LinearMachine:
    estimator = LogisticRegression() if loss is log_loss else LinearSVC()
    return LinearMachine.of(estimator.fit(*drawn(60, 0.0, 0, n_classes)))


def adapted(machine: LinearMachine, loss: Loss, n: int, penalty: float) -> LinearMachine:
    rows, target = drawn(n, np.pi / 3, 1)
    return adapt_linear(machine, rows, target, penalty=penalty, weights=np.ones(n), loss=loss)


def right(machine: LinearMachine, turned: float) -> float:
    rows, target = drawn(300, turned, 2)
    return float((machine.classes[machine.scores(rows).argmax(axis=1)] == target).mean())


def moved(before: LinearMachine, after: LinearMachine) -> float:
    return float(np.abs(after.coef - before.coef).max())


@each_loss
def test_many_data_move_it_and_few_leave_it(loss: Loss) -> None:
    before = fitted(loss)
    assert right(before, 0.0) > 0.95
    assert right(before, np.pi / 3) < 0.7
    many, few = adapted(before, loss, 300, 1.0), adapted(before, loss, 3, 1e-3)
    assert right(many, np.pi / 3) > 0.9
    assert right(few, 0.0) > 0.95
    distances = [moved(before, adapted(before, loss, 60, c)) for c in (1e-6, 1e-3, 1.0)]
    assert distances[0] < 1e-3
    assert distances == sorted(distances)


@each_loss
def test_it_is_where_the_objective_is_least(loss: Loss) -> None:
    """Any step from it costs: the stated objective, by itself."""
    before, penalty = fitted(loss), 0.1
    rows, target = drawn(30, np.pi / 3, 1)
    weights = np.random.default_rng(0).uniform(0.5, 2, 30)

    def objective(machine: LinearMachine) -> float:
        losses = loss(machine.scores(rows), target[:, None] == machine.classes)[0]
        change = np.sum((machine.coef - before.coef) ** 2)
        shift = np.sum((machine.intercept - before.intercept) ** 2)
        return float((change + shift) / 2 + penalty * weights @ losses)

    after = adapt_linear(before, rows, target, penalty=penalty, weights=weights, loss=loss)
    least = objective(after)
    rng = np.random.default_rng(0)
    for _ in range(30):
        step = LinearMachine(
            after.classes,
            after.coef + 1e-3 * rng.normal(size=after.coef.shape),
            after.intercept + 1e-3 * rng.normal(size=3),
        )
        assert objective(step) > least


def test_without_old_weights_it_is_scikit_learns_logistic_regression() -> None:
    """About zero the objective is that of `LogisticRegression`, but for the intercepts' penalty."""
    rows, target = drawn(90, 0.3, 3)
    nothing = LinearMachine(np.arange(3), np.zeros((2, 3)), np.zeros(3))
    found = adapt_linear(nothing, rows, target, penalty=0.5, weights=np.ones(90), loss=log_loss)
    expected = LogisticRegression(C=0.5, tol=1e-8).fit(rows, target)
    np.testing.assert_allclose(found.coef.T, expected.coef_, atol=0.02)


@each_loss
def test_a_class_that_is_new_is_learned_and_one_that_data_lack_is_kept(loss: Loss) -> None:
    two = fitted(loss, n_classes=2)
    more = adapted(two, loss, 300, 1.0)
    assert more.classes.tolist() == [0, 1, 2]
    assert right(more, np.pi / 3) > 0.9
    three = fitted(loss)
    rows, target = drawn(4, 0.0, 1)
    kept = target < 2
    after = adapt_linear(
        three, rows[kept], target[kept], penalty=1e-2, weights=np.ones(kept.sum()), loss=loss
    )
    assert after.classes.tolist() == [0, 1, 2]
    assert right(after, 0.0) > 0.95


@each_loss
def test_of_two_classes_scores_stay_opposite(loss: Loss) -> None:
    before = fitted(loss, n_classes=2)
    rows, target = drawn(40, 0.5, 1, n_classes=2)
    after = adapt_linear(before, rows, target, penalty=0.1, weights=np.ones(40), loss=loss)
    np.testing.assert_allclose(after.coef[:, 0], -after.coef[:, 1], atol=1e-4)
