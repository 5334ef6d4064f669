"""Extreme Learning Machine (ELM): a random hidden layer and a closed-form output layer.

Sources: Huang, Zhu, Siew, "Extreme learning machine: theory and applications", Neurocomputing 70,
2006; on functionals of frame posteriors, with 120 hidden units: Han, Yu, Tashev, Interspeech 2014.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from voxaffect.errors import TrainingError
from voxaffect.utterance.elm_scores import UNSEEN_SCORE, ElmScores, Floats, hidden_layer
from voxaffect.utterance.ridge import decompose, decompose_blocks

Classes = NDArray[np.int64]


def adapt_elm(elm: ElmScores, inputs: NDArray[np.floating], classes: Classes) -> ElmScores:
    """An ELM fitted to other data, held to the original by a ridge on the change of its weights.

    Statistics of the inputs and the hidden layer stay. What the original leaves of the targets is
    fitted by ridge regression, its ridge chosen by generalized cross-validation: data without news
    change little. A class missing in the data keeps its weights; one missing in the original begins
    at the score of a class missing in training. Inputs are (N, F), classes (N,) indices, as the
    ELM's own, weighted by their inverse frequency.

    Raises:
        TrainingError: the data hold a single class.
    """
    present, codes, counts = np.unique(classes, return_inverse=True, return_counts=True)
    if present.size < 2:
        raise TrainingError(
            f"data to adapt to hold {present.size} emotion class; two or more are needed"
        )
    known = np.asarray(inputs, np.float64)
    hidden = hidden_layer(known, elm.mean, elm.scale, elm.hidden_weights, elm.hidden_bias)
    every, coef, intercept = _output_of(elm, present)
    left = np.where(classes[:, None] == every, 1.0, -1.0) - (hidden @ coef + intercept)
    moved = np.isin(every, present)
    problem = decompose(hidden, left[:, moved], (classes.size / (present.size * counts))[codes])
    ridge = problem.best_ridge()
    change, shift = problem.solve(ridge)
    coef[:, moved] += change
    intercept[moved] += shift
    if every.size == 2:  # one column, the difference
        coef, intercept = (coef[:, 1:] - coef[:, :1]) / 2, (intercept[1:] - intercept[:1]) / 2
    return replace(elm, classes=every, coef=coef, intercept=intercept, ridge=np.asarray(ridge))


def _output_of(elm: ElmScores, more: Classes) -> tuple[Classes, Floats, Floats]:
    """The union of classes (K,), and the ELM's output layer (L, K), (K,) with a column each."""
    own, coef, intercept = elm.classes.astype(np.int64), elm.coef, elm.intercept
    if own.size == 2:
        coef, intercept = np.hstack([-coef, coef]), np.concatenate([-intercept, intercept])
    every = np.union1d(own, more)
    place = np.searchsorted(every, own)
    whole = np.zeros((coef.shape[0], every.size)), np.full(every.size, UNSEEN_SCORE)
    whole[0][:, place], whole[1][place] = coef, intercept
    return every, *whole


BLOCK_ROWS = 1024  # utterances whose hidden layer is in memory at once while fitting
ARRAYS = tuple(field.name for field in fields(ElmScores))


class ExtremeLearningMachine(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classifier with one random sigmoid layer and ridge regression on targets of -1 and 1.

    Inputs are standardized by the training data's mean and deviation. Hidden weights and biases are
    uniform on [-1, 1] and never trained.

    Args:
        n_hidden: hidden units L.
        ridge: penalty on the squared output weights, against the weighted sum of squared errors;
            "gcv" chooses it by generalized cross-validation (`voxaffect.utterance.ridge`).
        class_weight: "balanced" weights rows by the inverse frequency of their class, a mapping
            gives the factor of each class, None weights all classes alike.
        random_state: seed of the hidden layer.

    Attributes are those of `ElmScores`, each with `_` after its name.
    """

    def __init__(
        self,
        n_hidden: int = 120,
        *,
        ridge: float | Literal["gcv"] = "gcv",
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = "balanced",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_hidden = n_hidden
        self.ridge = ridge
        self.class_weight = class_weight
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the output layer to (N, F) finite inputs of two classes or more.

        A row of `sample_weight` 2 is a row repeated, a row of weight 0 is absent.

        Raises:
            ValueError: inputs are not as stated, or a weight is negative.
        """
        if self.n_hidden < 1:
            raise ValueError(f"n_hidden = {self.n_hidden}: need at least one hidden unit")
        inputs, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        inputs, labels, weights = _drop_weightless(inputs, labels, sample_weight)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if self.classes_.size < 2:
            raise ValueError(f"training data hold 1 class, {self.classes_[0]!r}: need two or more")
        scaler = StandardScaler().fit(inputs, sample_weight=weights)
        self.mean_, self.scale_ = scaler.mean_, scaler.scale_
        rng = check_random_state(self.random_state)
        self.hidden_weights_ = rng.uniform(-1, 1, (inputs.shape[1], self.n_hidden))
        self.hidden_bias_ = rng.uniform(-1, 1, self.n_hidden)
        if self.class_weight == "balanced":  # classes come to equal total weight
            totals = np.bincount(codes, weights)
            factors = totals.sum() / (totals.size * totals)
        else:
            given = self.class_weight or {}
            factors = np.array([given.get(name, 1.0) for name in self.classes_.tolist()])
        weights = weights * factors[codes]
        targets = np.where(codes[:, None] == np.arange(self.classes_.size), 1.0, -1.0)
        if self.classes_.size == 2:
            targets = targets[:, 1:]

        def rows() -> Iterator[tuple[Floats, Floats, Floats]]:
            for begin in range(0, len(inputs), BLOCK_ROWS):
                block = slice(begin, begin + BLOCK_ROWS)
                yield self._hidden(inputs[block]), targets[block], weights[block]

        problem = decompose_blocks(rows)
        self.ridge_ = problem.best_ridge() if self.ridge == "gcv" else float(self.ridge)
        self.coef_, self.intercept_ = problem.solve(self.ridge_)
        return self

    def decision_function(self, X: ArrayLike) -> Floats:
        """Scores (N, C) around -1 and 1; for two classes (N,), positive for the second."""
        check_is_fitted(self)
        scores = self.learned().outputs(validate_data(self, X, dtype=np.float64, reset=False))
        return scores[:, 0] if self.classes_.size == 2 else scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The class of the highest score, (N,); the first where scores tie."""
        scores = self.decision_function(X)
        best = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        answers: NDArray[Any] = self.classes_[best]
        return answers

    def learned(self) -> ElmScores:
        """The arrays that scoring needs."""
        check_is_fitted(self)
        return ElmScores(**{name: np.asarray(getattr(self, f"{name}_")) for name in ARRAYS})

    def _hidden(self, X: Floats) -> Floats:
        return hidden_layer(X, self.mean_, self.scale_, self.hidden_weights_, self.hidden_bias_)


def _drop_weightless(
    X: Floats, y: NDArray[Any], sample_weight: ArrayLike | None
) -> tuple[Floats, NDArray[Any], Floats]:
    """Rows, targets and weights without the rows of weight zero."""
    if sample_weight is None:
        return X, y, np.ones(len(y))
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != y.shape or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(f"sample_weight must be {len(y)} finite numbers, none of them negative")
    if not weights.any():
        raise ValueError("sample_weight leaves no class: every weight is zero")
    kept = weights > 0
    return X[kept], y[kept], weights[kept]
