"""Weighted ridge regression in closed form, its penalty chosen by generalized cross-validation.

With rows h_i, targets y_i and weights w_i it minimizes

    sum_i w_i |y_i - b - h_i B|^2 + ridge |B|^2        (the intercept b is not penalized).

Centering on weighted means removes b; rows times sqrt(w_i) remove the weights; one singular value
decomposition U S V' of what is left then solves every ridge at once: B = V diag(s / (s^2 + ridge))
U'Y. Generalized cross-validation (Golub, Heath, Wahba, Technometrics 21, 1979) takes the ridge of
least n RSS / (n - tr A)^2, where RSS is the weighted residual and A the matrix from targets to
fitted values: tr A = 1 + sum s^2 / (s^2 + ridge), the 1 being the intercept's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = Callable[[], Iterator[tuple[Floats, Floats, Floats]]]

GRID = np.logspace(-8, 2, 41)
"""Ridges that generalized cross-validation tries, for a unit of weight: one row is one unit."""


@dataclass(frozen=True)
class RidgeProblem:
    """A weighted regression, decomposed once."""

    mean: Floats  # (L,), weighted, of the inputs
    target_mean: Floats  # (K,), weighted
    s: Floats  # (R,), singular values of the centered and weighted inputs, all positive
    vt: Floats  # (R, L), right singular vectors
    uty: Floats  # (R, K), centered and weighted targets along the left singular vectors
    rss: float  # what no ridge can explain: the squared targets outside the span of the inputs
    n: float  # rows, counted by weight
    weight: float  # sum of the weights

    def solve(self, ridge: float) -> tuple[Floats, Floats]:
        """Coefficients (L, K) and intercept (K,) of a ridge."""
        shrunk = (self.s / (self.s**2 + ridge))[:, None] * self.uty
        coefficients: Floats = self.vt.T @ shrunk
        return coefficients, self.target_mean - self.mean @ coefficients

    def gcv(self, ridge: float) -> float:
        """Generalized cross-validation score of a ridge, summed over the K targets."""
        left = ridge / (self.s**2 + ridge)  # share of each direction that stays unexplained
        rss = self.rss + float(np.sum((left[:, None] * self.uty) ** 2))
        freedom = self.n - 1 - self.s.size + float(left.sum())  # n - tr A
        return self.n * rss / freedom**2 if freedom > 0 else np.inf

    def best_ridge(self) -> float:
        """The ridge of the grid with the least score, the larger one where two are equal."""
        ridges = GRID[::-1] * self.weight
        return float(ridges[np.argmin([self.gcv(ridge) for ridge in ridges])])


def decompose(inputs: Floats, targets: Floats, weights: Floats) -> RidgeProblem:
    """Prepare a regression of inputs (N, L), targets (N, K) and positive weights (N,).

    A row of weight 2 counts as two rows, in the fit and in n. Weights below one are never taken to
    mean fewer rows than there are, so that weights which sum to one leave n at N.
    """
    return decompose_blocks(lambda: iter([(inputs, targets, weights)]))


def decompose_blocks(rows: Rows) -> RidgeProblem:
    """`decompose` of rows that come block by block, of which one is in memory.

    A block's rows take part as the triangle of a QR decomposition, stacked on that of all rows
    before them: it has the same singular values and right singular vectors as the rows themselves.
    `rows` gives inputs (n, L), targets (n, K) and weights (n,) of each block, and is called twice.
    """
    sums = [(weights @ x, weights @ y, weights.sum(), weights.size) for x, y, weights in rows()]
    x, y, total, n_rows = (sum(part) for part in zip(*sums, strict=True))
    mean, target_mean, weight = x / total, y / total, float(total)
    n_inputs = mean.size
    triangle = np.empty((0, n_inputs + target_mean.size))
    for inputs, targets, weights in rows():
        root = np.sqrt(weights)[:, None]
        block = root * np.hstack([inputs - mean, targets - target_mean])
        triangle = np.asarray(np.linalg.qr(np.vstack([triangle, block]), mode="r"))
    y = triangle[:, n_inputs:]
    u, s, vt = np.linalg.svd(triangle[:, :n_inputs], full_matrices=False)
    kept = s > s[0] * max(n_rows, n_inputs) * np.finfo(np.float64).eps
    uty = u[:, kept].T @ y
    outside = y - u[:, kept] @ uty
    rss, n = float(np.sum(outside**2)), max(weight, float(n_rows))
    return RidgeProblem(mean, target_mean, s[kept], vt[kept], uty, rss, n, weight)
