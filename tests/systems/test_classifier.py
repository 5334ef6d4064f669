from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch

from tests.model.examples import make_examples
from voxaffect.errors import TrainingError
from voxaffect.model.data import Examples, FrameDataset
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.training import fit
from voxaffect.model.trunks import DnnSettings, LstmSettings
from voxaffect.systems import classifier as classifier_module
from voxaffect.systems.classifier import ElmSettings, NetClassifier, NetSettings
from voxaffect.taxonomy import EMOTION
from voxaffect.utterance.functionals import functionals

QUICK = TrainingSettings(batch_size=16, max_epochs=8, patience=8)
LSTM = NetSettings(LstmSettings(hidden=12), training=QUICK)
DNN = NetSettings(DnnSettings(hidden=12, context=2), training=QUICK)
WEIGHTS = {"emotion": 1.0, "gender": 0.1, "naturalness": 0.1}


def fitted(settings: NetSettings, seed: int = 0) -> NetClassifier:
    classifier = NetClassifier(settings)
    classifier.fit(make_examples(60, seed=0), make_examples(20, seed=1), seed=seed)
    return classifier


@pytest.mark.parametrize("settings", [LSTM, DNN], ids=["lstm", "dnn"])
def test_unseen_utterances_are_recognized(settings: NetSettings) -> None:
    test = make_examples(40, seed=2)
    answers = fitted(settings).answer(test.frames)
    assert (answers.classes == test.targets["emotion"]).mean() > 0.9
    np.testing.assert_allclose(answers.probabilities.sum(axis=1), 1.0)


def test_an_answer_does_not_depend_on_the_company() -> None:
    classifier, test = fitted(LSTM), make_examples(9, seed=2)
    together = classifier.answer(test.frames)
    for i, frames in enumerate(test.frames):
        alone = classifier.answer([frames])
        np.testing.assert_allclose(
            alone.probabilities[0], together.probabilities[i], rtol=1e-4, atol=1e-6
        )


def test_high_level_features_are_the_functionals_of_the_posteriors() -> None:
    answers = fitted(DNN).answer(make_examples(5, seed=2).frames)
    assert answers.posteriors is not None
    expected = [functionals(p, 0.2) for p in answers.posteriors[EMOTION.name]]
    np.testing.assert_array_equal(answers.high_level, expected)
    assert answers.high_level.shape == (5, 16)


def test_the_same_seed_gives_the_same_answers() -> None:
    test = make_examples(12, seed=2)
    first, second, other = (fitted(LSTM, seed).answer(test.frames) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.probabilities, second.probabilities)
    assert (first.probabilities != other.probabilities).any()


def test_the_dev_set_does_not_train() -> None:
    """Dev labels that say the opposite change the epoch and temperature, never what is learned."""
    settings = replace(LSTM, training=replace(QUICK, max_epochs=1, patience=1))
    train, dev, test = (make_examples(n, seed=i) for i, n in enumerate((40, 16, 12)))
    turned = Examples(dev.frames, {**dev.targets, "emotion": 3 - dev.targets["emotion"]})
    answers = []
    for held_out in (dev, turned):
        classifier = NetClassifier(settings)
        classifier.fit(train, held_out, seed=0)
        answers.append(classifier.answer(test.frames))
    np.testing.assert_array_equal(answers[0].high_level, answers[1].high_level)
    np.testing.assert_array_equal(answers[0].classes, answers[1].classes)


def test_statistics_are_those_of_the_training_frames() -> None:
    classifier, train = fitted(LSTM), make_examples(60, seed=0)
    frames = np.concatenate(list(train.frames))
    np.testing.assert_allclose(classifier.standardizer_.mean, frames.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(classifier.standardizer_.scale, frames.std(axis=0), rtol=1e-4)


def test_subtasks_are_learned_beside_emotion() -> None:
    classifier = fitted(replace(LSTM, task_weights=WEIGHTS))
    answers = classifier.answer(make_examples(3, seed=2).frames)
    assert answers.posteriors is not None
    assert set(answers.posteriors) == set(WEIGHTS)
    assert answers.posteriors["naturalness"][0].shape[1] == 2


def test_out_of_fold_posteriors_come_from_nets_that_have_not_seen_the_utterance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []

    def spy(net: MultiTaskNet, train: FrameDataset, *args: Any, **kwargs: Any) -> Any:
        seen.append(len(train))
        return fit(net, train, *args, **kwargs)

    monkeypatch.setattr(classifier_module, "fit", spy)
    elm = ElmSettings(posteriors="out-of-fold", n_parts=3)
    settings = replace(LSTM, elm=elm, training=replace(QUICK, max_epochs=2))
    classifier = fitted(settings)
    assert seen == [60, 40, 40, 40]
    in_fold = fitted(replace(settings, elm=ElmSettings()))
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            classifier.net_.state_dict().values(), in_fold.net_.state_dict().values(), strict=True
        )
    )
    assert (classifier.elm_.coef != in_fold.elm_.coef).any()


@pytest.mark.parametrize("posteriors", ["in-fold", "out-of-fold"])
def test_the_extended_representation_adds_the_functionals_of_all_subtasks(
    posteriors: Literal["in-fold", "out-of-fold"],
) -> None:
    training = replace(QUICK, max_epochs=2)
    elm = ElmSettings(posteriors=posteriors, n_parts=2)
    usual = replace(LSTM, task_weights=WEIGHTS, training=training, elm=elm)
    extended = replace(usual, elm=replace(elm, subtasks=True))
    frames = make_examples(5, seed=2).frames
    one, other = (fitted(settings).answer(frames) for settings in (usual, extended))
    assert other.posteriors is not None
    assert one.high_level.shape == (5, 4 * 4)
    assert other.high_level.shape == (5, 4 * (4 + 4 + 2))
    np.testing.assert_array_equal(other.high_level[:, :16], one.high_level)
    for row, high_level in enumerate(other.high_level):
        by_task = [functionals(other.posteriors[task][row], 0.2) for task in WEIGHTS]
        np.testing.assert_array_equal(high_level, np.concatenate(by_task))
    assert (one.probabilities != other.probabilities).any()


def test_alone_the_extended_representation_is_the_usual_one() -> None:
    frames = make_examples(5, seed=2).frames
    elm = ElmSettings(subtasks=True)
    answers = [fitted(settings).answer(frames) for settings in (LSTM, replace(LSTM, elm=elm))]
    np.testing.assert_array_equal(answers[0].probabilities, answers[1].probabilities)


def test_a_training_set_that_memory_cannot_hold_is_learned_and_answered_by_parts() -> None:
    gib = sum(f.nbytes for f in make_examples(60, seed=0).frames) / 4 / 2**30
    settings = replace(LSTM, training=replace(QUICK, learning_rate=1e-2, resident_gib=gib))
    test = make_examples(40, seed=2)
    assert (fitted(settings).answer(test.frames).classes == test.targets["emotion"]).mean() > 0.9


@pytest.mark.parametrize("settings", [LSTM, DNN], ids=["lstm", "dnn"])
def test_a_net_that_is_taken_over_gives_what_training_gives(settings: NetSettings) -> None:
    """Systems that differ in their utterance level alone."""
    settings = replace(settings, task_weights=WEIGHTS, training=replace(QUICK, max_epochs=2))
    first = fitted(settings)
    extended = replace(settings, elm=ElmSettings(subtasks=True))
    alone, following = fitted(extended), NetClassifier(extended)
    train, dev, test = (
        make_examples(60, seed=0),
        make_examples(20, seed=1),
        make_examples(9, seed=2),
    )
    following.fit(train, dev, seed=0, same_net=first)
    assert following.net_ is first.net_
    found, expected = (classifier.answer(test.frames) for classifier in (following, alone))
    np.testing.assert_array_equal(found.high_level, expected.high_level)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)


def test_a_net_that_diverges_is_refused() -> None:
    train, dev = make_examples(40, seed=0), make_examples(16, seed=1)
    ill = Examples([frames.copy() for frames in dev.frames], dev.targets)
    ill.frames[3][0] = np.nan
    with pytest.raises(TrainingError, match="learning_rate"):
        NetClassifier(LSTM).fit(train, ill, seed=0)


def test_a_class_that_training_lacks_is_never_answered() -> None:
    train, dev = make_examples(60, seed=0), make_examples(20, seed=1)
    three = train.select(np.flatnonzero(train.targets["emotion"] != 2))
    classifier = NetClassifier(LSTM)
    classifier.fit(three, dev, seed=0)
    answers = classifier.answer(make_examples(20, seed=2).frames)
    assert answers.probabilities.shape == (20, 4)
    assert 2 not in answers.classes


def test_an_utterance_without_emotion_is_refused() -> None:
    train = make_examples(8)
    train.targets["emotion"][3] = -1
    with pytest.raises(TrainingError, match="utterance 3 has no emotion"):
        NetClassifier(LSTM).fit(train, make_examples(8), seed=0)
