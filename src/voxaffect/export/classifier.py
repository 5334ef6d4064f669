"""ONNX graph of a classifier of any kind: `systems`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from voxaffect.errors import ExportError
from voxaffect.export.decision import calibrated, elm_scores, functionals, of_all_classes
from voxaffect.export.graph import DOUBLE, END, FLOAT, Op, Value, part, rows, table
from voxaffect.export.machines import by_frame, class_scores, row, standardized_rows
from voxaffect.export.net import posteriors, standardized
from voxaffect.systems.baselines import LEAST, MEANS, MajorityClassifier, MeanPoolClassifier
from voxaffect.systems.classifier import NetClassifier, UtteranceClassifier
from voxaffect.systems.ensemble import EnsembleClassifier
from voxaffect.systems.machines import LinearMachine
from voxaffect.systems.row_classifier import RowClassifier
from voxaffect.taxonomy import EMOTION, TASKS
from voxaffect.utterance.functionals import FUNCTIONALS


class Answer(NamedTuple):
    """What a classifier says of one utterance, as `ClassifierOutput`."""

    probabilities: Value  # float64 (1, C)
    embedding: Value  # float32 (D,)
    posteriors: Mapping[str, Value] | None = None  # by task, of each frame, float32 (T, C)


class Answered(NamedTuple):
    """What a classifier answers beside the probabilities of emotions."""

    tasks: tuple[str, ...]  # whose posteriors of frames it has, none or emotion and others
    n_embedding: int  # D


def answered(classifier: UtteranceClassifier) -> Answered:
    """What a classifier answers; ExportError if it cannot be exported."""
    if isinstance(classifier, NetClassifier):
        n_classes = sum(TASKS[task].n_classes for task in classifier.utterance_tasks)
        return Answered(classifier.tasks, len(FUNCTIONALS) * n_classes)
    if isinstance(classifier, RowClassifier):
        own = classifier.tasks if _has_posteriors(classifier) else ()
        return Answered(own, classifier.scaler_.mean.size)
    if isinstance(classifier, EnsembleClassifier):
        members = [answered(member) for member in classifier.members.values()]
        named = (task for member in reversed(members) for task in member.tasks)
        tasks = tuple(dict.fromkeys(named)) if all(m.tasks for m in members) else ()
        return Answered(tasks, sum(member.n_embedding for member in members))
    if isinstance(classifier, MajorityClassifier):
        return Answered((), 0)
    raise ExportError(
        f"a {type(classifier).__name__} cannot be exported to ONNX; export a named system"
    )


def answer(op: Op, frames: Value, classifier: UtteranceClassifier) -> Answer:
    """Answer of a classifier that `answered` knows, by frames float32 (T, F)."""
    if isinstance(classifier, NetClassifier):
        return _of_net(op, frames, classifier)
    if isinstance(classifier, RowClassifier):
        return _of_row(op, frames, classifier)
    if isinstance(classifier, EnsembleClassifier):
        return _of_ensemble(op, frames, classifier)
    assert isinstance(classifier, MajorityClassifier)  # noqa: S101 the last that can be exported
    return Answer(
        table(op, classifier.shares_[None], "shares"), table(op, np.zeros(0, np.float32), "nothing")
    )


def _of_net(op: Op, frames: Value, classifier: NetClassifier) -> Answer:
    by_task = posteriors(op, standardized(op, frames, classifier.standardizer_), classifier.net_)
    with part(op, "decision"):
        threshold = classifier.settings.elm.threshold
        several = [functionals(op, by_task[t], threshold) for t in classifier.utterance_tasks]
        high_level = op.Concat(*several, axis=0)
        if isinstance(classifier, MeanPoolClassifier):
            scores = _mean_pool_scores(op, high_level, classifier)
        else:
            scores = elm_scores(op, high_level, classifier.elm_)
        probabilities = calibrated(op, scores, classifier.calibration_.temperature)
    return Answer(probabilities, high_level, by_task)


def _mean_pool_scores(op: Op, high_level: Value, classifier: MeanPoolClassifier) -> Value:
    """Logarithms of the mean posteriors, float64 (1, C)."""
    seen = classifier.seen_.tolist()
    columns = np.arange(EMOTION.n_classes * len(FUNCTIONALS))[MEANS][seen]
    means = op.Cast(op.Gather(high_level, table(op, columns, "means")), to=DOUBLE)
    return of_all_classes(op, op.Unsqueeze(op.Log(op.Max(means, LEAST)), [0]), seen)


def _has_posteriors(classifier: RowClassifier) -> bool:
    is_linear = isinstance(classifier.machine_, LinearMachine)
    return classifier.row_summary.by_frame is not None and is_linear


def _of_row(op: Op, frames: Value, classifier: RowClassifier) -> Answer:
    summary, has_posteriors = classifier.row_summary, _has_posteriors(classifier)
    with part(op, "machine"):
        every = row(op, frames, summary)
        if has_posteriors:  # the rows of the frames behind the utterance's
            every = op.Concat(every, by_frame(op, frames, summary), axis=0)
        x = standardized_rows(op, every, classifier.scaler_)
        scores = class_scores(op, x, classifier.machine_)
        probabilities = calibrated(op, scores, classifier.calibration_.temperature)
        embedding = op.Squeeze(op.Cast(rows(op, x, 0, 1), to=FLOAT), [0])
        if not has_posteriors:
            return Answer(probabilities, embedding)
        of_frames = op.Cast(rows(op, probabilities, 1, END), to=FLOAT)
        return Answer(rows(op, probabilities, 0, 1), embedding, {EMOTION.name: of_frames})


def _of_ensemble(op: Op, frames: Value, classifier: EnsembleClassifier) -> Answer:
    answers = []
    for number, member in enumerate(classifier.members.values()):
        with part(op, f"member_{number}"):
            answers.append(answer(op, frames, member))
    with part(op, "ensemble"):
        logarithms = op.Concat(
            *(op.Log(op.Max(one.probabilities, LEAST)) for one in answers), axis=0
        )
        scores = op.ReduceMean(logarithms, [0], keepdims=1)
        probabilities = calibrated(op, scores, classifier.calibration_.temperature)
        embedding = op.Concat(*(one.embedding for one in answers), axis=0)
        return Answer(probabilities, embedding, _joint(op, answers))


def _joint(op: Op, answers: Sequence[Answer]) -> dict[str, Value] | None:
    """Posteriors of an ensemble, None where a member has none."""
    known = [one.posteriors for one in answers if one.posteriors is not None]
    if len(known) < len(answers):
        return None
    joint: dict[str, Value] = {}
    for by_task in reversed(known):
        joint |= by_task
    logarithms = [op.Log(op.Max(by_task[EMOTION.name], LEAST)) for by_task in known]
    mean = op.Sum(*logarithms) / float(len(known))
    joint[EMOTION.name] = op.Softmax(mean, axis=1)
    return joint
