"""A support vector machine with a radial kernel: on few numbers an utterance, hard to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from voxaffect.baselines.machine import Machine, Rows
from voxaffect.baselines.summaries import Summary, Table, descriptor_functionals
from voxaffect.taxonomy import EMOTION

UNSEEN_SCORE = -1.0
"""Score of a class that training never saw. It never wins: the better of two classes scores at
least 0, the best of three or more wins at least one duel and scores above 2/3."""


@dataclass(frozen=True)
class SvmSettings:
    """A support vector machine with a radial kernel.

    Args:
        penalty: C of the machine.
        class_weight: "balanced" weighs utterances by inverse class frequency.
    """

    penalty: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    class_weight: Literal["balanced"] | None = "balanced"


class SvmClassifier(Machine):
    """Support vector machine on 12 functionals of every descriptor, or on other rows.

    Args:
        settings: of the machine; dev decides nothing but the temperature.
        summarise: makes the row of an utterance's frames.
    """

    machine_: Pipeline

    def __init__(self, settings: SvmSettings, summarise: Summary = descriptor_functionals) -> None:
        super().__init__(summarise)
        self.settings = settings

    def _learn(self, train: Rows, dev: Rows, seed: int) -> None:  # noqa: ARG002 nothing to choose
        machine = SVC(
            C=self.settings.penalty, class_weight=self.settings.class_weight, random_state=seed
        )
        self.machine_ = make_pipeline(StandardScaler(), machine)
        self.machine_.fit(train.values, train.target)

    def _scores(self, values: Table) -> Table:
        seen = self.machine_.decision_function(values)
        if seen.ndim == 1:  # two classes, one column
            seen = np.stack([-seen, seen], axis=1)
        scores = np.full((len(seen), EMOTION.n_classes), UNSEEN_SCORE)
        scores[:, self.machine_.classes_] = seen
        return scores
