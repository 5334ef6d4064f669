from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.model.examples import make_examples
from voxaffect.errors import TrainingError
from voxaffect.evaluation.metrics import confusion, unweighted_accuracy
from voxaffect.model.data import Examples
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import DnnSettings, LstmSettings
from voxaffect.systems.baselines import LEAST, MajorityClassifier, MeanPoolClassifier
from voxaffect.systems.classifier import NetClassifier, NetSettings
from voxaffect.taxonomy import EMOTION

TRAIN, DEV, TEST = (make_examples(n, seed=i) for i, n in enumerate((80, 20, 40)))

SILENCE = np.zeros((1, 2), np.float32)


def labeled(classes: list[int]) -> Examples:
    return Examples([SILENCE] * len(classes), {"emotion": np.array(classes, np.int64)})


def majority(classes: list[int]) -> MajorityClassifier:
    classifier = MajorityClassifier()
    classifier.fit(labeled(classes), labeled([3]), seed=0)
    return classifier


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_every_answer_is_the_training_shares_and_the_commonest_class(classes: list[int]) -> None:
    answers = majority(classes).answer([SILENCE] * 3)
    counts = [classes.count(c) for c in range(4)]
    np.testing.assert_allclose(answers.probabilities, [np.array(counts) / len(classes)] * 3)
    assert set(answers.classes) == {counts.index(max(counts))}  # the first of those that tie
    assert answers.high_level.shape == (3, 0)


def test_its_ua_is_chance() -> None:
    test = make_examples(40)
    answers = majority([1, 1, 2]).answer(test.frames)
    found = unweighted_accuracy(confusion(test.targets["emotion"], answers.classes, 4))
    assert found == pytest.approx(1 / 4)


def test_one_class_in_training_is_certain() -> None:
    classifier = majority([2, 2])
    np.testing.assert_array_equal(classifier.answer([SILENCE]).probabilities, [[0, 0, 1, 0]])
    assert classifier.details() == {
        "shares": dict(zip(EMOTION.classes, (0.0, 0.0, 1.0, 0.0), strict=True))
    }


def test_the_commonest_class_needs_the_emotion_of_every_utterance() -> None:
    with pytest.raises(TrainingError, match="utterance 1 has no emotion"):
        majority([0, -1])


QUICK = TrainingSettings(learning_rate=1e-2, batch_size=16, max_epochs=4, patience=4)
LSTM = NetSettings(LstmSettings(hidden=12), training=QUICK)
DNN = NetSettings(DnnSettings(hidden=12, context=2), training=QUICK)


def fitted_mean_pool(settings: NetSettings) -> MeanPoolClassifier:
    classifier = MeanPoolClassifier(settings)
    classifier.fit(TRAIN, DEV, seed=0)
    return classifier


@pytest.mark.parametrize("settings", [LSTM, DNN], ids=["lstm", "dnn"])
def test_the_largest_mean_posterior_decides(settings: NetSettings) -> None:
    classifier = fitted_mean_pool(settings)
    answers = classifier.answer(TEST.frames)
    assert answers.posteriors is not None
    means = np.array([p.mean(axis=0, dtype=np.float64) for p in answers.posteriors[EMOTION.name]])
    np.testing.assert_array_equal(answers.classes, means.argmax(axis=1))
    assert (answers.classes == TEST.targets["emotion"]).mean() > 0.9
    tempered = np.maximum(means, LEAST) ** (1 / classifier.details()["temperature"])
    expected = tempered / tempered.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(answers.probabilities, expected, rtol=1e-4, atol=1e-9)


def test_the_net_is_the_single_task_systems_to_the_bit() -> None:
    """What differs in the scores of lstm-mean and lstm-stl is the utterance level alone."""
    usual = NetClassifier(LSTM)
    usual.fit(TRAIN, DEV, seed=0)
    own = fitted_mean_pool(LSTM)
    for a, b in zip(own.net_.parameters(), usual.net_.parameters(), strict=True):
        assert torch.equal(a, b)
    np.testing.assert_array_equal(
        own.answer(TEST.frames).high_level, usual.answer(TEST.frames).high_level
    )


def test_it_takes_over_the_net_of_one_that_has_an_elm() -> None:
    settings = replace(DNN, training=replace(QUICK, max_epochs=1))
    first, alone, following = (
        NetClassifier(settings),
        MeanPoolClassifier(settings),
        MeanPoolClassifier(settings),
    )
    first.fit(TRAIN, DEV, seed=0)
    alone.fit(TRAIN, DEV, seed=0)
    following.fit(TRAIN, DEV, seed=0, same_net=first)
    found, expected = (c.answer(TEST.frames).probabilities for c in (following, alone))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("seen", [(2,), (0, 1), (1, 2, 3)])
def test_mean_posteriors_never_answer_a_class_that_training_lacks(seen: tuple[int, ...]) -> None:
    classifier = MeanPoolClassifier(replace(DNN, training=replace(QUICK, max_epochs=1)))
    some = TRAIN.select(np.flatnonzero(np.isin(TRAIN.targets["emotion"], seen)))
    classifier.fit(some, DEV, seed=0)
    answers = classifier.answer(TEST.frames)
    assert answers.probabilities.shape == (40, 4)
    assert set(answers.classes) <= set(seen)
