from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.model.examples import make_examples
from voxaffect.baselines.summaries import descriptor_functionals
from voxaffect.baselines.svm import SvmClassifier, SvmSettings
from voxaffect.errors import TrainingError


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
