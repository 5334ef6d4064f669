from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.examples import make_examples
from voxaffect.model.settings import EarlyStopping, Epoch, TrainingSettings
from voxaffect.model.trunks import DnnSettings
from voxaffect.systems.classifier import NetClassifier, NetSettings


def epoch(number: int, dev_ua: float, dev_loss: float = 1.0, seconds: float = 2.0) -> Epoch:
    return Epoch(number, 1.0, dev_loss, dev_ua, 1000.0, seconds)


def stopping_after(*dev_uas: float, max_epochs: int = 10, patience: int = 3) -> EarlyStopping:
    found = EarlyStopping(max_epochs, patience)
    for number, dev_ua in enumerate(dev_uas, 1):
        found.add(epoch(number, dev_ua))
    return found


def test_what_is_left_is_bounded_by_patience_and_by_the_most_epochs() -> None:
    before = stopping_after()
    assert (before.best, before.left_at_least, before.left_at_most) == (0, 3, 10)
    waiting = stopping_after(0.5, 0.4, 0.5)  # an equal score is no better one
    assert (waiting.best, waiting.left_at_least, waiting.left_at_most) == (1, 1, 7)
    gained = stopping_after(0.5, 0.4, 0.6)
    assert (gained.best, gained.left_at_least, gained.left_at_most) == (3, 3, 7)
    assert gained.epoch_s == 2.0


def test_nothing_is_left_once_training_has_stopped() -> None:
    stopped = stopping_after(0.5, 0.4, 0.4, 0.4)
    assert (stopped.left_at_least, stopped.left_at_most) == (0, 0)
    at_the_end = stopping_after(0.1, 0.2, max_epochs=2)
    assert (at_the_end.left_at_least, at_the_end.left_at_most) == (0, 0)


def test_among_equal_accuracies_the_lower_loss_is_better() -> None:
    found = EarlyStopping(10, 3)
    for number, loss in enumerate((1.0, 0.9, 0.95), 1):
        found.add(epoch(number, 0.5, loss))
    assert found.best == 2


@given(st.lists(st.sampled_from([0.2, 0.4, 0.6]), max_size=12), st.integers(1, 5))
def test_at_least_is_never_more_than_at_most(dev_uas: list[float], patience: int) -> None:
    found = stopping_after(*dev_uas, max_epochs=12, patience=patience)
    assert 0 <= found.left_at_least <= found.left_at_most <= 12 - len(dev_uas)


@pytest.mark.parametrize("patience", [1, 2, 20])
def test_it_predicts_when_and_with_which_epoch_training_ends(patience: int) -> None:
    training = TrainingSettings(max_epochs=8, patience=patience, batches_per_epoch=2)
    classifier = NetClassifier(NetSettings(DnnSettings(hidden=4, context=1), training=training))
    followed, left = EarlyStopping(8, patience), []

    def ended(some: Epoch) -> None:
        followed.add(some)
        left.append(followed.left_at_least)

    classifier.fit(make_examples(), make_examples(seed=1), seed=0, on_epoch=ended)
    assert classifier.history_ is not None
    assert followed.best == classifier.history_.best
    assert [n == 0 for n in left] == [False] * (len(left) - 1) + [True]
