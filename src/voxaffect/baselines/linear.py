"""Linear baselines, whose C is chosen on the dev set: logistic regression, a linear SVM.

On as many numbers as ComParE's 6,373 a plane parts nearly any training set, and what matters is how
hard it is held back: C. Standardised rows of K numbers have squared lengths about K, so that the
candidates are decades about C = 1 / K. A linear machine on ComParE's numbers with a C chosen on dev
is the baseline of the ComParE challenges (Schuller et al., Interspeech 2016).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from voxaffect.baselines.machine import Classes, Machine, Rows, of_all_classes
from voxaffect.baselines.summaries import Summary, Table, descriptor_functionals

MAX_STEPS = 10_000
"""Far beyond what the solvers need on standardised rows."""

Penalties = Annotated[
    tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...], Field(min_length=1)
]


@dataclass(frozen=True)
class LogisticSettings:
    """A logistic regression with a squared penalty, multinomial.

    Args:
        penalties: values of C, of which the dev set chooses one; a single one is fixed.
        class_weight: "balanced" weighs utterances by inverse class frequency.
    """

    penalties: Penalties = (1e-4, 1e-3, 1e-2, 1e-1)
    class_weight: Literal["balanced"] | None = "balanced"


@dataclass(frozen=True)
class LinearSvmSettings:
    """A linear support vector machine, one class against the rest.

    Args:
        penalties: values of C, of which the dev set chooses one; a single one is fixed.
        class_weight: "balanced" weighs utterances by inverse class frequency.
    """

    penalties: Penalties = (1e-5, 1e-4, 1e-3)
    class_weight: Literal["balanced"] | None = "balanced"


class LinearMachine(Machine):
    """Standardised rows and one plane a class.

    Of several C the one with the highest UA on dev is taken, of equals the smallest: the one that
    holds the planes back most.
    """

    scaler_: StandardScaler
    planes_: ClassifierMixin
    penalty_: float

    def __init__(
        self,
        settings: LogisticSettings | LinearSvmSettings,
        summarise: Summary = descriptor_functionals,
    ) -> None:
        super().__init__(summarise)
        self.settings = settings

    def details(self) -> dict[str, Any]:
        """Temperature, and the C that dev chose."""
        return {**super().details(), "penalty": self.penalty_}

    @abstractmethod
    def _planes(self, penalty: float, seed: int) -> ClassifierMixin:
        """An estimator that is not fitted yet."""

    def _learn(self, train: Rows, dev: Rows, seed: int) -> None:
        self.scaler_ = StandardScaler().fit(train.values)
        values, dev_values = (
            self.scaler_.transform(train.values),
            self.scaler_.transform(dev.values),
        )
        best = -1.0
        for penalty in sorted(self.settings.penalties):
            planes = self._planes(penalty, seed).fit(values, train.target)
            reached = _unweighted_accuracy(dev.target, planes.predict(dev_values))
            if reached > best:
                best, self.planes_, self.penalty_ = reached, planes, penalty

    def _scores(self, values: Table) -> Table:
        seen = self.planes_.decision_function(self.scaler_.transform(values))
        if seen.ndim == 1:  # two classes: log odds are shared between them
            seen = np.stack([-seen, seen], axis=1) / 2
        return of_all_classes(seen, self.planes_.classes_)


class LogisticClassifier(LinearMachine):
    """Logistic regression; at temperature 1 its scores are its own log-probabilities."""

    def _planes(self, penalty: float, seed: int) -> ClassifierMixin:
        return LogisticRegression(
            C=penalty,
            class_weight=self.settings.class_weight,
            max_iter=MAX_STEPS,
            random_state=seed,
        )


class LinearSvmClassifier(LinearMachine):
    """Linear support vector machine; its scores are distances from the planes, calibrated."""

    def _planes(self, penalty: float, seed: int) -> ClassifierMixin:
        return LinearSVC(
            C=penalty,
            class_weight=self.settings.class_weight,
            max_iter=MAX_STEPS,
            random_state=seed,
        )


def _unweighted_accuracy(target: Classes, answers: Classes) -> float:
    """Mean recall over the classes that dev holds."""
    return float(recall_score(target, answers, labels=np.unique(target), average="macro"))
