"""Classifiers that learn from one row an utterance: logistic regression and support vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from voxaffect.errors import ArtifactError, TrainingError
from voxaffect.model.data import Examples
from voxaffect.model.training import OnEpoch
from voxaffect.systems.classifier import (
    ClassifierOutput,
    State,
    check_width,
    known_emotions,
    part_of,
    restored_calibration,
)
from voxaffect.systems.machines import (
    Classes,
    KernelMachine,
    LinearMachine,
    Machine,
    RowScaler,
    arrays_of,
    check_classes,
    of_all_classes,
)
from voxaffect.systems.nuisance import speaker_directions, without
from voxaffect.systems.summaries import FUNCTIONALS, MEAN, MEAN_AND_DEVIATION, Summary, Table
from voxaffect.systems.training_rows import TrainingRows
from voxaffect.taxonomy import EMOTION
from voxaffect.utterance.calibration import TemperatureCalibration

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Penalties = Annotated[tuple[Positive, ...], Field(min_length=1)]
Balanced = Literal["balanced"] | None

MAX_STEPS = 10_000  # far beyond what the linear solvers need on standardized rows


class MachineSettings(Protocol):
    """Settings of a machine, which fit it."""

    @property
    def class_weight(self) -> Balanced:
        """Whether classes are weighed by their inverse frequency."""

    @property
    def penalties(self) -> tuple[float, ...]:
        """Values of C, of which the dev set chooses one."""

    def fit(
        self, rows: Table, target: Classes, penalty: float, *, sample_weight: Any, **words: Any
    ) -> Machine:
        """Fit to standardized rows (N, K) and classes (N,).

        Weights are (N,) or None; `words` are a scikit-learn estimator's `class_weight` and
        `random_state`.
        """


@dataclass(frozen=True)
class SvmSettings:
    """A support vector machine with a radial kernel."""

    penalty: Positive = 1.0  # C of the machine
    class_weight: Balanced = "balanced"  # by inverse class frequency

    @property
    def penalties(self) -> tuple[float, ...]:
        """Values of C to choose from: one."""
        return (self.penalty,)

    def fit(
        self, rows: Table, target: Classes, penalty: float, *, sample_weight: Any, **words: Any
    ) -> Machine:
        """As `MachineSettings.fit`."""
        from sklearn.svm import SVC  # noqa: PLC0415 (slow to load)

        return KernelMachine.of(SVC(C=penalty, **words).fit(rows, target, sample_weight))


@dataclass(frozen=True)
class LinearSettings:
    """A linear classifier."""

    penalties: Penalties  # values of C, of which the dev set chooses one; a single one is fixed
    class_weight: Balanced = "balanced"  # by inverse class frequency


@dataclass(frozen=True)
class LogisticSettings(LinearSettings):
    """A multinomial logistic regression with a squared penalty; scores are log-probabilities."""

    penalties: Penalties = (1e-4, 1e-3, 1e-2, 1e-1)

    def fit(
        self, rows: Table, target: Classes, penalty: float, *, sample_weight: Any, **words: Any
    ) -> Machine:
        """As `MachineSettings.fit`."""
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 (slow to load)

        estimator = LogisticRegression(C=penalty, max_iter=MAX_STEPS, **words)
        return LinearMachine.of(estimator.fit(rows, target, sample_weight))


@dataclass(frozen=True)
class LinearSvmSettings(LinearSettings):
    """A linear support vector machine, one class against the rest; scores are distances."""

    penalties: Penalties = (1e-5, 1e-4, 1e-3)

    def fit(
        self, rows: Table, target: Classes, penalty: float, *, sample_weight: Any, **words: Any
    ) -> Machine:
        """As `MachineSettings.fit`."""
        from sklearn.svm import LinearSVC  # noqa: PLC0415 (slow to load)

        estimator = LinearSVC(C=penalty, max_iter=MAX_STEPS, **words)
        return LinearMachine.of(estimator.fit(rows, target, sample_weight))


@dataclass(frozen=True)
class MeanLogisticSettings(LogisticSettings):
    """A multinomial logistic regression on the mean of an utterance's frames."""

    penalties: Penalties = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
    group_weight: Balanced = None  # "balanced": classes and corpora, both by inverse frequency
    statistics: Literal["mean", "mean and deviation"] = "mean"  # of the frames
    speaker_directions: Annotated[int, Field(ge=0)] = 0  # that are taken out, see `nuisance`
    choose_on: Literal["dev", "left out"] = "dev"  # the penalty, see `training_rows`

    @property
    def summary(self) -> Summary:
        """How frames become a row."""
        return MEAN if self.statistics == "mean" else MEAN_AND_DEVIATION


RAKES = 100  # rounds of fitting margins; classes and corpora that cross wherever need one


def balanced_weights(
    target: Classes, groups: NDArray[np.int64], own: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weights (N,), mean 1, that give all classes one total weight and all groups one, too.

    Utterances of one class and group weigh as their `own` weights (N,). Where a group lacks a class
    the margins are fitted in turn (iterative proportional fitting, Deming and Stephan 1940), the
    classes last.
    """
    names, group = np.unique(groups, return_inverse=True)
    classes, code = np.unique(target, return_inverse=True)
    counts = np.zeros((names.size, classes.size))
    np.add.at(counts, (group, code), own)
    totals = (counts > 0).astype(np.float64)
    for _ in range(RAKES):
        totals /= totals.sum(axis=1, keepdims=True) * names.size
        totals /= totals.sum(axis=0, keepdims=True) * classes.size
    each = totals / np.where(counts > 0, counts, 1.0)
    weights: NDArray[np.float64] = target.size * own * each[group, code]
    return weights


class RowClassifier:
    """A machine on standardized rows, one an utterance; dev calibrates it.

    Dev also chooses the C of a linear one: the highest UA, of equals the smallest C. On as many
    numbers as ComParE's 6,373 a plane separates nearly any training set, and what matters is the
    penalty. Standardized rows of K numbers have squared lengths about K, so that the candidates are
    decades about C = 1 / K. A linear machine on ComParE's numbers with a C chosen on dev is the
    baseline of the ComParE challenges (Schuller et al., Interspeech 2016).

    Where the row is a mean of frames and the machine linear, a frame has posteriors as well: those
    of its own score, whose mean over the frames is the utterance's.
    """

    tasks = (EMOTION.name,)
    device = "cpu"

    scaler_: RowScaler  # of the training rows
    machine_: Machine
    penalty_: float
    dev_ua_: float
    calibration_: TemperatureCalibration
    n_features: int | None = None  # columns of the frames that it has learned from

    def __init__(self, settings: MachineSettings, summary: Summary = FUNCTIONALS) -> None:
        self.settings, self.row_summary = settings, summary

    @property
    def is_fitted(self) -> bool:
        """Whether there is a machine."""
        return hasattr(self, "calibration_")

    def fit(
        self,
        train: Examples,
        dev: Examples,
        *,
        seed: int,
        on_epoch: OnEpoch | None = None,  # noqa: ARG002 there are no epochs
    ) -> None:
        """Train on `train`; `dev` chooses what the settings leave open and calibrates.

        Where parts that are left out choose, they calibrate as well, and `dev` is trained on, too.

        Raises:
            TrainingError: an utterance has no emotion, or all training utterances have one.
        """
        known, held_out = (
            TrainingRows.of(self.rows(examples.frames), known_emotions(examples), examples)
            for examples in (train, dev)
        )
        classes = np.unique(known.target)
        if classes.size == 1:
            raise TrainingError(
                f"all {known.target.size} training utterances are {EMOTION.classes[classes[0]]}; "
                "this system needs two classes or more: add data, or compare with majority alone"
            )
        self.n_features = train.frames[0].shape[1]
        tests = [(known, held_out)]
        if getattr(self.settings, "choose_on", "dev") == "left out":
            everything = known.with_more(held_out)
            if parts := [*everything.left_out()]:
                known, tests = everything, parts
        self._choose(tests, seed)
        if tests[0][0] is not known:
            self.scaler_, self.machine_ = self._fitted(known, self.penalty_, seed)

    def _choose(self, tests: Sequence[tuple[TrainingRows, TrainingRows]], seed: int) -> None:
        """Choose the penalty by its mean UA on what each test holds out, and calibrate there."""
        target = np.concatenate([out.target for _, out in tests])
        self.dev_ua_ = -1.0
        for penalty in sorted(self.settings.penalties):
            fitted = [self._fitted(left, penalty, seed) for left, _ in tests]
            scores = [
                class_scores(machine, scaler.transform(out.rows))
                for (scaler, machine), (_, out) in zip(fitted, tests, strict=True)
            ]
            each = [recall(of, out.target) for of, (_, out) in zip(scores, tests, strict=True)]
            if (reached := float(np.mean(each))) > self.dev_ua_:
                self.dev_ua_, self.penalty_ = reached, penalty
                self.scaler_, self.machine_ = fitted[0]
                self.calibration_ = TemperatureCalibration.fit(np.concatenate(scores), target)

    def answer(self, frames: Sequence[NDArray[np.float32]]) -> ClassifierOutput:
        """Answers for N utterances, each float32 (T, F)."""
        check_width(frames, self.n_features)
        rows = self.rows(frames)
        probabilities, none = self.decide(rows), np.empty((len(frames), 0), np.float32)
        posteriors, by_frame = None, self.row_summary.by_frame
        if by_frame is not None and isinstance(self.machine_, LinearMachine):
            each = [self.decide(by_frame(f)).astype(np.float32) for f in frames]
            posteriors = {EMOTION.name: each}
        standardized = self.scaler_.transform(rows).astype(np.float32)
        return ClassifierOutput(probabilities, none, posteriors, standardized)

    def rows(self, frames: Sequence[NDArray[np.float32]]) -> Table:
        """Rows (N, K) of N utterances, not standardized."""
        return np.stack([self.row_summary.row(f) for f in frames])

    def decide(self, rows: Table) -> Table:
        """Probabilities (N, C) by rows (N, K)."""
        return self.calibration_.transform(self.scores(rows))

    def scores(self, rows: Table) -> Table:
        """Scores (N, C) of all classes by rows (N, K)."""
        return class_scores(self.machine_, self.scaler_.transform(rows))

    def details(self) -> dict[str, Any]:
        """Temperature, UA on dev, and the C that dev chose."""
        chosen = {"penalty": self.penalty_} if isinstance(self.machine_, LinearMachine) else {}
        found = {"temperature": self.calibration_.temperature, "dev_ua": self.dev_ua_}
        return {**found, **chosen}

    def summary(self) -> str:
        """The C that dev chose, and the UA there."""
        return f"C = {self.penalty_:g}, dev UA {self.dev_ua_:.3f}"

    def state(self) -> State:
        """Standardization, machine and temperature."""
        values = {
            "temperature": self.calibration_.temperature,
            "penalty": self.penalty_,
            "dev_ua": self.dev_ua_,
            "n_features": self.n_features,
        }
        parts = {"standardizer": arrays_of(self.scaler_), "machine": arrays_of(self.machine_)}
        arrays = {f"{part}.{k}": v for part, own in parts.items() for k, v in own.items()}
        return State(values, arrays)

    def restore(self, state: State) -> None:
        """Take over what one with the same settings has learned."""
        kind = KernelMachine if isinstance(self.settings, SvmSettings) else LinearMachine
        parts: list[dict[str, Any]] = [
            part_of(state.arrays, f"{words}.", [f.name for f in fields(of)], f"the {words}")
            for words, of in (("standardizer", RowScaler), ("machine", kind))
        ]
        for own in parts:  # some may be stored in half precision
            own |= {k: v.astype(np.float64) for k, v in own.items() if v.dtype.kind == "f"}
        try:
            self.penalty_, self.dev_ua_ = (float(state.values[k]) for k in ("penalty", "dev_ua"))
            self.n_features = int(state.values["n_features"])
        except (KeyError, TypeError, ValueError) as fault:
            raise ArtifactError(f"the machine is not understood ({fault})") from fault
        self.scaler_, self.machine_ = RowScaler(**parts[0]), kind(**parts[1])
        check_classes(self.machine_.classes)
        if self.machine_.n_inputs != self.scaler_.mean.size:
            raise ArtifactError(
                f"the machine takes {self.machine_.n_inputs} numbers where the standardizer has "
                f"{self.scaler_.mean.size}; save the recognizer again"
            )
        self.calibration_ = restored_calibration(state)

    def weights(self, known: TrainingRows) -> NDArray[np.float64]:
        """Weights (N,) of utterances, mean 1, as the settings say."""
        groups = np.zeros_like(known.target)
        if getattr(self.settings, "group_weight", None) is None:
            if self.settings.class_weight is None:
                alike: NDArray[np.float64] = known.weights / known.weights.mean()
                return alike
        elif known.groups is not None:
            groups = known.groups
        return balanced_weights(known.target, groups, known.weights)

    def _fitted(self, train: TrainingRows, penalty: float, seed: int) -> tuple[RowScaler, Machine]:
        """Standardization and machine of a penalty."""
        weighing = {"class_weight": self.settings.class_weight, "sample_weight": train.weights}
        if getattr(self.settings, "group_weight", None) is not None:
            weighing = {"class_weight": None, "sample_weight": self.weights(train)}
        rows, directions = train.rows, None
        n = getattr(self.settings, "speaker_directions", 0)
        clean = train.clean()
        if n and clean.speakers is not None:
            directions = speaker_directions(clean.rows, clean.target, clean.speakers, n)
            rows = without(rows, directions)
        scaler = RowScaler.fit(rows)
        standardized = scaler.transform(rows)
        machine = self.settings.fit(
            standardized, train.target, penalty, random_state=seed, **weighing
        )
        if directions is not None and isinstance(machine, LinearMachine):
            machine = machine.blind_to(directions, scaler.scale)
        return scaler, machine


def class_scores(machine: Machine, standardized: Table) -> Table:
    """Scores (N, C) of all classes by standardized rows (N, K)."""
    return of_all_classes(machine.scores(standardized), machine.classes, machine.unseen)


def recall(scores: Table, target: Classes) -> float:
    """Unweighted accuracy of the highest scores (N, C): the mean recall of the classes present."""
    hits = scores.argmax(axis=1) == target
    return float(np.mean([hits[target == c].mean() for c in np.unique(target)]))
