"""A trained recognizer taught some recordings of another kind, from where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from voxaffect.errors import TrainingError
from voxaffect.model.data import Examples
from voxaffect.model.multitask import evaluate
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.training import TrainedNet, TrainingTask, fit
from voxaffect.recognizer.recognizer import NetRecognizer
from voxaffect.systems.classifier import NetClassifier, OnEpoch, TrainDevSplit, known_emotions
from voxaffect.utterance.calibration import TemperatureCalibration
from voxaffect.utterance.elm import adapt_elm

SLOWER = 0.1
"""Learning rate of a net that goes on learning, relative to that of one that begins."""

TOLD = ("system", "seed", "corpora", "data_digest", "n_train", "adapted_from")
"""What of the card of the recognizer before is kept."""


def adapt(
    recognizer: NetRecognizer,
    train: Examples,
    dev: Examples,
    *,
    seed: int,
    training: TrainingSettings,
    card: Mapping[str, Any] | None = None,
    on_epoch: OnEpoch | None = None,
) -> NetRecognizer:
    """A recognizer that has gone on learning; the one it comes from stays as it is.

    Standardization stays, since the net expects it. The net goes on with a tenth of the learning
    rate and keeps its weights of before where no epoch does better on `dev`. The utterance level
    moves as far as `adapt_elm` lets it, and the temperature is fitted anew. What is familiar is
    from then on what `train` holds.

    Args:
        recognizer: trained.
        train: utterances to learn from, frames of the recognizer's own extractor.
        dev: utterances that choose the epoch and calibrate.
        seed: of order, crops and dropout.
        training: as if the net began.
        card: what a reader should know of the data.
        on_epoch: told of every epoch.

    Raises:
        TrainingError: an utterance has no emotion, all have the same, or the net diverges.
    """
    slower = replace(training, learning_rate=SLOWER * training.learning_rate)
    before = recognizer.classifier
    after = NetClassifier(replace(before.settings, training=slower))
    after.standardizer_ = before.standardizer_
    moved = _learn(before, after, TrainDevSplit(train, dev, seed), on_epoch)
    origin = {key: recognizer.card[key] for key in TOLD if key in recognizer.card}
    told = {**(card or {}), "adapted_from": origin, "net_moved": moved}
    adapted = NetRecognizer(after.settings, recognizer.extractor, told, recognizer.limits)
    adapted.classifier = after
    return adapted.conclude(train, seed=seed)


def _learn(
    before: NetClassifier, after: NetClassifier, material: TrainDevSplit, on_epoch: OnEpoch | None
) -> bool:
    """Net, utterance level and temperature; tells whether the net has moved."""
    classes, dev_classes = known_emotions(material.train), known_emotions(material.dev)
    train, dev = after.parts(material.train), after.parts(material.dev)
    lesson = TrainingTask(before.net_, train, dev, after.settings.task_weights, material.seed)
    told = None if on_epoch is None else lambda _, epoch: on_epoch(epoch)
    (trained,) = fit([lesson], after.settings.training, on_epoch=told)
    if isinstance(trained, TrainingError):
        raise trained
    moved = _is_better(trained, lesson)
    after.net_, after.history_ = trained.net if moved else before.net_, trained.history
    after.elm_ = adapt_elm(before.elm_, after.high_level(after.net_, train), classes)
    dev_scores = after.scores(after.high_level(after.net_, dev))
    after.calibration_ = TemperatureCalibration.fit(dev_scores, dev_classes)
    return moved


def _is_better(trained: TrainedNet, lesson: TrainingTask) -> bool:
    """Whether the best epoch does better on the dev set than the net before the first."""
    ((loss, ua),) = evaluate(lesson.net, [lesson.dev])
    best = trained.history.epochs[trained.history.best - 1]
    return (best.dev_ua, -best.dev_loss) > (ua, -loss)
