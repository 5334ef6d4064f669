from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.export.stages import Runner
from voxaffect.export.net import posteriors, standardised
from voxaffect.features.standardize import Standardizer
from voxaffect.model.bank import Parts
from voxaffect.model.examples import Examples
from voxaffect.model.inference import posteriors as in_python
from voxaffect.model.multitask import MultiTaskNet, NetShape
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings

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
def test_posteriors_are_those_of_python(trunk: TrunkSettings, private_layers: int) -> None:
    net = MultiTaskNet.drawn(NetShape(trunk, 5, TASKS, private_layers), seed=1)
    with torch.no_grad():
        for parameter in net.parameters():  # biases too
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.manual_seed(2)))
    rng = np.random.default_rng(0)
    by = Standardizer(rng.normal(size=5).astype(np.float32), np.arange(1, 6, dtype=np.float32))
    run = Runner(
        lambda op, x: tuple(posteriors(op, standardised(op, x, by), net).values()),
        (("T", 5), "float32"),
    )
    for n_frames in (1, 3, 60):
        frames = (3 * rng.normal(size=(n_frames, 5))).astype(np.float32)
        expected = in_python(net.eval(), Parts(Examples([frames]), by, "cpu", 1 << 20))
        for task, given in zip(TASKS, run(frames), strict=True):
            np.testing.assert_allclose(given, expected[task][0], atol=2e-6)
