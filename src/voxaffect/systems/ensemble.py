"""An ensemble: several classifiers on the same frames, whose calibrated probabilities are averaged.

The average is geometric, the mean of log-probabilities, which counts a sure no of one member for
more than an arithmetic one would. The dev set, which has calibrated each member, fits one more
temperature to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from voxaffect.errors import ArtifactError
from voxaffect.model.data import Examples
from voxaffect.model.multitask import Posteriors
from voxaffect.model.training import OnEpoch
from voxaffect.systems.baselines import LEAST
from voxaffect.systems.classifier import (
    ClassifierOutput,
    NetClassifier,
    State,
    UtteranceClassifier,
    known_emotions,
    part_of,
    restored_calibration,
)
from voxaffect.systems.summaries import Table
from voxaffect.taxonomy import EMOTION
from voxaffect.utterance.calibration import TemperatureCalibration


class EnsembleClassifier:
    """The geometric mean of its members' probabilities, calibrated.

    A frame's posteriors are the geometric mean of its members' where all members have them;
    subtasks are those of the first member that has learned them.
    """

    calibration_: TemperatureCalibration

    def __init__(self, members: Mapping[str, UtteranceClassifier]) -> None:
        self.members = dict(members)  # by names of their systems

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks of all members, emotion first."""
        several = (task for member in self.members.values() for task in member.tasks)
        return tuple(dict.fromkeys((EMOTION.name, *several)))

    @property
    def device(self) -> str:
        """Where the first member that is not on the processor computes."""
        devices = (member.device for member in self.members.values())
        return next((device for device in devices if device != "cpu"), "cpu")

    @property
    def n_features(self) -> int | None:
        """Columns of the frames that the members have learned from."""
        found = (member.n_features for member in self.members.values())
        return next((n for n in found if n is not None), None)

    @property
    def is_fitted(self) -> bool:
        """Whether all members are fitted and calibrated."""
        return hasattr(self, "calibration_")

    def fit(
        self, train: Examples, dev: Examples, *, seed: int, on_epoch: OnEpoch | None = None
    ) -> None:
        """Train every member on `train`; `dev` chooses for each, and calibrates.

        `on_epoch` gets the epochs of the first member that has any.

        Raises:
            TrainingError: as the members.
        """
        for member in self.members.values():
            given = on_epoch if member is trained_in_epochs(self) else None
            member.fit(train, dev, seed=seed, on_epoch=given)
        self.calibrate(dev)

    def calibrate(self, dev: Examples) -> None:
        """Fit the temperature to dev utterances."""
        outputs = [member.answer(dev.frames) for member in self.members.values()]
        self.calibration_ = TemperatureCalibration.fit(mean_log(outputs), known_emotions(dev))

    def answer(self, frames: Sequence[NDArray[np.float32]]) -> ClassifierOutput:
        """Answers for N utterances, each float32 (T, F)."""
        outputs = [member.answer(frames) for member in self.members.values()]
        rows = [o.high_level if o.rows is None else o.rows for o in outputs]
        return ClassifierOutput(
            self.calibration_.transform(mean_log(outputs)),
            np.empty((len(frames), 0), np.float32),
            joint_posteriors(outputs),
            np.concatenate(rows, axis=1),
        )

    def details(self) -> dict[str, Any]:
        """Temperature, and the details of every member."""
        members = {name: member.details() for name, member in self.members.items()}
        return {"temperature": self.calibration_.temperature, "members": members}

    def summary(self) -> str:
        """A line on each member."""
        return "; ".join(f"{name}: {member.summary()}" for name, member in self.members.items())

    def state(self) -> State:
        """Temperature, and the state of every member, its arrays numbered."""
        states = [member.state() for member in self.members.values()]
        arrays = {f"{n}.{k}": v for n, own in enumerate(states) for k, v in own.arrays.items()}
        values = [own.values for own in states]
        return State({"temperature": self.calibration_.temperature, "members": values}, arrays)

    def restore(self, state: State) -> None:
        """Take over what one with the same members has learned."""
        values = state.values.get("members")
        if not isinstance(values, list) or len(values) != len(self.members):
            raise ArtifactError("the ensemble has other members; save the recognizer again")
        for n, (member, own) in enumerate(zip(self.members.values(), values, strict=True)):
            member.restore(State(own, part_of(state.arrays, f"{n}.")))
        self.calibration_ = restored_calibration(state)


def trained_in_epochs(classifier: UtteranceClassifier) -> NetClassifier | None:
    """The classifier if it is a net, or the first net of an ensemble; None where there is none."""
    if isinstance(classifier, EnsembleClassifier):
        return next(filter(None, map(trained_in_epochs, classifier.members.values())), None)
    return classifier if isinstance(classifier, NetClassifier) else None


def mean_log(outputs: Sequence[ClassifierOutput]) -> Table:
    """Mean of the log-probabilities (N, C) of several classifiers."""
    means: Table = np.mean([np.log(np.maximum(o.probabilities, LEAST)) for o in outputs], axis=0)
    return means


def joint_posteriors(outputs: Sequence[ClassifierOutput]) -> Posteriors | None:
    """Posteriors of every frame by task; None where a member has none."""
    known = [o.posteriors for o in outputs if o.posteriors is not None]
    if len(known) < len(outputs):
        return None
    joint: Posteriors = {}
    for by_task in reversed(known):
        joint |= by_task
    several = zip(*(by_task[EMOTION.name] for by_task in known), strict=True)
    joint[EMOTION.name] = [
        softmax(np.mean(np.log(np.maximum(each, np.float32(LEAST))), axis=0), axis=1)
        for each in several
    ]
    return joint
