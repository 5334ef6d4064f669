"""Adaptation (fine-tuning): a trained recognizer is trained further on other recordings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from voxaffect.model.data import Examples
from voxaffect.model.multitask import evaluate
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.training import OnEpoch, fit
from voxaffect.recognizer.recognizer import NetRecognizer
from voxaffect.systems.classifier import NetClassifier, known_emotions
from voxaffect.utterance.calibration import TemperatureCalibration
from voxaffect.utterance.elm import adapt_elm

SLOWER = 0.1  # learning rate, relative to that of training from the beginning
KEPT = ("system", "seed", "corpora", "data_digest", "n_train", "adapted_from")  # of the old card


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
    """A recognizer that is trained further; the original is not changed.

    Standardization stays, since the net expects it. The net is trained at a tenth of the learning
    rate and keeps its original weights if no epoch does better on `dev`. The utterance level moves
    as far as `adapt_elm` lets it; temperature and novelty are fitted anew.

    Args:
        recognizer: trained.
        train: utterances to train on, frames of the recognizer's own extractor.
        dev: utterances that choose the epoch and calibrate.
        seed: of all random choices.
        training: settings of a training from the beginning.
        card: facts about the data for the new card.
        on_epoch: called with every epoch.

    Raises:
        TrainingError: an utterance has no emotion, all have the same, or the net diverges.
    """
    slower = replace(training, learning_rate=SLOWER * training.learning_rate)
    before = recognizer.classifier
    after = NetClassifier(replace(before.settings, training=slower))
    after.standardizer_ = before.standardizer_
    classes, dev_classes = known_emotions(train), known_emotions(dev)
    train_set, dev_set = after.dataset(train), after.dataset(dev)

    weights = after.settings.task_weights
    net, history = fit(
        before.net_, train_set, dev_set, slower, task_weights=weights, seed=seed, on_epoch=on_epoch
    )
    loss, ua = evaluate(before.net_, dev_set)
    moved = history.epochs[history.best - 1].score > (ua, -loss)
    after.net_, after.history_ = net if moved else before.net_, history
    after.elm_ = adapt_elm(before.elm_, after.high_level(after.net_, train_set), classes)
    dev_scores = after.scores(after.high_level(after.net_, dev_set))
    after.calibration_ = TemperatureCalibration.fit(dev_scores, dev_classes)

    origin = {key: recognizer.card[key] for key in KEPT if key in recognizer.card}
    card = {**(card or {}), "adapted_from": origin, "net_moved": moved}
    adapted = NetRecognizer(after.settings, recognizer.extractor, card, recognizer.limits)
    adapted.classifier = after
    return adapted.fit_novelty(train, seed=seed)
