from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from tests.model.examples import make_examples
from voxaffect.errors import ArtifactError, FeatureError, TrainingError
from voxaffect.model.data import Examples
from voxaffect.systems.classifier import State
from voxaffect.systems.machines import of_all_classes
from voxaffect.systems.row_classifier import (
    LinearSvmSettings,
    LogisticSettings,
    MeanLogisticSettings,
    RowClassifier,
    SvmSettings,
    balanced_weights,
)
from voxaffect.systems.summaries import ROW, descriptor_functionals
from voxaffect.taxonomy import EMOTION

TRAIN, DEV, TEST = (make_examples(n, seed=i) for i, n in enumerate((80, 20, 40)))


def logistic(*penalties: float) -> RowClassifier:
    return RowClassifier(LogisticSettings(penalties))


def linear_svm(*penalties: float) -> RowClassifier:
    return RowClassifier(LinearSvmSettings(penalties))


def rows_of(examples: Examples) -> np.ndarray:
    return np.stack([descriptor_functionals(frames) for frames in examples.frames])


def of_classes(examples: Examples, *classes: int) -> Examples:
    return examples.select(np.flatnonzero(np.isin(examples.targets["emotion"], classes)))


MACHINES = [logistic(1e-3, 1e-2), linear_svm(1e-3, 1e-2), RowClassifier(SvmSettings())]
each_machine = pytest.mark.parametrize("machine", MACHINES, ids=["logistic", "linear svm", "svm"])


@each_machine
def test_unseen_utterances_are_recognized_alone_and_in_company(machine: RowClassifier) -> None:
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
    machine: RowClassifier, seen: tuple[int, ...]
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
def test_a_class_that_dev_lacks_does_no_harm(machine: RowClassifier) -> None:
    machine.fit(TRAIN, of_classes(DEV, 0, 3), seed=0)
    assert (machine.answer(TEST.frames).classes == TEST.targets["emotion"]).mean() > 0.9


@each_machine
def test_one_class_in_training_is_refused_in_a_sentence(machine: RowClassifier) -> None:
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
    machine = RowClassifier(LinearSvmSettings(), ROW)
    machine.fit(train, dev, seed=0)
    assert (machine.answer(test.frames).classes == test.targets["emotion"]).mean() > 0.9
    np.testing.assert_allclose(
        machine.scaler_.mean, np.mean([f[0] for f in train.frames], axis=0), atol=1e-6
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


@pytest.mark.parametrize("part", [0, 1], ids=["train", "dev"])
def test_an_utterance_without_emotion_is_refused(part: int) -> None:
    train_and_dev = make_examples(16), make_examples(8)
    train_and_dev[part].targets["emotion"][3] = -1
    with pytest.raises(TrainingError, match="utterance 3 has no emotion"):
        RowClassifier(SvmSettings()).fit(*train_and_dev, seed=0)


def mean_logistic(**words: Any) -> RowClassifier:
    settings = MeanLogisticSettings(penalties=(1e-2,), **words)
    return RowClassifier(settings, settings.summary)


@pytest.mark.parametrize("statistics", ["mean", "mean and deviation"])
def test_the_mean_of_the_scores_of_frames_decides(statistics: Any) -> None:
    machine = mean_logistic(statistics=statistics)
    machine.fit(TRAIN, DEV, seed=0)
    answers = machine.answer(TEST.frames)
    assert (answers.classes == TEST.targets["emotion"]).mean() > 0.9
    assert answers.posteriors is not None
    for by_frame, whole in zip(answers.posteriors["emotion"], answers.probabilities, strict=True):
        np.testing.assert_allclose(by_frame.sum(axis=1), 1.0, rtol=1e-5)
        mean_of_logs = np.log(np.maximum(by_frame.astype(np.float64), 1e-30)).mean(axis=0)
        np.testing.assert_allclose(log_softmax(mean_of_logs), np.log(whole), atol=1e-3)
    assert answers.rows is not None
    assert answers.rows.shape == (40, 6 if statistics == "mean" else 12)


def test_machines_on_functionals_have_no_posteriors_of_frames() -> None:
    for machine in MACHINES:
        machine.fit(TRAIN, DEV, seed=0)
        assert machine.answer(TEST.frames).posteriors is None


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=60))
def test_weights_bring_classes_to_one_total(drawn: list[tuple[int, int]]) -> None:
    target, groups = np.array(drawn, np.int64).T
    weights = balanced_weights(target, groups, np.ones(target.size))
    assert (weights > 0).all()
    assert weights.mean() == pytest.approx(1.0)
    totals = [weights[target == c].sum() for c in np.unique(target)]
    np.testing.assert_allclose(totals, totals[0])
    for cell in set(drawn):
        inside = (target == cell[0]) & (groups == cell[1])
        np.testing.assert_allclose(weights[inside], weights[inside][0])


def test_weights_bring_corpora_to_one_total_and_are_scikit_learns_within_one() -> None:
    rng = np.random.default_rng(0)
    target, groups = rng.integers(0, 4, 400), rng.choice(3, 400, p=(0.1, 0.2, 0.7))
    weights = balanced_weights(target, groups, np.ones(target.size))
    for of in (target, groups):
        totals = np.bincount(of, weights)
        np.testing.assert_allclose(totals, totals[0])
    alone = balanced_weights(target, np.zeros_like(target), np.ones(400))
    np.testing.assert_allclose(alone, compute_sample_weight("balanced", target))


def test_a_small_corpus_counts_as_much_as_a_large_one_if_asked() -> None:
    """In the small one happy and sad are called by each other's names."""
    large, small = make_examples(80, seed=5), make_examples(16, seed=6)
    swapped = np.array([0, 2, 1, 3])[small.targets["emotion"]]
    both = Examples(
        [*large.frames, *small.frames],
        {"emotion": np.concatenate([large.targets["emotion"], swapped])},
        np.repeat([0, 1], [80, 16]),
    )
    certainty = {}
    for asked in (None, "balanced"):
        machine = mean_logistic(group_weight=asked)
        machine.fit(both, both, seed=0)
        happy = machine.answer([f for f, c in zip(*_frames(large), strict=True) if c == 1])
        certainty[asked] = happy.probabilities[:, 1].mean()
    assert certainty[None] > 0.7
    assert certainty["balanced"] == pytest.approx(0.5, abs=0.1)


def _frames(examples: Examples) -> tuple[Any, Any]:
    return examples.frames, examples.targets["emotion"]


def test_groups_follow_the_utterances_that_are_selected() -> None:
    examples = replace(TRAIN, groups=np.arange(80) // 40)
    some = examples.select(np.array([79, 3]))
    assert some.groups is not None
    assert some.groups.tolist() == [1, 0]


@pytest.mark.parametrize("machine", [*MACHINES, mean_logistic()], ids=lambda m: repr(m.settings))
def test_what_it_has_learned_restores_it_to_the_bit(machine: RowClassifier) -> None:
    machine.fit(TRAIN, DEV, seed=0)
    again = RowClassifier(machine.settings, machine.row_summary)
    assert not again.is_fitted
    again.restore(machine.state())
    assert again.is_fitted
    found, expected = again.answer(TEST.frames), machine.answer(TEST.frames)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    assert again.details() == machine.details()
    assert again.n_features == 6


def test_state_that_does_not_fit_is_refused() -> None:
    machine = logistic(1e-2)
    machine.fit(TRAIN, DEV, seed=0)
    values, arrays = machine.state()
    few = {k: v for k, v in arrays.items() if k != "machine.coef"}
    narrow = {**arrays, "standardizer.mean": np.zeros(3), "standardizer.scale": np.ones(3)}
    for state, message in (
        (State(values, few), "the machine lacks coef"),
        (State({}, arrays), "the machine is not understood"),
        (State({**values, "temperature": -1.0}, arrays), "the calibration is not understood"),
        (State(values, narrow), "takes 72 numbers where the standardizer has 3"),
    ):
        with pytest.raises(ArtifactError, match=message):
            logistic(1e-2).restore(state)


def test_frames_of_another_width_are_refused_in_a_sentence() -> None:
    for machine in (logistic(1e-2), mean_logistic()):
        machine.fit(TRAIN, DEV, seed=0)
        with pytest.raises(FeatureError, match="512 columns, and the classifier was trained on 6"):
            machine.answer([np.zeros((9, 512), np.float32)])
