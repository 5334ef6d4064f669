from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from tests.model.examples import make_examples
from voxaffect.errors import FeatureError, TrainingError
from voxaffect.model.data import Examples
from voxaffect.systems.baselines.sklearn_machines import (
    LinearBaseline,
    LinearSvmClassifier,
    LinearSvmSettings,
    LogisticClassifier,
    LogisticSettings,
    SvmClassifier,
    SvmSettings,
    descriptor_functionals,
    of_all_classes,
    only_row,
    table,
)
from voxaffect.taxonomy import EMOTION

TRAIN, DEV, TEST = (make_examples(n, seed=i) for i, n in enumerate((80, 20, 40)))


def logistic(*penalties: float) -> LogisticClassifier:
    return LogisticClassifier(LogisticSettings(penalties))


def linear_svm(*penalties: float) -> LinearSvmClassifier:
    return LinearSvmClassifier(LinearSvmSettings(penalties))


def of_classes(examples: Examples, *classes: int) -> Examples:
    return examples.select(np.flatnonzero(np.isin(examples.targets["emotion"], classes)))


MACHINES = [logistic(1e-3, 1e-2), linear_svm(1e-3, 1e-2)]


@pytest.mark.parametrize("machine", MACHINES, ids=["logistic", "svm"])
def test_unseen_utterances_are_recognized_alone_and_in_company(machine: LinearBaseline) -> None:
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
    scaler = StandardScaler().fit(table(TRAIN.frames, descriptor_functionals))
    rows, tested = (
        scaler.transform(table(e.frames, descriptor_functionals)) for e in (TRAIN, TEST)
    )
    oracle = LogisticRegression(C=1e-2, class_weight="balanced", max_iter=1000)
    oracle.fit(rows, TRAIN.targets["emotion"])
    found = machine.answer(TEST.frames).probabilities
    # the temperature is all that lies between: it divides log-probabilities, up to a row's constant
    expected = log_softmax(oracle.predict_log_proba(tested) / machine.details()["temperature"], 1)
    np.testing.assert_allclose(np.log(found), expected, atol=1e-3)


@pytest.mark.parametrize("machine", MACHINES, ids=["logistic", "svm"])
@pytest.mark.parametrize("seen", [(0, 1), (1, 2, 3)])
def test_a_class_that_training_lacks_is_never_answered(
    machine: LinearBaseline, seen: tuple[int, ...]
) -> None:
    machine.fit(of_classes(TRAIN, *seen), DEV, seed=0)  # dev holds all four
    answers = machine.answer(TEST.frames)
    assert answers.probabilities.shape == (40, EMOTION.n_classes)
    assert set(answers.classes) == set(seen)
    own = of_classes(TEST, *seen)
    assert (machine.answer(own.frames).classes == own.targets["emotion"]).mean() > 0.9


@pytest.mark.parametrize("machine", MACHINES, ids=["logistic", "svm"])
def test_a_class_that_dev_lacks_does_no_harm(machine: LinearBaseline) -> None:
    machine.fit(TRAIN, of_classes(DEV, 0, 3), seed=0)
    assert (machine.answer(TEST.frames).classes == TEST.targets["emotion"]).mean() > 0.9


@pytest.mark.parametrize("machine", MACHINES, ids=["logistic", "svm"])
def test_one_class_in_training_is_refused_in_a_sentence(machine: LinearBaseline) -> None:
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
    machine = LinearSvmClassifier(LinearSvmSettings(), only_row)
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
    np.testing.assert_array_equal(table(list(rows), only_row), rows[:, 0])


def test_several_frames_are_no_row() -> None:
    with pytest.raises(FeatureError, match="2 frames where one row of functionals is expected"):
        only_row(np.zeros((2, 7), np.float32))


def test_the_machine_recognizes_and_never_names_an_unseen_class() -> None:
    train, dev, test = (make_examples(n, seed=i) for i, n in enumerate((80, 20, 40)))
    machine = SvmClassifier(SvmSettings())
    machine.fit(train, dev, seed=0)
    answers = machine.answer(test.frames)
    assert (answers.classes == test.targets["emotion"]).mean() > 0.9
    two = train.select(np.flatnonzero(train.targets["emotion"] < 2))
    machine.fit(two, dev, seed=0)
    answers = machine.answer(test.frames)
    assert answers.probabilities.shape == (40, 4)
    assert set(answers.classes) == {0, 1}


@pytest.mark.parametrize("n_seen", [2, 3])
def test_an_answer_does_not_depend_on_the_company(n_seen: int) -> None:
    train, dev, test = (make_examples(n, seed=i) for i, n in enumerate((80, 20, 40)))
    machine = SvmClassifier(SvmSettings())
    seen = np.flatnonzero(train.targets["emotion"] < n_seen)
    machine.fit(train.select(seen), dev, seed=0)
    together = machine.answer(test.frames).probabilities
    alone = [machine.answer([frames]).probabilities[0] for frames in test.frames]
    np.testing.assert_allclose(alone, together, rtol=1e-9)
    assert (together.argmax(axis=1) < n_seen).all()


@pytest.mark.parametrize("part", [0, 1], ids=["train", "dev"])
def test_an_utterance_without_emotion_is_refused(part: int) -> None:
    train_and_dev = make_examples(16), make_examples(8)
    train_and_dev[part].targets["emotion"][3] = -1
    with pytest.raises(TrainingError, match="utterance 3 has no emotion"):
        SvmClassifier(SvmSettings()).fit(*train_and_dev, seed=0)


def test_one_class_in_training_is_refused_in_a_sentence_svm() -> None:
    train = make_examples(24)
    sad = train.select(np.flatnonzero(train.targets["emotion"] == 2))
    with pytest.raises(TrainingError, match="all 6 training utterances are sad"):
        SvmClassifier(SvmSettings()).fit(sad, make_examples(8), seed=0)
