from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.examples import make_examples
from voxaffect.baselines.majority import MajorityClassifier
from voxaffect.errors import TrainingError
from voxaffect.evaluation.measures.metrics import confusion, unweighted_accuracy
from voxaffect.model.examples import Examples
from voxaffect.taxonomy import EMOTION

SILENCE = np.zeros((1, 2), np.float32)


def labelled(classes: list[int]) -> Examples:
    return Examples([SILENCE] * len(classes), {"emotion": np.array(classes, np.int64)})


def fitted(classes: list[int]) -> MajorityClassifier:
    classifier = MajorityClassifier()
    classifier.fit(labelled(classes), labelled([3]), seed=0)
    return classifier


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_every_answer_is_the_training_shares_and_the_commonest_class(classes: list[int]) -> None:
    answers = fitted(classes).answer([SILENCE] * 3)
    counts = [classes.count(c) for c in range(4)]
    np.testing.assert_allclose(answers.probabilities, [np.array(counts) / len(classes)] * 3)
    assert set(answers.classes) == {counts.index(max(counts))}  # the first of those that tie
    assert answers.high_level.shape == (3, 0)


def test_its_ua_is_chance() -> None:
    test = make_examples(40)
    answers = fitted([1, 1, 2]).answer(test.frames)
    found = unweighted_accuracy(confusion(test.targets["emotion"], answers.classes, 4))
    assert found == pytest.approx(1 / 4)


def test_one_class_in_training_is_certain() -> None:
    classifier = fitted([2, 2])
    np.testing.assert_array_equal(classifier.answer([SILENCE]).probabilities, [[0, 0, 1, 0]])
    assert classifier.details() == {
        "shares": dict(zip(EMOTION.classes, (0.0, 0.0, 1.0, 0.0), strict=True))
    }


def test_an_utterance_without_emotion_is_refused() -> None:
    with pytest.raises(TrainingError, match="utterance 1 has no emotion"):
        fitted([0, -1])
