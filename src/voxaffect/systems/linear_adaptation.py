"""Adaptation of a linear machine: fitted to other data, held to its old weights by a penalty.

With old weights W0 and intercepts b0 and standardized rows x_i of weight w_i and class y_i it
minimizes

    |W - W0|^2 / 2 + |b - b0|^2 / 2 + C sum_i w_i loss(x_i W + b, y_i),

which is the objective of scikit-learn's linear classifiers about W0 in place of 0, intercepts
included, since a class that the data lack would otherwise lose its own. The loss is the negative
log-probability of a logistic regression, or the squared hinges of a linear support vector machine,
one class against the rest. Few data or a small C change little. (The regularization towards a
source model of Evgeniou and Pontil, "Regularized multi-task learning", KDD 2004.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from voxaffect.systems.machines import Classes, LinearMachine
from voxaffect.systems.summaries import Table

Loss = Callable[[Table, NDArray[np.bool_]], tuple[Table, Table]]
"""Scores (N, K) and whether each column is the row's class -> losses (N,), gradients (N, K)."""

BELOW = 1.0  # of the lowest intercept, at which a class begins that is new to the machine
STEPS, TOLERANCE = 1000, 1e-6


def log_loss(scores: Table, is_class: NDArray[np.bool_]) -> tuple[Table, Table]:
    """Negative log-probability of the class, and its gradient."""
    logs = log_softmax(scores, axis=1)
    losses: Table = -logs[is_class]
    return losses, np.exp(logs) - is_class


def squared_hinges(scores: Table, is_class: NDArray[np.bool_]) -> tuple[Table, Table]:
    """Sum over classes of squared hinges on the margin of each against the rest."""
    sign = np.where(is_class, 1.0, -1.0)
    short = np.maximum(1.0 - sign * scores, 0.0)
    losses: Table = np.square(short).sum(axis=1)
    return losses, -2 * sign * short


def adapt_linear(
    machine: LinearMachine,
    rows: Table,
    target: Classes,
    *,
    penalty: float,
    weights: Table,
    loss: Loss,
) -> LinearMachine:
    """The machine that minimizes the objective above.

    Args:
        machine: before.
        rows: (N, K), standardized as the machine expects.
        target: (N,), classes.
        penalty: C.
        weights: (N,), of the rows.
        loss: `log_loss` or `squared_hinges`.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 (slow to load)

    classes = np.union1d(machine.classes, target)
    # Scores of two classes are half the margin, whose hinges are meant.
    scale = 2.0 if machine.classes.size == 2 and loss is squared_hinges else 1.0
    before = _with_classes(machine, classes, scale)  # (K + 1, C), intercepts last
    inputs = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
    is_class = target[:, None] == classes

    def objective(flat: Any) -> tuple[float, Any]:
        current = flat.reshape(before.shape)
        losses, gradients = loss(inputs @ current, is_class)
        change = current - before
        value = float(np.sum(change**2) / 2 + penalty * weights @ losses)
        return value, (change + penalty * inputs.T @ (weights[:, None] * gradients)).ravel()

    found = minimize(
        objective,
        before.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": STEPS, "gtol": TOLERANCE, "ftol": 1e-12},
    )
    after = found.x.reshape(before.shape)
    if classes.size == 2 and loss is squared_hinges:
        after = after / 2.0
    return LinearMachine(classes, np.ascontiguousarray(after[:-1]), after[-1].copy())


def _with_classes(machine: LinearMachine, classes: Classes, scale: float) -> Table:
    """Weights and intercepts (K + 1, C) of more classes, those of new ones zero and low."""
    every = np.zeros((machine.n_inputs + 1, classes.size))
    every[-1] = scale * machine.intercept.min() - BELOW
    own = np.searchsorted(classes, machine.classes)
    every[:-1, own], every[-1, own] = scale * machine.coef, scale * machine.intercept
    return every
