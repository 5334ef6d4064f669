from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from tests.model.examples import make_examples
from voxaffect.errors import FeatureError, TrainingError
from voxaffect.evaluation.metrics import confusion, unweighted_accuracy
from voxaffect.model.data import Examples
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import DnnSettings, LstmSettings
from voxaffect.systems.baselines import (
    LEAST,
    LinearSvmSettings,
    LogisticSettings,
    MajorityClassifier,
    MeanPoolClassifier,
    SklearnClassifier,
    SvmSettings,
    descriptor_functionals,
    of_all_classes,
    only_row,
)
from voxaffect.systems.classifier import NetClassifier, NetSettings
from voxaffect.taxonomy import EMOTION

TRAIN, DEV, TEST = (make_examples(n, seed=i) for i, n in enumerate((80, 20, 40)))


def logistic(*penalties: float) -> SklearnClassifier:
    return SklearnClassifier(LogisticSettings(penalties))


def linear_svm(*penalties: float) -> SklearnClassifier:
    return SklearnClassifier(LinearSvmSettings(penalties))


def rows_of(examples: Examples) -> np.ndarray:
    return np.stack([descriptor_functionals(frames) for frames in examples.frames])


def of_classes(examples: Examples, *classes: int) -> Examples:
    return examples.select(np.flatnonzero(np.isin(examples.targets["emotion"], classes)))


MACHINES = [logistic(1e-3, 1e-2), linear_svm(1e-3, 1e-2), SklearnClassifier(SvmSettings())]
each_machine = pytest.mark.parametrize("machine", MACHINES, ids=["logistic", "linear svm", "svm"])


@each_machine
def test_unseen_utterances_are_recognized_alone_and_in_company(machine: SklearnClassifier) -> None:
    machine.fit(TRAIN, DEV, seed=0)
    answers = machine.answer(TEST.frames)
    assert (answers.classes == TEST.targets["emotion"]).mean() > 0.9
    np.testing.assert_allclose(answers.probabilities.sum(axis=1), 1.0)
    assert answers.high_level.shape == (40, 0)
    alone = [machine.answer([frames]).probabilities[0] for frames in TEST.frames]
    np.testing.assert_allclose(alone, answers.probabilities, rtol=1e-9)


def test_logistic_regression_is_scikit_learns_on_standardized_functionals() -> None:
    machine = logistic(1e-2)
    machine.fit(TRAIN, DEV, seed=0)
    scaler = StandardScaler().fit(rows_of(TRAIN))
    rows, tested = (scaler.transform(rows_of(e)) for e in (TRAIN, TEST))
    oracle = LogisticRegression(C=1e-2, class_weight="balanced", max_iter=1000)
    oracle.fit(rows, TRAIN.targets["emotion"])
    found = machine.answer(TEST.frames).probabilities
    # the temperature is all that lies between: it divides log-probabilities, up to a row's constant
    expected = log_softmax(oracle.predict_log_proba(tested) / machine.details()["temperature"], 1)
    np.testing.assert_allclose(np.log(found), expected, atol=1e-3)


@each_machine
@pytest.mark.parametrize("seen", [(0, 1), (1, 2, 3)])
def test_a_class_that_training_lacks_is_never_answered(
    machine: SklearnClassifier, seen: tuple[int, ...]
) -> None:
    machine.fit(of_classes(TRAIN, *seen), DEV, seed=0)  # dev holds all four
    answers = machine.answer(TEST.frames)
    assert answers.probabilities.shape == (40, EMOTION.n_classes)
    assert set(answers.classes) == set(seen)
    alone = [machine.answer([frames]).probabilities[0] for frames in TEST.frames]
    np.testing.assert_allclose(alone, answers.probabilities, rtol=1e-9)
    own = of_classes(TEST, *seen)
    assert (machine.answer(own.frames).classes == own.targets["emotion"]).mean() > 0.9


@each_machine
def test_a_class_that_dev_lacks_does_no_harm(machine: SklearnClassifier) -> None:
    machine.fit(TRAIN, of_classes(DEV, 0, 3), seed=0)
    assert (machine.answer(TEST.frames).classes == TEST.targets["emotion"]).mean() > 0.9


@each_machine
def test_one_class_in_training_is_refused_in_a_sentence(machine: SklearnClassifier) -> None:
    with pytest.raises(TrainingError, match=r"all 20 training utterances are sad.* majority"):
        machine.fit(of_classes(TRAIN, 2), DEV, seed=0)


def test_dev_chooses_c_and_of_equals_the_smallest() -> None:
    machine = logistic(1e-3, 1e-2, 1e-1)
    machine.fit(TRAIN, DEV, seed=0)
    assert machine.details()["penalty"] == 1e-3  # all three are right about all of dev
    noisy = make_examples(80, seed=3, noise=6.0)
    chosen = logistic(1e-7, 1e-2)
    few = make_examples(40, seed=4, noise=6.0)
    chosen.fit(noisy, few, seed=0)
    uas = {}
    for penalty in (1e-7, 1e-2):
        alone = logistic(penalty)
        alone.fit(noisy, few, seed=0)
        right = alone.answer(few.frames).classes == few.targets["emotion"]
        uas[penalty] = np.mean([right[few.targets["emotion"] == c].mean() for c in range(4)])
    best = max(uas.values())
    assert chosen.details()["penalty"] == min(c for c, ua in uas.items() if ua == best)


def test_dev_labels_change_c_and_temperature_alone() -> None:
    turned = Examples(DEV.frames, {**DEV.targets, "emotion": 3 - DEV.targets["emotion"]})
    answers = []
    for dev in (DEV, turned):
        machine = linear_svm(1e-3)
        machine.fit(TRAIN, dev, seed=0)
        answers.append(machine.answer(TEST.frames).classes)
    np.testing.assert_array_equal(answers[0], answers[1])


def test_more_columns_than_utterances_are_learned_and_nothing_but_training_rows_scales() -> None:
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(4, 500))

    def rows(n: int) -> Examples:
        emotion = np.arange(n) % 4
        frames = (centers[emotion] + rng.normal(size=(n, 500))).astype(np.float32)
        frames[:, 7] = 3.0  # a constant column
        return Examples(list(frames[:, None]), {"emotion": emotion})

    train, dev, test = rows(40), rows(12), rows(40)
    machine = SklearnClassifier(LinearSvmSettings(), only_row)
    machine.fit(train, dev, seed=0)
    assert (machine.answer(test.frames).classes == test.targets["emotion"]).mean() > 0.9
    np.testing.assert_allclose(
        machine.scaler_.mean_, np.mean([f[0] for f in train.frames], axis=0), atol=1e-6
    )


def test_settings_are_fixed_or_several() -> None:
    assert replace(LogisticSettings(), penalties=(1.0,)).penalties == (1.0,)
    one = logistic(1.0)
    one.fit(TRAIN, DEV, seed=0)
    assert one.details()["penalty"] == 1.0


SCORES = arrays(np.float64, (3, 2), elements=st.floats(-1e6, 1e6))


@given(SCORES, st.sets(st.integers(0, 3), min_size=2, max_size=2))
def test_a_class_unseen_is_below_all_seen_in_its_row_and_those_stay(
    scores: np.ndarray, seen: set[int]
) -> None:
    classes = np.array(sorted(seen))
    every = of_all_classes(scores, classes)
    np.testing.assert_array_equal(every[:, classes], scores)
    others = np.delete(every, classes, axis=1)
    assert (others < scores.min(axis=1, keepdims=True)).all()


@given(n_frames=st.integers(3, 60), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_functionals_are_those_of_the_reference(n_frames: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(n_frames, 3)).astype(np.float32)
    found = descriptor_functionals(x).reshape(12, 3)
    for column, f in zip(x.T.astype(np.float64), found.T, strict=True):
        line = stats.linregress(np.arange(n_frames), column)
        error = column - line.intercept - line.slope * np.arange(n_frames)
        expected = [
            column.max(), column.min(), np.ptp(column),
            column.argmax() / n_frames, column.argmin() / n_frames,
            column.mean(), line.slope, line.intercept, np.mean(error**2),
            column.std(), stats.skew(column), stats.kurtosis(column),
        ]  # fmt: skip
        np.testing.assert_allclose(f, expected, rtol=1e-6, atol=1e-9)


def test_a_constant_or_single_frame_has_no_shape() -> None:
    for n_frames in (1, 7):
        found = descriptor_functionals(np.full((n_frames, 2), 3.0, np.float32)).reshape(12, 2)
        assert np.isfinite(found).all()
        assert (found[[2, 6, 8, 9, 10, 11]] == 0).all()


def test_a_row_of_an_utterance_is_taken_as_it_is() -> None:
    rows = np.random.default_rng(0).normal(size=(3, 1, 7)).astype(np.float32)
    np.testing.assert_array_equal([only_row(frames) for frames in rows], rows[:, 0])


def test_several_frames_are_no_row() -> None:
    with pytest.raises(FeatureError, match="2 frames where one row of functionals is expected"):
        only_row(np.zeros((2, 7), np.float32))


@pytest.mark.parametrize("part", [0, 1], ids=["train", "dev"])
def test_an_utterance_without_emotion_is_refused(part: int) -> None:
    train_and_dev = make_examples(16), make_examples(8)
    train_and_dev[part].targets["emotion"][3] = -1
    with pytest.raises(TrainingError, match="utterance 3 has no emotion"):
        SklearnClassifier(SvmSettings()).fit(*train_and_dev, seed=0)


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
