from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.model.examples import N_FEATURES, make_bank, make_examples, make_parts, make_shape
from voxaffect.features.standardize import Standardizer
from voxaffect.model.data import Examples, Parts, banks
from voxaffect.model.multitask import MultiTaskNet, each_utterance, evaluate, posteriors
from voxaffect.model.optim import Dropout
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings
from voxaffect.taxonomy import MISSING

TASKS_INFERENCE = ("emotion", "gender")
TRUNKS_INFERENCE: list[TrunkSettings] = [
    DnnSettings(hidden=8, context=3),
    LstmSettings(hidden=8),
    LstmSettings(hidden=8, bidirectional=True),
]
each_trunk = pytest.mark.parametrize("trunk", TRUNKS_INFERENCE, ids=str)


def make_net(trunk: TrunkSettings, seed: int = 0) -> MultiTaskNet:
    return MultiTaskNet.drawn(make_shape(trunk, *TASKS_INFERENCE), seed)


def scored(means: NDArray[np.float64], target: NDArray[np.int64]) -> tuple[float, float]:
    """Loss and unweighted accuracy of mean posteriors, by hand."""
    loss = -np.log(means[np.arange(len(target)), target]).mean()
    hits = means.argmax(axis=1) == target
    return float(loss), float(np.mean([hits[target == c].mean() for c in np.unique(target)]))


@each_trunk
def test_posteriors_are_those_of_each_utterance_alone(trunk: TrunkSettings) -> None:
    net, examples = make_net(trunk), make_examples(12)
    together = posteriors(net, make_parts(examples))
    assert set(together.by_task) == set(TASKS_INFERENCE)
    statistics, margin = Standardizer.fit(examples.frames), net.trunk.context
    for i, frames in enumerate(examples.frames):
        index = np.arange(-margin, len(frames) + margin).clip(0, len(frames) - 1)
        x = torch.from_numpy(statistics.transform(frames[index]))
        logits = net(x[:, None, None], torch.tensor([[len(frames)]]))
        for task in TASKS_INFERENCE:
            assert together[task][i].shape == (len(frames), 4)
            expected = logits[task][0, :, 0].softmax(dim=1).detach().numpy()
            np.testing.assert_allclose(together[task][i], expected, rtol=1e-5, atol=1e-6)


@each_trunk
def test_parts_say_what_all_at_once_do(trunk: TrunkSettings) -> None:
    net, examples = make_net(trunk), make_examples(20)
    parts = make_parts(examples, n_bytes=3 * 40 * N_FEATURES * 4)
    assert parts.whole is None
    at_once, by_part = (posteriors(net, own) for own in (make_parts(examples), parts))
    for task in TASKS_INFERENCE:
        for one, other in zip(at_once[task], by_part[task], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    (scores,) = evaluate(net, [make_parts(examples)])
    assert evaluate(net, [parts])[0] == pytest.approx(scores, rel=1e-5)


def test_each_utterance_is_named_by_its_row() -> None:
    net, examples = make_net(TRUNKS_INFERENCE[1]), make_examples(20)
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
    net = MultiTaskNet(make_shape(TRUNKS_INFERENCE[1], *TASKS_INFERENCE))  # all weights zero
    ((loss, ua),) = evaluate(net, [make_parts(make_examples(8))])
    assert loss == pytest.approx(np.log(4), rel=1e-5)
    assert ua == 0.25


def test_utterances_without_emotion_do_not_count() -> None:
    net, examples = make_net(TRUNKS_INFERENCE[1]), make_examples(12)
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
    net = make_net(TRUNKS_INFERENCE[0])
    bank = make_bank(make_examples(4))
    posteriors(net, Parts.of_bank(bank, make_examples(4)))
    assert all(parameter.grad is None for parameter in net.parameters())


DNN = DnnSettings(hidden=8, context=2)
LSTM = LstmSettings(hidden=8)
TRUNKS: list[TrunkSettings] = [DNN, LSTM, LstmSettings(hidden=8, bidirectional=True)]
TASKS = ("emotion", "gender", "naturalness")


def frames(net: MultiTaskNet, n_frames: int = 5, n_rows: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    shape = (n_frames + 2 * net.trunk.context, net.n_nets, n_rows, N_FEATURES)
    lengths = torch.full((net.n_nets, n_rows), n_frames)
    return torch.randn(*shape, generator=generator), lengths


def parameters(net: torch.nn.Module) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in net.named_parameters()}


@pytest.mark.parametrize("private_layers", [0, 1, 2])
@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_subtasks_share_the_trunk_and_nothing_else(
    trunk: TrunkSettings, private_layers: int
) -> None:
    net = MultiTaskNet.drawn(make_shape(trunk, *TASKS, private_layers=private_layers), 0)
    net(*frames(net))["gender"].square().sum().backward()
    assert all(p.grad is not None for p in net.trunk.parameters())
    assert all(p.grad is not None for p in net.heads["gender"].parameters())
    for task in ("emotion", "naturalness"):
        assert all(p.grad is None for p in net.heads[task].parameters())


@pytest.mark.parametrize("private_layers", [0, 1, 2])
def test_private_layers_are_as_many_and_as_wide_as_asked_for(private_layers: int) -> None:
    net = MultiTaskNet.drawn(make_shape(LSTM, *TASKS, private_layers=private_layers), 0)
    for task, n_classes in zip(TASKS, (4, 4, 2), strict=True):
        own = [tuple(p.shape[1:]) for p in net.heads[task].parameters() if p.dim() == 3]
        widths = [8, *[12] * private_layers, n_classes]
        assert own == list(pairwise(widths))
        assert net(*frames(net))[task].shape == (1, 5, 2, n_classes)


def test_private_layers_are_rectified_layers_before_the_scores() -> None:
    net = MultiTaskNet.drawn(make_shape(LSTM, "emotion", private_layers=1), 0)
    x, lengths = frames(net)
    hidden = net.trunk(x, lengths)[:, 0].detach()
    head = parameters(net.heads["emotion"])
    inner = (hidden @ head["private.0.weight"][0] + head["private.0.bias"][0]).relu()
    expected = inner @ head["scores.weight"][0] + head["scores.bias"][0]
    torch.testing.assert_close(net(x, lengths)["emotion"][0], expected)


def test_private_layers_drop_units_as_the_trunk_does() -> None:
    trunk = replace(LSTM, dropout=0.5)
    net = MultiTaskNet.drawn(make_shape(trunk, "emotion", private_layers=1), 0)
    hidden = 1 + torch.rand(3, 1, 2, 8)
    seen: list[tuple[Tensor, float]] = []

    class Watched(Dropout):
        def __call__(self, hidden: Tensor, probability: float) -> Tensor:
            seen.append((hidden, probability))
            return torch.zeros_like(hidden)

    head = net.heads["emotion"]
    scores = head(hidden, Watched([torch.Generator()], [(3, 2)]))
    ((dropped, probability),) = seen
    assert (dropped.shape, probability) == ((3, 1, 2, 12), 0.5)
    assert torch.equal(scores, head.scores.bias.expand_as(scores))  # type: ignore[union-attr,operator]


@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_heads_that_follow_change_nothing_of_those_before(trunk: TrunkSettings) -> None:
    alone = parameters(MultiTaskNet.drawn(make_shape(trunk, "emotion"), 4))
    with_others = parameters(MultiTaskNet.drawn(make_shape(trunk, *TASKS), 4))
    assert all(torch.equal(value, with_others[name]) for name, value in alone.items())


def test_the_seed_decides_the_weights_and_the_global_stream_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    first, second, other = (
        parameters(MultiTaskNet.drawn(make_shape(LSTM, *TASKS), seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


CHOICES = (("emotion",), ("emotion", "gender"), TASKS, ("emotion", "naturalness"))


def nets_and_stack(
    trunk: TrunkSettings, private_layers: int = 0
) -> tuple[list[MultiTaskNet], MultiTaskNet]:
    shapes = [make_shape(trunk, *tasks, private_layers=private_layers) for tasks in CHOICES]
    nets = [MultiTaskNet.drawn(shape, seed) for seed, shape in enumerate(shapes)]
    return nets, MultiTaskNet.stacked(nets, shapes[2])


@pytest.mark.parametrize("private_layers", [0, 1])
@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_a_net_goes_into_a_stack_and_comes_out_the_same(
    trunk: TrunkSettings, private_layers: int
) -> None:
    nets, stack = nets_and_stack(trunk, private_layers)
    for s, net in enumerate(nets):
        back = stack.single(s, net.heads)
        assert back.shape == net.shape
        found, expected = parameters(back), parameters(net)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_heads_that_a_net_does_not_have_lie_idle() -> None:
    _, stack = nets_and_stack(LSTM, private_layers=1)
    for parameter in stack.heads["gender"].parameters():
        assert [bool(parameter[s].any()) for s in (0, 3)] == [False, False]


def test_a_net_that_is_taken_out_is_a_copy() -> None:
    nets, stack = nets_and_stack(LSTM)
    single = stack.single(1, nets[1].heads)
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.zero_()
    expected = parameters(nets[1])
    assert all(torch.equal(value, expected[name]) for name, value in parameters(single).items())


@pytest.mark.parametrize("private_layers", [0, 1])
@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_a_stack_scores_as_its_nets_do_with_dropout_too(
    trunk: TrunkSettings, private_layers: int
) -> None:
    nets, stack = nets_and_stack(trunk, private_layers)
    x, lengths = frames(stack)

    def noise(*seeds: int) -> Dropout:
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        tasks = [CHOICES[seed] for seed in seeds]
        return Dropout(generators, [(5, 2)] * len(seeds), tasks=tasks)

    for dropout in (None, noise(0, 1, 2, 3)):
        together = stack(x, lengths, dropout)
        for s, net in enumerate(nets):
            alone = net(x[:, s : s + 1], lengths[s : s + 1], noise(s) if dropout else None)
            for task, scores in alone.items():
                torch.testing.assert_close(together[task][s], scores[0], rtol=1e-5, atol=1e-6)
