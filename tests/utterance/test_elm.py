"""The ELM is a proper scikit-learn classifier, and is what its sources say."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from voxaffect.errors import ArtifactError, TrainingError
from voxaffect.utterance.elm import ExtremeLearningMachine, adapt_elm
from voxaffect.utterance.elm_scores import UNSEEN_SCORE, ElmScores, hidden_layer

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def clusters(n: int, classes: list[int], n_features: int = 16) -> tuple[Floats, Labels]:
    """Noisy clusters, one a class, the first class four times as frequent as another."""
    rng = np.random.default_rng(n)
    frequency = np.array([4.0] + [1.0] * (len(classes) - 1))
    y = rng.choice(classes, n, p=frequency / frequency.sum())
    y[: len(classes)] = classes
    centers = rng.normal(size=(max(classes) + 1, n_features))
    return centers[y] + rng.normal(size=(n, n_features)), y


@parametrize_with_checks(
    [
        ExtremeLearningMachine(),
        ExtremeLearningMachine(n_hidden=20, ridge=0.1, class_weight=None, random_state=1),
    ]
)
def test_scikit_learn_accepts_it(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("class_weight", ["balanced", None, {0: 3.0}])
@pytest.mark.parametrize("classes", [[0, 1, 2, 3], [0, 1]])
def test_equals_ridge_classifier_on_the_same_hidden_layer(
    classes: list[int], class_weight: Any
) -> None:
    X, y = clusters(200, classes)
    elm = ExtremeLearningMachine(30, ridge=0.5, class_weight=class_weight, random_state=0)
    scores = elm.fit(X, y).decision_function(X)
    standardized = StandardScaler().fit_transform(X)
    hidden = expit(standardized @ elm.hidden_weights_ + elm.hidden_bias_)
    oracle = RidgeClassifier(alpha=0.5, class_weight=class_weight).fit(hidden, y)
    np.testing.assert_allclose(scores, oracle.decision_function(hidden), atol=1e-8)
    np.testing.assert_array_equal(elm.predict(X), oracle.predict(hidden))


def test_has_a_non_linearity() -> None:
    # Without one, 120 units on F inputs would have rank F + 1 and could not solve exclusive-or.
    X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]).repeat(10, axis=0)
    y = (X[:, 0] != X[:, 1]).astype(int)
    elm = ExtremeLearningMachine(random_state=0).fit(X, y)
    assert elm.score(X, y) == 1
    assert np.linalg.matrix_rank(elm._hidden(np.random.default_rng(0).normal(size=(99, 2)))) > 20


def test_learns_clusters_with_fewer_rows_than_units() -> None:
    X, y = clusters(300, [0, 1, 2, 3])
    elm = ExtremeLearningMachine(n_hidden=120, random_state=0).fit(X[:60], y[:60])
    assert elm.score(X[60:], y[60:]) > 0.7


def test_a_seed_fixes_everything_and_another_changes_it() -> None:
    X, y = clusters(100, [0, 1, 2, 3])
    first, again, other = (
        ExtremeLearningMachine(random_state=s).fit(X, y).decision_function(X) for s in (7, 7, 8)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=40, max_size=40))
def test_sample_weights_are_repeated_rows(times: list[int]) -> None:
    X, y = clusters(40, [0, 1, 2, 3])
    times[:4] = [1, 2, 1, 2]  # one row of every class at least
    weighted = ExtremeLearningMachine(30, random_state=0)
    weighted.fit(X, y, sample_weight=np.array(times))
    repeated = ExtremeLearningMachine(30, random_state=0)
    repeated.fit(X.repeat(times, axis=0), y.repeat(times))
    assert weighted.ridge_ == pytest.approx(repeated.ridge_)
    np.testing.assert_allclose(
        weighted.decision_function(X), repeated.decision_function(X), atol=1e-6
    )


def test_balanced_classes_pull_alike() -> None:
    # Inputs that say nothing leave the weighted mean of the targets: no class is preferred.
    y = np.array([0] * 80 + [1] * 15 + [2] * 5)
    scores = ExtremeLearningMachine(random_state=0).fit(np.ones((100, 3)), y)
    np.testing.assert_allclose(scores.decision_function(np.ones((1, 3))), [[-1 / 3] * 3])


def test_a_constant_column_changes_nothing_but_the_hidden_draw() -> None:
    X, y = clusters(80, [0, 1, 2])
    X[:, 3] = 0.1
    elm = ExtremeLearningMachine(random_state=0).fit(X, y)
    assert elm.scale_[3] == 1
    assert np.isfinite(elm.decision_function(X)).all()


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 3), min_size=2), st.integers(4, 60))
def test_a_class_never_seen_never_wins(classes: set[int], n: int) -> None:
    X, y = clusters(n, sorted(classes))
    elm = ExtremeLearningMachine(25, random_state=0).fit(X, y)
    anywhere = np.random.default_rng(n).normal(scale=10, size=(50, 16))
    scores = elm.learned().class_scores(anywhere, 4)
    unseen = sorted(set(range(4)) - classes)
    assert (scores[:, unseen] == UNSEEN_SCORE).all()
    np.testing.assert_allclose(scores[:, sorted(classes)].sum(axis=1), 2 - len(classes), atol=1e-6)
    np.testing.assert_array_equal(scores.argmax(axis=1), elm.predict(anywhere))


def test_scores_need_classes_that_are_indices() -> None:
    X, y = clusters(30, [0, 5])
    with pytest.raises(ValueError, match=r"\[0, 5\] are not indices below 4"):
        ExtremeLearningMachine(random_state=0).fit(X, y).learned().class_scores(X, 4)


def test_what_cannot_be_learned_is_refused() -> None:
    X, y = clusters(20, [0, 1])
    with pytest.raises(ValueError, match="1 class"):
        ExtremeLearningMachine().fit(X, np.zeros(20))
    with pytest.raises(ValueError, match="leaves no class"):
        ExtremeLearningMachine().fit(X, y, sample_weight=np.zeros(20))
    with pytest.raises(ValueError, match="none of them negative"):
        ExtremeLearningMachine().fit(X, y, sample_weight=-np.ones(20))
    with pytest.raises(ValueError, match="n_hidden = 0"):
        ExtremeLearningMachine(n_hidden=0).fit(X, y)


def fitted(classes: list[int], n: int = 200) -> tuple[ElmScores, Floats, Labels]:
    inputs, labels = clusters(n, classes)
    elm = ExtremeLearningMachine(30, class_weight="balanced", random_state=0)
    return elm.fit(inputs, labels).learned(), inputs, labels


def answers(elm: ElmScores, inputs: Floats) -> Labels:
    found: Labels = np.argmax(elm.class_scores(inputs, 5), axis=1)
    return found


def test_the_change_is_the_ridge_regression_of_what_is_left() -> None:
    elm, inputs, labels = fitted([0, 1, 2, 3])
    swapped = (labels + 1) % 4
    adapted = adapt_elm(elm, inputs, swapped)
    hidden = hidden_layer(inputs, elm.mean, elm.scale, elm.hidden_weights, elm.hidden_bias)
    left = np.where(swapped[:, None] == np.arange(4), 1.0, -1.0) - elm.outputs(inputs)
    weights = 200 / (4 * np.bincount(swapped))[swapped]
    oracle = Ridge(alpha=float(adapted.ridge)).fit(hidden, left, sample_weight=weights)
    np.testing.assert_allclose(adapted.coef - elm.coef, oracle.coef_.T, atol=1e-6)
    np.testing.assert_allclose(adapted.intercept - elm.intercept, oracle.intercept_, atol=1e-6)


@pytest.mark.parametrize("classes", [[0, 1], [0, 1, 2, 3]], ids=["two", "four"])
def test_it_learns_what_the_new_data_call_things_and_leaves_the_old_machine_alone(
    classes: list[int],
) -> None:
    elm, inputs, labels = fitted(classes)
    before = {field.name: getattr(elm, field.name).copy() for field in fields(elm)}
    swapped = (labels + 1) % len(classes)
    adapted = adapt_elm(elm, inputs, swapped)
    assert np.mean(answers(elm, inputs) == swapped) < 0.2
    assert np.mean(answers(adapted, inputs) == swapped) > 0.8
    for name, array in before.items():
        np.testing.assert_array_equal(getattr(elm, name), array)


def test_data_that_say_nothing_new_move_next_to_nothing() -> None:
    elm, inputs, labels = fitted([0, 1, 2, 3])
    adapted = adapt_elm(elm, inputs, labels)
    assert np.abs(adapted.outputs(inputs) - elm.outputs(inputs)).max() < 0.1
    np.testing.assert_array_equal(answers(adapted, inputs), answers(elm, inputs))


def test_a_class_that_the_data_lack_keeps_its_weights() -> None:
    elm, inputs, labels = fitted([0, 1, 2, 3])
    kept = labels != 3
    adapted = adapt_elm(elm, inputs[kept], labels[kept])
    np.testing.assert_array_equal(adapted.coef[:, 3], elm.coef[:, 3])
    assert adapted.intercept[3] == elm.intercept[3]


@pytest.mark.parametrize("known", [[0, 1], [0, 1, 2]], ids=["of two", "of three"])
def test_a_class_that_the_machine_lacked_can_be_answered(known: list[int]) -> None:
    _, inputs, labels = fitted([0, 1, 2, 3])
    seen = np.isin(labels, known)
    elm = ExtremeLearningMachine(30, random_state=0).fit(inputs[seen], labels[seen]).learned()
    adapted = adapt_elm(elm, inputs, labels)
    assert adapted.classes.tolist() == [0, 1, 2, 3]
    assert np.mean(answers(adapted, inputs)[labels == 3] == 3) > 0.8


def test_a_single_class_is_refused() -> None:
    elm, inputs, _ = fitted([0, 1])
    with pytest.raises(TrainingError, match="hold 1 emotion class; two or more"):
        adapt_elm(elm, inputs, np.zeros(len(inputs), np.int64))


@pytest.mark.parametrize("classes", [[0, 2], [0, 1, 3]])
def test_the_learned_arrays_are_the_whole_classifier(classes: list[int]) -> None:
    X, y = clusters(50, classes)
    elm = ExtremeLearningMachine(random_state=0).fit(X, y)
    scores = elm.learned().class_scores(X, 4)
    np.testing.assert_array_equal(scores.argmax(axis=1), elm.predict(X))
    assert elm.learned().ridge == elm.ridge_


def test_arrays_that_contradict_one_another_are_refused() -> None:
    X, y = clusters(50, [0, 1, 2])
    elm = ExtremeLearningMachine(random_state=0).fit(X, y).learned()
    with pytest.raises(ArtifactError, match=r"coef has shape \(120, 2\)"):
        replace(elm, coef=elm.coef[:, :2])


def test_scoring_loads_no_library_of_learning() -> None:
    code = "import sys, voxaffect.utterance.elm_scores; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
