"""The paper's net without its last step: mean posteriors decide instead of an ELM."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.baselines.machine import of_all_classes
from voxaffect.classifier import Material, NetClassifier, NetSettings, known_emotions
from voxaffect.model.learner import Lesson
from voxaffect.taxonomy import EMOTION
from voxaffect.utterance.functionals import FUNCTIONALS

LEAST = 1e-12
"""No mean posterior counts as less, so that its logarithm is finite."""

N_FUNCTIONALS = len(FUNCTIONALS)
MEANS = slice(FUNCTIONALS.index("mean"), N_FUNCTIONALS * EMOTION.n_classes, N_FUNCTIONALS)
"""Columns of the high-level features that hold the mean posterior of each emotion."""


class MeanPoolClassifier(NetClassifier):
    """A net whose posteriors are averaged over an utterance's frames: the largest mean wins.

    Standardisation, net, training and early stopping are those of `NetClassifier`; the temperature
    is fitted to the logarithms of the means. A class that training never saw is never answered.

    Attributes:
        seen_: emotion classes in training, sorted.
    """

    seen_: NDArray[np.int64]

    def _fit_utterance_level(self, lesson: Lesson, material: Material) -> None:  # noqa: ARG002
        self.seen_ = np.unique(known_emotions(material.train))

    def scores(self, high_level: NDArray[np.float32]) -> NDArray[np.float64]:
        """Logarithms of the mean posteriors, (N, C)."""
        means = high_level[:, MEANS].astype(np.float64)
        return of_all_classes(np.log(np.maximum(means[:, self.seen_], LEAST)), self.seen_)


def plain_settings(settings: NetSettings) -> dict[str, Any]:
    """What shapes such a classifier's results: a net's settings, of the ELM's the threshold alone.

    The threshold decides no answer, but the high-level features that are kept beside it.
    """
    plain = {key: value for key, value in settings.plain().items() if key != "elm"}
    return {**plain, "utterance_level": "mean posterior", "threshold": settings.elm.threshold}
