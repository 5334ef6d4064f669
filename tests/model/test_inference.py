from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.model.examples import N_FEATURES, make_bank, make_examples, make_parts, make_shape
from voxaffect.features.standardize import Standardizer
from voxaffect.model.bank import Parts, banks
from voxaffect.model.examples import Examples
from voxaffect.model.inference import each_utterance, evaluate, posteriors
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings
from voxaffect.taxonomy import MISSING

TASKS = ("emotion", "gender")
TRUNKS: list[TrunkSettings] = [
    DnnSettings(hidden=8, context=3),
    LstmSettings(hidden=8),
    LstmSettings(hidden=8, bidirectional=True),
]
each_trunk = pytest.mark.parametrize("trunk", TRUNKS, ids=str)


def make_net(trunk: TrunkSettings, seed: int = 0) -> MultiTaskNet:
    return MultiTaskNet.drawn(make_shape(trunk, *TASKS), seed)


def scored(means: NDArray[np.float64], target: NDArray[np.int64]) -> tuple[float, float]:
    """Loss and unweighted accuracy of mean posteriors, by hand."""
    loss = -np.log(means[np.arange(len(target)), target]).mean()
    hits = means.argmax(axis=1) == target
    return float(loss), float(np.mean([hits[target == c].mean() for c in np.unique(target)]))


@each_trunk
def test_posteriors_are_those_of_each_utterance_alone(trunk: TrunkSettings) -> None:
    net, examples = make_net(trunk), make_examples(12)
    together = posteriors(net, make_parts(examples))
    assert set(together.by_task) == set(TASKS)
    statistics, margin = Standardizer.fit(examples.frames), net.trunk.context
    for i, frames in enumerate(examples.frames):
        index = np.arange(-margin, len(frames) + margin).clip(0, len(frames) - 1)
        x = torch.from_numpy(statistics.transform(frames[index]))
        logits = net(x[:, None, None], torch.tensor([[len(frames)]]))
        for task in TASKS:
            assert together[task][i].shape == (len(frames), 4)
            expected = logits[task][0, :, 0].softmax(dim=1).detach().numpy()
            np.testing.assert_allclose(together[task][i], expected, rtol=1e-5, atol=1e-6)


@each_trunk
def test_parts_say_what_all_at_once_do(trunk: TrunkSettings) -> None:
    net, examples = make_net(trunk), make_examples(20)
    parts = make_parts(examples, n_bytes=3 * 40 * N_FEATURES * 4)
    assert parts.whole is None
    at_once, by_part = (posteriors(net, own) for own in (make_parts(examples), parts))
    for task in TASKS:
        for one, other in zip(at_once[task], by_part[task], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    (scores,) = evaluate(net, [make_parts(examples)])
    assert evaluate(net, [parts])[0] == pytest.approx(scores, rel=1e-5)


def test_each_utterance_is_named_by_its_row() -> None:
    net, examples = make_net(TRUNKS[1]), make_examples(20)
    expected = posteriors(net, make_parts(examples))
    seen = []
    for row, by_task in each_utterance(net, make_parts(examples, n_bytes=4_000)):
        seen.append(row)
        np.testing.assert_allclose(by_task["emotion"], expected["emotion"][row], 1e-5, 1e-6)
    assert sorted(seen) == list(range(20))


@each_trunk
def test_dev_scores_are_those_of_mean_posteriors(trunk: TrunkSettings) -> None:
    net, examples = make_net(trunk), make_examples(23)
    parts = make_parts(examples)
    means = np.stack([p.mean(axis=0) for p in posteriors(net, parts)["emotion"]])
    ((loss, ua),) = evaluate(net, [parts])
    assert (loss, ua) == pytest.approx(
        scored(means.astype(np.float64), examples.targets["emotion"]), rel=1e-5
    )


def test_dev_scores_are_those_of_utterances() -> None:
    net = MultiTaskNet(make_shape(TRUNKS[1], *TASKS))  # all weights zero
    ((loss, ua),) = evaluate(net, [make_parts(make_examples(8))])
    assert loss == pytest.approx(np.log(4), rel=1e-5)
    assert ua == 0.25


def test_utterances_without_emotion_do_not_count() -> None:
    net, examples = make_net(TRUNKS[1]), make_examples(12)
    emotion = np.where(np.arange(12) < 8, examples.targets["emotion"], MISSING)
    partly = Examples(examples.frames, {"emotion": emotion})
    statistics = Standardizer.fit(examples.frames)
    known = examples.select(np.arange(8))
    one, other = (evaluate(net, [Parts(own, statistics)])[0] for own in (partly, known))
    assert one == pytest.approx(other, rel=1e-5)


@each_trunk
def test_each_net_of_a_stack_is_scored_on_its_own_utterances(trunk: TrunkSettings) -> None:
    every = make_examples(30)
    several = [every.select(rows) for rows in (np.arange(8), np.arange(4, 30), np.arange(1))]
    statistics = [Standardizer.fit(examples.frames) for examples in several]
    nets = [make_net(trunk, seed) for seed in range(3)]
    stack = MultiTaskNet.stacked(nets, nets[0].shape)
    shared = [
        Parts.of_bank(bank, own)
        for bank, own in zip(banks(several, statistics), several, strict=True)
    ]
    together = evaluate(stack, shared)
    for net, own, stats, found in zip(nets, several, statistics, together, strict=True):
        ((loss, ua),) = evaluate(net, [Parts(own, stats)])
        assert found == pytest.approx((loss, ua), rel=1e-5)


def test_nothing_is_kept_for_a_gradient() -> None:
    net = make_net(TRUNKS[0])
    bank = make_bank(make_examples(4))
    posteriors(net, Parts.of_bank(bank, make_examples(4)))
    assert all(parameter.grad is None for parameter in net.parameters())
