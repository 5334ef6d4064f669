"""A fitted Extreme Learning Machine: arrays and products, without scikit-learn, which loads slowly.

`voxaffect.utterance.elm` fits it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from voxaffect.errors import ArtifactError

Floats = NDArray[np.float64]

UNSEEN_SCORE = -1.0
"""Score of a class missing in training: what regression on its constant target -1 would give.

The scores of the other C classes sum to 2 - C, as their targets do in every row, so that the best
of them is at least 2 / C - 1, and a missing class never wins."""


@dataclass(frozen=True, eq=False)
class ElmScores:
    """A fitted Extreme Learning Machine; the arrays are those of the estimator.

    Raises:
        ArtifactError: shapes contradict one another.
    """

    classes: NDArray[np.generic]  # (C,), those seen in training, sorted
    mean: Floats  # (F,), of the inputs
    scale: Floats  # (F,), deviation of the inputs
    hidden_weights: Floats  # (F, L)
    hidden_bias: Floats  # (L,)
    coef: Floats  # (L, K), output weights; K is C, or 1 for two classes
    intercept: Floats  # (K,)
    ridge: Floats  # (), the penalty that was used

    def __post_init__(self) -> None:
        n_features, n_hidden = self.mean.size, self.hidden_bias.size
        n_outputs = 1 if self.classes.size == 2 else self.classes.size
        expected = {
            "scale": (n_features,),
            "hidden_weights": (n_features, n_hidden),
            "coef": (n_hidden, n_outputs),
            "intercept": (n_outputs,),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ArtifactError(
                    f"the ELM's {name} has shape {getattr(self, name).shape} where {shape} is "
                    "expected; save the recognizer again"
                )

    def outputs(self, inputs: Floats) -> Floats:
        """Scores (N, K) of inputs (N, F), around -1 and 1."""
        hidden = hidden_layer(inputs, self.mean, self.scale, self.hidden_weights, self.hidden_bias)
        scores: Floats = hidden @ self.coef + self.intercept
        return scores

    def class_scores(self, inputs: ArrayLike, n_classes: int) -> Floats:
        """Scores (N, n_classes) where classes are indices; the decision is a row's maximum.

        A class missing in training scores `UNSEEN_SCORE`; two classes are opposite columns.

        Raises:
            ValueError: a class seen in training is not an index from 0 to n_classes - 1.
        """
        if not np.isin(self.classes, np.arange(n_classes)).all():
            raise ValueError(f"classes {self.classes.tolist()} are not indices below {n_classes}")
        seen = self.outputs(np.asarray(inputs, np.float64))
        if self.classes.size == 2:
            seen = np.concatenate([-seen, seen], axis=1)
        scores = np.full((seen.shape[0], n_classes), UNSEEN_SCORE)
        scores[:, self.classes.astype(np.intp)] = seen
        return scores


def hidden_layer(
    inputs: Floats, mean: Floats, scale: Floats, weights: Floats, bias: Floats
) -> Floats:
    """Sigmoids (N, L) of random projections of standardized inputs (N, F)."""
    hidden: Floats = expit((inputs - mean) / scale @ weights + bias)
    return hidden
