from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.model.examples import make_examples, make_lesson, make_shape
from voxaffect.errors import TrainingError
from voxaffect.model.learner import Learner, Trained
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.settings import Epoch, TrainingSettings
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings

DNN, LSTM = DnnSettings(hidden=4, context=1), LstmSettings(hidden=4)
SETTINGS = TrainingSettings(batch_size=8, max_epochs=9, patience=3)


def make_learner(
    trunk: TrunkSettings = LSTM, settings: TrainingSettings = SETTINGS, seed: int = 0
) -> Learner:
    train, dev = make_examples(20), make_examples(8, seed=1)
    return Learner(0, make_lesson(make_shape(trunk), train, dev, {"emotion": 1.0}, seed), settings)


def epoch(number: int, dev_ua: float, dev_loss: float = 1.0, train_loss: float = 1.0) -> Epoch:
    return Epoch(number, train_loss, dev_loss, dev_ua, 1.0, 1.0)


def live(learner: Learner, scores: list[tuple[float, float]]) -> None:
    """Epochs of given dev UA and loss; the weights of each are its number."""
    for number, score in enumerate(scores, 1):
        assert not learner.is_done
        stack = MultiTaskNet(learner.lesson.net.shape, 2)
        with torch.no_grad():
            for parameter in stack.parameters():
                parameter[1] = number
        learner.end_epoch(epoch(number, *score), stack, 1)


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([(0.5, 1.0), (0.7, 2.0), (0.6, 0.1)], 2),  # UA goes before loss
        ([(0.5, 1.0), (0.5, 0.9), (0.5, 1.1)], 2),  # among equals the lowest loss
        ([(0.5, 1.0), (0.5, 1.0)], 1),  # among equals in both the first
    ],
)
def test_the_best_epochs_weights_are_kept(scores: list[tuple[float, float]], best: int) -> None:
    learner = make_learner()
    live(learner, scores)
    trained = learner.outcome()
    assert isinstance(trained, Trained)
    assert trained.history.best == best
    assert [e.dev_ua for e in trained.history.epochs] == [ua for ua, _ in scores]
    assert all((parameter == best).all() for parameter in trained.net.parameters())


def test_a_learner_stops_when_patience_or_epochs_end() -> None:
    learner = make_learner()
    live(learner, [(0.5, 1.0), (0.6, 1.0), (0.5, 1.0), (0.5, 1.0), (0.5, 1.0)])
    assert learner.is_done
    learner = make_learner(settings=replace(SETTINGS, max_epochs=4))
    live(learner, [(0.5, 1.0), (0.6, 1.0), (0.7, 1.0), (0.8, 1.0)])
    assert learner.is_done


@pytest.mark.parametrize("losses", [(math.nan, 1.0), (math.inf, 1.0), (1.0, math.nan)])
def test_a_loss_that_is_no_number_ends_it_with_a_reason(losses: tuple[float, float]) -> None:
    learner = make_learner()
    live(learner, [(0.5, 1.0)])
    learner.end_epoch(epoch(2, 0.9, losses[1], losses[0]), learner.lesson.net, 0)
    assert learner.is_done
    failure = learner.outcome()
    assert isinstance(failure, TrainingError)
    assert "learning_rate" in str(failure)
    assert "0.003" in str(failure)


def test_an_lstm_reads_utterances_and_a_dnn_frames() -> None:
    lengths = sum(len(frames) for frames in make_examples(20).frames)
    sequences = [pick for _, pick in make_learner(LSTM).batches()]
    frames = [pick for _, pick in make_learner(DNN).batches()]
    assert sum(len(pick.rows) for pick in sequences) == 20
    assert sum(int(pick.n_frames.sum()) for pick in sequences) == lengths
    assert sum(len(pick.rows) for pick in frames) == lengths
    assert all(pick.n_frames.eq(1).all() for pick in frames)


@pytest.mark.parametrize("trunk", [DNN, LSTM], ids=["dnn", "lstm"])
def test_an_epoch_has_no_more_batches_than_asked_for(trunk: TrunkSettings) -> None:
    settings = replace(SETTINGS, batch_size=4, batches_per_epoch=2)
    assert [len(pick.rows) for _, pick in make_learner(trunk, settings).batches()] == [4, 4]


@pytest.mark.parametrize("trunk", [DNN, LSTM], ids=["dnn", "lstm"])
def test_the_seed_decides_the_order_and_epochs_differ(trunk: TrunkSettings) -> None:
    def passes(seed: int) -> list[list[list[int]]]:
        learner = make_learner(trunk, replace(SETTINGS, crop_frames=5), seed)
        return [[pick.rows.tolist() for _, pick in learner.batches()] for _ in range(2)]

    first, second = passes(1)
    assert passes(1) == [first, second]
    assert first != second
    assert passes(2)[0] != first


def test_balanced_classes_weigh_by_the_frames_of_the_training_set() -> None:
    learner = make_learner()
    examples = learner.lesson.train.examples
    lengths = np.array([len(frames) for frames in examples.frames])
    mass = np.bincount(examples.targets["emotion"], lengths)
    per_class = learner.class_weights.numpy() * mass
    np.testing.assert_allclose(per_class, np.full(4, lengths.sum() / 4), rtol=1e-5)


def test_without_balance_every_frame_counts_the_same() -> None:
    learner = make_learner(settings=replace(SETTINGS, class_weight=None))
    assert learner.class_weights.tolist() == [1.0] * 4
