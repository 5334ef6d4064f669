from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.model.examples import N_FEATURES, make_dataset, make_examples, make_shape
from voxaffect.features.standardize import Standardizer
from voxaffect.model.data import Examples, FrameDataset
from voxaffect.model.multitask import MultiTaskNet, NetShape, each_utterance, evaluate, posteriors
from voxaffect.model.random import Dropout
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
    return MultiTaskNet.initialized(make_shape(trunk, *TASKS_INFERENCE), seed)


def scored(means: NDArray[np.float64], target: NDArray[np.int64]) -> tuple[float, float]:
    """Loss and unweighted accuracy of mean posteriors, by hand."""
    loss = -np.log(means[np.arange(len(target)), target]).mean()
    hits = means.argmax(axis=1) == target
    return float(loss), float(np.mean([hits[target == c].mean() for c in np.unique(target)]))


@each_trunk
def test_posteriors_are_those_of_each_utterance_alone(trunk: TrunkSettings) -> None:
    net, examples = make_net(trunk), make_examples(12)
    together = posteriors(net, make_dataset(examples))
    assert set(together) == set(TASKS_INFERENCE)
    statistics, margin = Standardizer.fit(examples.frames), net.trunk.context
    for i, frames in enumerate(examples.frames):
        index = np.arange(-margin, len(frames) + margin).clip(0, len(frames) - 1)
        x = torch.from_numpy(statistics.transform(frames[index]))
        logits = net(x[:, None], torch.tensor([len(frames)]))
        for task in TASKS_INFERENCE:
            assert together[task][i].shape == (len(frames), 4)
            expected = logits[task][:, 0].softmax(dim=1).detach().numpy()
            np.testing.assert_allclose(together[task][i], expected, rtol=1e-5, atol=1e-6)


@each_trunk
def test_parts_give_what_all_at_once_give(trunk: TrunkSettings) -> None:
    net, examples = make_net(trunk), make_examples(20)
    parts = make_dataset(examples, max_bytes=3 * 40 * N_FEATURES * 4)
    assert not parts.in_memory
    at_once, by_part = (posteriors(net, own) for own in (make_dataset(examples), parts))
    for task in TASKS_INFERENCE:
        for one, other in zip(at_once[task], by_part[task], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    scores = evaluate(net, make_dataset(examples))
    assert evaluate(net, parts) == pytest.approx(scores, rel=1e-5)


def test_each_utterance_is_named_by_its_row() -> None:
    net, examples = make_net(TRUNKS_INFERENCE[1]), make_examples(20)
    expected = posteriors(net, make_dataset(examples))
    seen = []
    for row, by_task in each_utterance(net, make_dataset(examples, max_bytes=4_000)):
        seen.append(row)
        np.testing.assert_allclose(by_task["emotion"], expected["emotion"][row], 1e-5, 1e-6)
    assert sorted(seen) == list(range(20))


@each_trunk
def test_dev_scores_are_those_of_mean_posteriors(trunk: TrunkSettings) -> None:
    net, examples = make_net(trunk), make_examples(23)
    parts = make_dataset(examples)
    means = np.stack([p.mean(axis=0) for p in posteriors(net, parts)["emotion"]])
    loss, ua = evaluate(net, parts)
    assert (loss, ua) == pytest.approx(
        scored(means.astype(np.float64), examples.targets["emotion"]), rel=1e-5
    )


def test_dev_scores_are_those_of_utterances() -> None:
    net = make_net(TRUNKS_INFERENCE[1])
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    loss, ua = evaluate(net, make_dataset(make_examples(8)))
    assert loss == pytest.approx(np.log(4), rel=1e-5)
    assert ua == 0.25


def test_utterances_without_emotion_do_not_count() -> None:
    net, examples = make_net(TRUNKS_INFERENCE[1]), make_examples(12)
    emotion = np.where(np.arange(12) < 8, examples.targets["emotion"], MISSING)
    partly = Examples(examples.frames, {"emotion": emotion})
    statistics = Standardizer.fit(examples.frames)
    known = examples.select(np.arange(8))
    one, other = (evaluate(net, FrameDataset(own, statistics)) for own in (partly, known))
    assert one == pytest.approx(other, rel=1e-5)


def test_nothing_is_kept_for_a_gradient() -> None:
    net = make_net(TRUNKS_INFERENCE[0])
    posteriors(net, make_dataset(make_examples(4)))
    assert all(parameter.grad is None for parameter in net.parameters())


DNN = DnnSettings(hidden=8, context=2)
LSTM = LstmSettings(hidden=8)
TRUNKS: list[TrunkSettings] = [DNN, LSTM, LstmSettings(hidden=8, bidirectional=True)]
TASKS = ("emotion", "gender", "naturalness")


def frames(net: MultiTaskNet, n_frames: int = 5, n_rows: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    shape = (n_frames + 2 * net.trunk.context, n_rows, N_FEATURES)
    lengths = torch.full((n_rows,), n_frames)
    return torch.randn(*shape, generator=generator), lengths


def parameters(net: torch.nn.Module) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in net.named_parameters()}


@pytest.mark.parametrize("private_layers", [0, 1, 2])
@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_subtasks_share_the_trunk_and_nothing_else(
    trunk: TrunkSettings, private_layers: int
) -> None:
    net = MultiTaskNet.initialized(make_shape(trunk, *TASKS, private_layers=private_layers), 0)
    net(*frames(net))["gender"].square().sum().backward()
    assert all(p.grad is not None for p in net.trunk.parameters())
    assert all(p.grad is not None for p in net.heads["gender"].parameters())
    for task in ("emotion", "naturalness"):
        assert all(p.grad is None for p in net.heads[task].parameters())


@pytest.mark.parametrize("private_layers", [0, 1, 2])
def test_private_layers_are_as_many_and_as_wide_as_asked_for(private_layers: int) -> None:
    net = MultiTaskNet.initialized(make_shape(LSTM, *TASKS, private_layers=private_layers), 0)
    for task, n_classes in zip(TASKS, (4, 4, 2), strict=True):
        own = [tuple(p.shape) for p in net.heads[task].parameters() if p.dim() == 2]
        widths = [8, *[12] * private_layers, n_classes]
        assert own == [(after, before) for before, after in pairwise(widths)]
        assert net(*frames(net))[task].shape == (5, 2, n_classes)


def test_private_layers_are_rectified_layers_before_the_scores() -> None:
    net = MultiTaskNet.initialized(make_shape(LSTM, "emotion", private_layers=1), 0)
    x, lengths = frames(net)
    hidden = net.trunk(x, lengths).detach()
    head = parameters(net.heads["emotion"])
    inner = (hidden @ head["private.0.weight"].T + head["private.0.bias"]).relu()
    expected = inner @ head["scores.weight"].T + head["scores.bias"]
    torch.testing.assert_close(net(x, lengths)["emotion"], expected)


def test_private_layers_drop_units_as_the_trunk_does() -> None:
    trunk = replace(LSTM, dropout=0.5)
    net = MultiTaskNet.initialized(make_shape(trunk, "emotion", private_layers=1), 0)
    hidden = 1 + torch.rand(3, 2, 8, generator=torch.Generator().manual_seed(0))
    seen: list[tuple[Tensor, float]] = []

    class Watched(Dropout):
        def __call__(self, hidden: Tensor, probability: float) -> Tensor:
            seen.append((hidden, probability))
            return torch.zeros_like(hidden)

    head = net.heads["emotion"]
    scores = head(hidden, Watched(torch.Generator(), (3, 2)))
    ((dropped, probability),) = seen
    assert (dropped.shape, probability) == ((3, 2, 12), 0.5)
    assert torch.equal(scores, head.scores.bias.expand_as(scores))  # type: ignore[union-attr,operator]


@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_heads_that_follow_change_nothing_of_those_before(trunk: TrunkSettings) -> None:
    alone = parameters(MultiTaskNet.initialized(make_shape(trunk, "emotion"), 4))
    with_others = parameters(MultiTaskNet.initialized(make_shape(trunk, *TASKS), 4))
    assert all(torch.equal(value, with_others[name]) for name, value in alone.items())


def test_class_scores_begin_as_glorot_and_bengio_draw_them() -> None:
    shape = NetShape(LstmSettings(hidden=300), N_FEATURES, {"emotion": 200})
    scores = MultiTaskNet.initialized(shape, 0).heads["emotion"].scores
    assert scores.weight.var().item() == pytest.approx(2 / 500, rel=0.05)  # type: ignore[union-attr,operator]
    assert not scores.bias.any()  # type: ignore[union-attr,operator]


def test_the_seed_decides_the_weights_and_the_global_stream_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    first, second, other = (
        parameters(MultiTaskNet.initialized(make_shape(LSTM, *TASKS), seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)
