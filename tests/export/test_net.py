from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.export.stages import Runner
from voxaffect.export.net import posteriors, standardized
from voxaffect.features.standardize import Standardizer
from voxaffect.model.data import Examples, FrameDataset
from voxaffect.model.multitask import MultiTaskNet, NetShape
from voxaffect.model.multitask import posteriors as torch_posteriors
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
