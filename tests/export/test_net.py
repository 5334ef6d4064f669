from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.sounds import noise
from tests.export.stages import SAMPLES, Runner
from voxaffect.audio.waveform import Waveform
from voxaffect.export.net import decide, functionals, leveled, novelty, posteriors, standardized
from voxaffect.features.standardize import Standardizer
from voxaffect.model.data import Examples, FrameDataset
from voxaffect.model.multitask import MultiTaskNet, NetShape
from voxaffect.model.multitask import posteriors as torch_posteriors
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings
from voxaffect.utterance.calibration import TemperatureCalibration
from voxaffect.utterance.elm import ExtremeLearningMachine
from voxaffect.utterance.functionals import functionals as in_python
from voxaffect.utterance.novelty import Novelty


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
    run = Runner(
        lambda op, a, b: decide(op, [a, b], learned, 4, threshold=0.2, temperature=temperature),
        (("T", 4), "float32"),
        (("T", 2), "float32"),
    )
    scores = learned.class_scores(high_level, 4)
    expected = TemperatureCalibration(temperature).transform(scores)
    for pair, row in zip(tasks, expected, strict=True):
        np.testing.assert_allclose(run(*pair)[0], row, atol=1e-6)


level = Runner(lambda op, x: leveled(op, x, 400), SAMPLES)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(400, 3_000), st.floats(1e-3, 1e5))
def test_gain_normalization_agrees_with_python(seed: int, n_samples: int, factor: float) -> None:
    samples = noise(seed, n_samples) * np.float32(factor)
    expected = Waveform(samples).normalized().samples
    given, usable = level(samples)
    np.testing.assert_allclose(given, expected, rtol=2e-7)
    assert usable


def with_sample(value: float) -> np.ndarray:
    samples = noise(0, 500)
    samples[7] = value
    return samples


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0),
        noise(0, 399),
        np.zeros(500),
        noise(0, 500) * 9e-5,
        with_sample(np.nan),
        with_sample(np.inf),
        with_sample(-1.1e6),
    ],
    ids=["empty", "short", "silent", "all but silent", "nan", "infinite", "no sample"],
)
def test_refused_recordings_are_not_usable(samples: np.ndarray) -> None:
    given, usable = level(samples.astype(np.float32))
    assert not usable
    np.testing.assert_array_equal(given, np.zeros(max(400, len(samples))))


@pytest.mark.parametrize(("n_frames", "width"), [(30, 6), (1, 6), (30, 150)])
def test_novelty_agrees_with_python(n_frames: int, width: int) -> None:
    """Of frames, of rows that describe utterances, and of more numbers than correlations count."""
    rng = np.random.default_rng(0)
    frames = [rng.normal(rng.normal(), 1, (n_frames, width)).astype(np.float32) for _ in range(40)]
    of = Novelty.fit(frames, seed=0)
    run = Runner(lambda op, x: novelty(op, x, of), (("T", width), "float32"))
    for one in (*frames[:5], frames[0][:1], 5 * frames[1]):
        assert float(run(one)[0]) == pytest.approx(of.of(one), rel=1e-5)


TASKS = {"emotion": 4, "gender": 4, "naturalness": 2}


@pytest.mark.parametrize("private_layers", [0, 2])
@pytest.mark.parametrize(
    "trunk",
    [
        LstmSettings(hidden=7, layers=1),
        LstmSettings(hidden=7, layers=3, bidirectional=True),
        DnnSettings(hidden=9, layers=2, context=4),
        DnnSettings(hidden=9, context=0),
    ],
    ids=str,
)
def test_posteriors_agree_with_python(trunk: TrunkSettings, private_layers: int) -> None:
    net = MultiTaskNet.initialized(NetShape(trunk, 5, TASKS, private_layers), seed=1)
    with torch.no_grad():
        for parameter in net.parameters():  # biases too
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.manual_seed(2)))
    rng = np.random.default_rng(0)
    by = Standardizer(rng.normal(size=5).astype(np.float32), np.arange(1, 6, dtype=np.float32))
    run = Runner(
        lambda op, x: tuple(posteriors(op, standardized(op, x, by), net).values()),
        (("T", 5), "float32"),
    )
    for n_frames in (1, 3, 60):
        frames = (3 * rng.normal(size=(n_frames, 5))).astype(np.float32)
        expected = torch_posteriors(net.eval(), FrameDataset(Examples([frames]), by))
        for task, in_graph in zip(TASKS, run(frames), strict=True):
            np.testing.assert_allclose(in_graph, expected[task][0], atol=2e-6)
