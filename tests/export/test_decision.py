from __future__ import annotations

import numpy as np
import pytest

from tests.export.stages import Runner
from voxaffect.export.decision import calibrated, elm_scores, functionals, of_all_classes
from voxaffect.export.graph import Op, Value
from voxaffect.systems.machines import of_all_classes as all_in_python
from voxaffect.utterance.calibration import TemperatureCalibration
from voxaffect.utterance.elm import ExtremeLearningMachine
from voxaffect.utterance.functionals import functionals as in_python


def frames(seed: int, n_frames: int, n_classes: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(n_classes), n_frames).astype(np.float32)


@pytest.mark.parametrize("n_frames", [1, 7, 300])
def test_functionals_agree_with_python(n_frames: int) -> None:
    run = Runner(lambda op, p: functionals(op, p, 0.2), (("T", 4), "float32"))
    posteriors = frames(0, n_frames)
    posteriors[0, 0] = np.float32(0.2)  # no more than the threshold, which is no float32
    np.testing.assert_allclose(run(posteriors)[0], in_python(posteriors, 0.2), rtol=1e-7)


@pytest.mark.parametrize("seen", [(0, 1, 2, 3), (1, 3), (0, 2, 3)], ids=str)
def test_decisions_agree_with_python(seen: tuple[int, ...]) -> None:
    """With classes that training never saw, and with two, which have one output."""
    tasks = [[frames(seed, 20), frames(seed, 20, 2)] for seed in range(40)]
    high_level = np.stack([np.concatenate([in_python(p) for p in pair]) for pair in tasks])
    elm = ExtremeLearningMachine(30, random_state=0)
    learned = elm.fit(high_level, np.resize(seen, 40)).learned()
    temperature = 0.4

    def decided(op: Op, one: Value, other: Value) -> Value:
        high_level = op.Concat(functionals(op, one, 0.2), functionals(op, other, 0.2), axis=0)
        return calibrated(op, elm_scores(op, high_level, learned), temperature)

    run = Runner(decided, (("T", 4), "float32"), (("T", 2), "float32"))
    scores = learned.class_scores(high_level, 4)
    expected = TemperatureCalibration(temperature).transform(scores)
    for pair, row in zip(tasks, expected, strict=True):
        np.testing.assert_allclose(run(*pair)[0][0], row, atol=1e-6)


@pytest.mark.parametrize("unseen", [None, -1.0])
@pytest.mark.parametrize("seen", [(0, 1, 2, 3), (1, 3), (0, 2, 3)], ids=str)
def test_scores_of_all_classes_agree_with_python(
    seen: tuple[int, ...], unseen: float | None
) -> None:
    scores = np.random.default_rng(0).normal(size=(6, len(seen)))
    run = Runner(lambda op, x: of_all_classes(op, x, seen, unseen), (("N", len(seen)), "float64"))
    expected = all_in_python(scores, np.array(seen), unseen)
    np.testing.assert_array_equal(run(scores)[0], expected)
