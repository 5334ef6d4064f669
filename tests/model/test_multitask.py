from __future__ import annotations

import pytest
import torch

from tests.model.examples import N_FEATURES, make_bank, make_examples
from voxaffect.model.multitask import MultiTaskNet, posteriors
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings

TASKS = {"emotion": 4, "gender": 4}
TRUNKS: list[TrunkSettings] = [
    DnnSettings(hidden=8, context=3),
    LstmSettings(hidden=8, bidirectional=True),
]


@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_posteriors_are_those_of_each_utterance_alone(trunk: TrunkSettings) -> None:
    torch.manual_seed(0)
    net = MultiTaskNet(trunk, N_FEATURES, TASKS)
    examples = make_examples(12)
    bank = make_bank(examples)
    together = posteriors(net, bank)
    for i, frames in enumerate(examples.frames):
        first = int(bank.starts[i])
        margin = net.context
        index = torch.arange(-margin, len(frames) + margin).clamp(0, len(frames) - 1)
        logits = net(bank.values[first + index][None], torch.tensor([len(frames)]))
        for task in TASKS:
            torch.testing.assert_close(together[task][i], logits[task][0].softmax(dim=1))
            assert together[task][i].shape == (len(frames), 4)


def test_subtasks_share_the_trunk() -> None:
    net = MultiTaskNet(LstmSettings(hidden=8), N_FEATURES, TASKS)
    logits = net(torch.randn(2, 5, N_FEATURES), torch.tensor([5, 5]))
    logits["gender"].sum().backward()
    assert all(p.grad is not None for p in net.trunk.parameters())
    assert net.heads["emotion"].weight.grad is None
