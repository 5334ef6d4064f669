"""Output weights of an Extreme Learning Machine moved towards other data, from where they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import TrainingError
from voxaffect.utterance.elm_scores import UNSEEN_SCORE, ElmScores, Floats, hidden_layer
from voxaffect.utterance.ridge import decompose

Classes = NDArray[np.int64]


def adapt_elm(elm: ElmScores, inputs: NDArray[np.floating], classes: Classes) -> ElmScores:
    """Scores that fit other data, held to those of before by a ridge on the change of the weights.

    Statistics of the inputs and the hidden layer stay. What the machine leaves of the targets is
    fitted by ridge regression, its ridge chosen by generalised cross-validation: data that say
    nothing new move little. A class that the data lack keeps its weights; one that the machine
    lacks begins at the score of a class never seen.

    Args:
        elm: with class indices for classes.
        inputs: (N, F).
        classes: (N,), weighted by their inverse frequency.

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
    output = _Output.of(elm, present)
    left = np.where(classes[:, None] == output.classes, 1.0, -1.0) - output.scores(hidden)
    moved = np.isin(output.classes, present)
    problem = decompose(hidden, left[:, moved], (classes.size / (present.size * counts))[codes])
    ridge = problem.best_ridge()
    output.move(moved, *problem.solve(ridge))
    return output.installed(replace(elm, ridge=np.asarray(ridge)))


@dataclass
class _Output:
    """An output layer with one column a class, also for two classes.

    Args:
        classes: (K,), sorted.
        coef: (L, K).
        intercept: (K,).
    """

    classes: Classes
    coef: Floats
    intercept: Floats

    @classmethod
    def of(cls, elm: ElmScores, more: Classes) -> _Output:
        """Columns for the machine's classes and some more."""
        own, coef, intercept = elm.classes.astype(np.int64), elm.coef, elm.intercept
        if own.size == 2:
            coef, intercept = np.hstack([-coef, coef]), np.concatenate([-intercept, intercept])
        classes = np.union1d(own, more)
        place = np.searchsorted(classes, own)
        output = cls(
            classes,
            np.zeros((coef.shape[0], classes.size)),
            np.full(classes.size, UNSEEN_SCORE),
        )
        output.coef[:, place], output.intercept[place] = coef, intercept
        return output

    def scores(self, hidden: Floats) -> Floats:
        """Scores (N, K) of hidden activities (N, L)."""
        scores: Floats = hidden @ self.coef + self.intercept
        return scores

    def move(self, columns: NDArray[np.bool_], change: Floats, shift: Floats) -> None:
        """Add to the weights of some columns."""
        self.coef[:, columns] += change
        self.intercept[columns] += shift

    def installed(self, elm: ElmScores) -> ElmScores:
        """The machine with this output; that of two classes has one column, their difference."""
        coef, intercept = self.coef, self.intercept
        if self.classes.size == 2:
            coef = (coef[:, 1:] - coef[:, :1]) / 2
            intercept = (intercept[1:] - intercept[:1]) / 2
        return replace(elm, classes=self.classes, coef=coef, intercept=intercept)
