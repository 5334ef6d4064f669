from __future__ import annotations

import numpy as np
import pytest

from tests.model.examples import make_examples
from voxaffect.baselines.svm import SvmClassifier, SvmSettings
from voxaffect.errors import TrainingError


def test_the_machine_recognises_and_never_names_an_unseen_class() -> None:
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


def test_one_class_in_training_is_refused_in_a_sentence() -> None:
    train = make_examples(24)
    sad = train.select(np.flatnonzero(train.targets["emotion"] == 2))
    with pytest.raises(TrainingError, match="all 6 training utterances are sad"):
        SvmClassifier(SvmSettings()).fit(sad, make_examples(8), seed=0)
