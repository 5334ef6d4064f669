"""An adapted machine follows the data as far as they say something new, and no further."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from tests.utterance.test_elm import clusters
from voxaffect.errors import TrainingError
from voxaffect.utterance.elm import ExtremeLearningMachine
from voxaffect.utterance.elm_adaptation import adapt_elm
from voxaffect.utterance.elm_scores import ElmScores, hidden_layer


def fitted(classes: list[int], n: int = 200) -> tuple[ElmScores, np.ndarray, np.ndarray]:
    inputs, labels = clusters(n, classes)
    elm = ExtremeLearningMachine(30, class_weight="balanced", random_state=0)
    return elm.fit(inputs, labels).learned(), inputs, labels


def answers(elm: ElmScores, inputs: np.ndarray) -> np.ndarray:
    return elm.class_scores(inputs, 5).argmax(axis=1)


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
