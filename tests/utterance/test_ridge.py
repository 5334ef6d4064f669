"""The closed form against scikit-learn, and generalized cross-validation against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from voxaffect.utterance.ridge import GRID, RidgeProblem, decompose

Floats = NDArray[np.float64]
Regression = tuple[Floats, Floats, Floats]


def regression(n: int, n_inputs: int, n_targets: int = 3) -> Regression:
    rng = np.random.default_rng(n + n_inputs)
    inputs = rng.normal(size=(n, n_inputs)) + 5
    targets = inputs[:, :n_targets] + rng.normal(size=(n, n_targets))
    return inputs, targets, rng.uniform(0.2, 3, n)


def gcv_by_definition(case: Regression, ridge: float, n: float) -> float:
    """N RSS / (n - tr A)^2 with the matrix A from targets to fitted values written out."""
    inputs, targets, weights = case
    design = np.column_stack([np.ones(len(inputs)), inputs])
    penalty = ridge * np.diag([0.0] + [1.0] * inputs.shape[1])  # none on the intercept
    weighted = design.T * weights
    hat = design @ np.linalg.solve(weighted @ design + penalty, weighted)
    residual = targets - hat @ targets
    return float(n * (weights @ residual**2).sum() / (n - np.trace(hat)) ** 2)


@pytest.mark.parametrize(("n", "n_inputs"), [(40, 5), (12, 12), (9, 30)])
@pytest.mark.parametrize("ridge", [1e-3, 1.0, 100.0])
def test_solution_equals_scikit_learn(n: int, n_inputs: int, ridge: float) -> None:
    inputs, targets, weights = regression(n, n_inputs)
    coefficients, intercept = decompose(inputs, targets, weights).solve(ridge)
    oracle = Ridge(alpha=ridge).fit(inputs, targets, sample_weight=weights)
    np.testing.assert_allclose(coefficients.T, oracle.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(intercept, oracle.intercept_, rtol=1e-6)


@pytest.mark.parametrize(("n", "n_inputs"), [(40, 5), (12, 12), (9, 30)])
@pytest.mark.parametrize("ridge", [0.1, 1.0, 100.0])
def test_gcv_equals_its_definition(n: int, n_inputs: int, ridge: float) -> None:
    case = regression(n, n_inputs)
    problem = decompose(*case)
    assert problem.n == max(case[2].sum(), n)
    assert problem.gcv(ridge) == pytest.approx(gcv_by_definition(case, ridge, problem.n), rel=1e-6)


def test_gcv_is_leave_one_out_where_all_rows_have_equal_leverage() -> None:
    # With leverages a_ii = tr A / n, GCV is the mean of the squared leave-one-out errors itself.
    inputs = np.vstack([np.eye(4), -np.eye(4)])  # rows that a rotation carries into one another
    targets = np.random.default_rng(0).normal(size=(8, 1))
    errors = []
    for i in range(8):
        rest = np.arange(8) != i
        fitted = Ridge(alpha=0.7).fit(inputs[rest], targets[rest, 0])
        errors.append((targets[i, 0] - fitted.predict(inputs[i : i + 1])[0]) ** 2)
    assert decompose(inputs, targets, np.ones(8)).gcv(0.7) == pytest.approx(np.mean(errors))


def test_best_ridge_has_the_least_score_of_the_grid() -> None:
    case = regression(40, 5)
    problem = decompose(*case)
    scores = [gcv_by_definition(case, r, problem.n) for r in GRID * problem.weight]
    assert problem.best_ridge() == pytest.approx(GRID[np.argmin(scores)] * problem.weight)


def test_noise_wants_much_ridge_and_a_clean_line_little() -> None:
    rng = np.random.default_rng(0)
    inputs, weights = rng.normal(size=(200, 10)), np.ones(200)
    noise = decompose(inputs, rng.normal(size=(200, 1)), weights)
    line = decompose(inputs, inputs[:, :1], weights)
    assert noise.best_ridge() > 100
    assert line.best_ridge() == pytest.approx(GRID[0] * 200)


def test_weights_are_repeated_rows_in_the_fit_and_in_the_score() -> None:
    inputs, targets, _ = regression(15, 4)
    times = np.arange(15) % 3 + 1
    weighted = decompose(inputs, targets, times.astype(float))
    repeated = decompose(
        inputs.repeat(times, axis=0), targets.repeat(times, axis=0), np.ones(times.sum())
    )
    assert weighted.gcv(0.5) == pytest.approx(repeated.gcv(0.5))
    assert weighted.best_ridge() == pytest.approx(repeated.best_ridge())
    np.testing.assert_allclose(weighted.solve(0.5)[0], repeated.solve(0.5)[0])


@pytest.mark.parametrize("scale", [1e-6, 1.0])
def test_weights_of_any_small_scale_give_one_solution(scale: float) -> None:
    inputs, targets, _ = regression(30, 4)

    def solution(weights: Floats) -> Floats:
        problem: RidgeProblem = decompose(inputs, targets, weights)
        return problem.solve(problem.best_ridge())[0]

    np.testing.assert_allclose(solution(np.full(30, scale)), solution(np.ones(30)), rtol=1e-9)


def test_inputs_that_never_change_leave_the_mean() -> None:
    targets = np.array([[1.0], [2.0], [6.0]])
    problem = decompose(np.ones((3, 4)), targets, np.ones(3))
    coefficients, intercept = problem.solve(problem.best_ridge())
    np.testing.assert_array_equal(coefficients, np.zeros((4, 1)))
    np.testing.assert_allclose(intercept, [3.0])
