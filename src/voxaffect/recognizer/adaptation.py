"""Adaptation (fine-tuning): a trained recognizer is trained further on other recordings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from scipy.special import log_softmax

from voxaffect.errors import TrainingError
from voxaffect.model.data import Examples
from voxaffect.model.multitask import evaluate
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.training import OnEpoch, fit
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.systems.baselines import MeanPoolClassifier
from voxaffect.systems.classifier import NetClassifier, UtteranceClassifier, known_emotions
from voxaffect.systems.ensemble import EnsembleClassifier, trained_in_epochs
from voxaffect.systems.kinds import describe
from voxaffect.systems.linear_adaptation import adapt_linear, log_loss, squared_hinges
from voxaffect.systems.machines import LinearMachine
from voxaffect.systems.row_classifier import (
    LogisticSettings,
    RowClassifier,
    class_scores,
    recall,
)
from voxaffect.systems.summaries import Table
from voxaffect.systems.training_rows import TrainingRows
from voxaffect.utterance.calibration import TemperatureCalibration
from voxaffect.utterance.elm import adapt_elm

SLOWER = 0.1  # learning rate, relative to that of training from the beginning
KEPT = ("system", "seed", "corpora", "data_digest", "n_train", "adapted_from")  # of the old card


def adapt(
    recognizer: TrainedRecognizer,
    train: Examples,
    dev: Examples,
    *,
    seed: int,
    training: TrainingSettings,
    card: Mapping[str, Any] | None = None,
    on_epoch: OnEpoch | None = None,
) -> TrainedRecognizer:
    """A recognizer that is trained further; the original is not changed.

    Standardization stays, since the classifier expects it. A net is trained at a tenth of the
    learning rate and keeps its original weights if no epoch does better on `dev`; its utterance
    level moves as far as `adapt_elm` lets it. A linear machine is fitted again with a penalty
    towards its old weights (`systems.linear_adaptation`), and keeps them if no penalty does better
    on `dev`. The members of an ensemble are adapted each by itself. Temperature and novelty are
    fitted anew.

    Args:
        recognizer: trained.
        train: utterances to train on, frames of the recognizer's own extractor.
        dev: utterances that choose the epoch or penalty and calibrate.
        seed: of all random choices.
        training: settings of a net's training from the beginning.
        card: facts about the data for the new card.
        on_epoch: called with every epoch of a net.

    Raises:
        TrainingError: an utterance has no emotion, all have the same, frames are those of another
            extractor, a net diverges, or the classifier is one that cannot be adapted.
    """
    refuse_unadaptable(recognizer.classifier)
    recognizer.refuse_frames_of_others(train, dev)
    known_emotions(dev)
    if (n_classes := np.unique(known_emotions(train)).size) < 2:
        raise TrainingError(
            f"data to adapt to hold {n_classes} emotion class; two or more are needed"
        )
    slower = replace(training, learning_rate=SLOWER * training.learning_rate)
    after, moved = _adapted(recognizer.classifier, _Data(train, dev, seed, slower, on_epoch))
    origin = {key: recognizer.card[key] for key in KEPT if key in recognizer.card}
    card = {**(card or {}), "adapted_from": origin, "moved": moved}
    adapted = TrainedRecognizer(after, recognizer.extractor, card, recognizer.limits)
    return adapted.fit_novelty(train, seed=seed)


def refuse_unadaptable(classifier: UtteranceClassifier) -> None:
    """Raise TrainingError where a classifier, or a member of an ensemble, cannot be adapted."""
    if isinstance(classifier, EnsembleClassifier):
        for member in classifier.members.values():
            refuse_unadaptable(member)
        return
    is_linear = isinstance(classifier, RowClassifier) and isinstance(
        classifier.machine_, LinearMachine
    )
    if not is_linear and not isinstance(classifier, NetClassifier):
        raise TrainingError(
            f"a classifier of the kind {describe(classifier).kind!r} has no weights that could "
            "move and cannot be adapted; train it on your recordings, or adapt a net or a "
            "logistic system"
        )


class _Data(NamedTuple):
    """What a classifier is adapted to, and how a net is trained."""

    train: Examples
    dev: Examples
    seed: int
    training: TrainingSettings
    on_epoch: OnEpoch | None


def _adapted(before: UtteranceClassifier, data: _Data) -> tuple[UtteranceClassifier, bool]:
    """A classifier of any kind after adaptation, and whether its main weights have moved."""
    if isinstance(before, NetClassifier):
        return _adapted_net(before, data)
    if isinstance(before, RowClassifier) and isinstance(before.machine_, LinearMachine):
        return _adapted_machine(before, before.machine_, data.train, data.dev)
    if isinstance(before, EnsembleClassifier):
        in_epochs = trained_in_epochs(before)
        found = {
            name: _adapted(one, data if one is in_epochs else data._replace(on_epoch=None))
            for name, one in before.members.items()
        }
        after = EnsembleClassifier({name: member for name, (member, _) in found.items()})
        after.calibrate(data.dev)
        return after, any(moved for _, moved in found.values())
    raise AssertionError("refused before")


def _adapted_net(before: NetClassifier, data: _Data) -> tuple[NetClassifier, bool]:
    after = type(before)(replace(before.settings, training=data.training))
    after.standardizer_ = before.standardizer_
    classes, dev_classes = known_emotions(data.train), known_emotions(data.dev)
    train_set, dev_set = after.dataset(data.train), after.dataset(data.dev)
    net, history = fit(
        before.net_,
        train_set,
        dev_set,
        data.training,
        task_weights=after.settings.task_weights,
        seed=data.seed,
        on_epoch=data.on_epoch,
    )
    loss, ua = evaluate(before.net_, dev_set)
    moved = history.epochs[history.best - 1].score > (ua, -loss)
    after.net_, after.history_ = net if moved else before.net_, history
    if isinstance(before, MeanPoolClassifier) and isinstance(after, MeanPoolClassifier):
        after.seen_ = np.union1d(before.seen_, classes)
    else:
        after.elm_ = adapt_elm(before.elm_, after.high_level(after.net_, train_set), classes)
    dev_scores = after.scores(after.high_level(after.net_, dev_set))
    after.calibration_ = TemperatureCalibration.fit(dev_scores, dev_classes)
    return after, moved


def _adapted_machine(
    before: RowClassifier, machine: LinearMachine, train: Examples, dev: Examples
) -> tuple[RowClassifier, bool]:
    after = RowClassifier(before.settings, before.row_summary)
    after.scaler_, after.n_features = before.scaler_, before.n_features
    classes, dev_classes = known_emotions(train), known_emotions(dev)
    known = TrainingRows.of(after.rows(train.frames), classes, train)
    rows, dev_rows = map(after.scaler_.transform, (known.rows, after.rows(dev.frames)))
    weights = after.weights(known)
    loss = log_loss if isinstance(before.settings, LogisticSettings) else squared_hinges
    after.machine_, after.penalty_ = machine, before.penalty_
    best = _dev_score(class_scores(machine, dev_rows), dev_classes)
    for penalty in sorted(before.settings.penalties):
        candidate = adapt_linear(
            machine, rows, classes, penalty=penalty, weights=weights, loss=loss
        )
        reached = _dev_score(class_scores(candidate, dev_rows), dev_classes)
        if reached > best:
            best, after.machine_, after.penalty_ = reached, candidate, penalty
    after.dev_ua_ = best[0]
    dev_scores = class_scores(after.machine_, dev_rows)
    after.calibration_ = TemperatureCalibration.fit(dev_scores, dev_classes)
    return after, after.machine_ is not machine


def _dev_score(scores: Table, target: np.ndarray[Any, np.dtype[np.int64]]) -> tuple[float, float]:
    """UA, and among equals the lower log loss after calibration, of scores (N, C)."""
    temperature = TemperatureCalibration.fit(scores, target).temperature
    logs = log_softmax(scores / temperature, axis=1)
    return recall(scores, target), float(logs[np.arange(len(target)), target].mean())
