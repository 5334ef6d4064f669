from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tests.model.examples import (
    N_FEATURES,
    make_examples,
    make_lesson,
    make_shape,
    without_dropout,
)
from voxaffect.errors import TrainingError
from voxaffect.features.standardize import Standardizer
from voxaffect.model.bank import Parts
from voxaffect.model.examples import Examples
from voxaffect.model.inference import evaluate
from voxaffect.model.learner import Lesson, Trained
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.settings import Epoch, History, TrainingSettings
from voxaffect.model.training import fit
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings
from voxaffect.model.weighting import Kind

DNN, LSTM = DnnSettings(hidden=16, context=2), LstmSettings(hidden=16)
QUICK = TrainingSettings(batch_size=16, max_epochs=5, patience=5)
LONGER = replace(QUICK, learning_rate=1e-2, max_epochs=10, patience=10)
WEIGHTS = {"emotion": 1.0, "gender": 0.1}
LEARNED: list[Kind] = ["uncertainty", "gradnorm"]
both_trunks = pytest.mark.parametrize("trunk", [DNN, LSTM], ids=["dnn", "lstm"])


def lesson(
    trunk: TrunkSettings = LSTM,
    weights: dict[str, float] = WEIGHTS,
    seed: int = 0,
    private_layers: int = 0,
) -> Lesson:
    shape = make_shape(trunk, *weights, private_layers=private_layers)
    return make_lesson(shape, make_examples(40), make_examples(16, seed=1), weights, seed)


def train(lesson: Lesson, settings: TrainingSettings = QUICK) -> tuple[MultiTaskNet, History]:
    """The net after its lesson; a DNN sees four times as many frames as an LSTM utterances."""
    if isinstance(lesson.net.shape.trunk, DnnSettings):
        settings = replace(settings, batch_size=4 * settings.batch_size)
    (trained,) = fit([lesson], settings)
    assert isinstance(trained, Trained), trained
    return trained.net, trained.history


def weights_of(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in net.named_parameters()}


@both_trunks
def test_a_net_learns_what_can_be_learned(trunk: TrunkSettings) -> None:
    _, history = train(lesson(trunk), LONGER)
    assert history.epochs[history.best - 1].dev_ua == 1.0
    assert history.epochs[-1].train_loss < 0.5 * history.epochs[0].train_loss


@both_trunks
def test_the_same_seed_gives_the_same_net_and_another_another(trunk: TrunkSettings) -> None:
    quick = replace(QUICK, max_epochs=2)
    first, second, other = (weights_of(train(lesson(trunk, seed=s), quick)[0]) for s in (3, 3, 4))
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert not all(torch.equal(first[k], other[k]) for k in first)


def test_the_callers_random_state_is_left_alone() -> None:
    torch.manual_seed(5)
    own = lesson()
    before = torch.random.get_rng_state()
    train(own, replace(QUICK, max_epochs=1))
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_lessons_net_stays_as_it_is() -> None:
    own = lesson()
    before = {name: value.clone() for name, value in weights_of(own.net).items()}
    train(own, replace(QUICK, max_epochs=1))
    assert all(torch.equal(value, before[name]) for name, value in weights_of(own.net).items())


class Newcomers(nn.Module):
    """The single-task LSTM as PyTorch's own modules."""

    def __init__(self, net: MultiTaskNet) -> None:
        super().__init__()
        self.lstm = nn.LSTM(N_FEATURES, 16, 2)
        self.head = nn.Linear(16, 4)
        with torch.no_grad():
            for parameter, values in zip(self.in_our_order(), net.parameters(), strict=True):
                parameter.copy_(values[0])

    def in_our_order(self) -> list[Tensor]:
        """Views of the parameters with the axes of ours: of the head, inputs first."""
        return [*self.lstm.parameters(), self.head.weight.T, self.head.bias]

    def forward(self, x: Tensor) -> Tensor:
        """Logits (T, 4) of frames (T, F)."""
        scores: Tensor = self.head(self.lstm(x)[0])
        return scores


def test_an_epoch_of_one_batch_is_one_step_as_pytorch_alone_would_take_it() -> None:
    own = lesson(without_dropout(LSTM), {"emotion": 1.0})
    n_epochs = 3
    net, _ = train(own, replace(QUICK, batch_size=64, max_epochs=n_epochs, class_weight=None))
    plain, examples = Newcomers(own.net), own.train.examples
    statistics = Standardizer.fit(examples.frames)
    frames = [torch.from_numpy(statistics.transform(values)) for values in examples.frames]
    labels = torch.from_numpy(examples.targets["emotion"])
    lengths = torch.tensor([len(values) for values in frames])
    adam = torch.optim.Adam(plain.parameters(), lr=QUICK.learning_rate)
    for _ in range(n_epochs):
        adam.zero_grad()
        logits = torch.cat([plain(values) for values in frames])
        nn.functional.cross_entropy(logits, labels.repeat_interleave(lengths)).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        adam.step()
    for found, expected in zip(net.parameters(), plain.in_our_order(), strict=True):
        torch.testing.assert_close(found[0], expected, rtol=1e-4, atol=1e-5)


def test_the_kept_weights_are_those_of_the_best_epoch() -> None:
    own = lesson()
    net, history = train(own, replace(QUICK, learning_rate=0.05, max_epochs=8, patience=8))
    best = max(history.epochs, key=lambda e: (e.dev_ua, -e.dev_loss))
    assert history.best == best.number
    ((loss, ua),) = evaluate(net, [own.dev])
    assert loss == pytest.approx(best.dev_loss, rel=1e-5)
    assert ua == best.dev_ua


def test_training_stops_when_patience_ends() -> None:
    _, history = train(lesson(), replace(LONGER, max_epochs=200, patience=3))
    assert len(history.epochs) == history.best + 3


def test_every_epoch_is_told_as_it_ends() -> None:
    told: list[tuple[int, Epoch]] = []
    both = [lesson(seed=0), lesson(seed=1)]
    first = both[0]
    shared = replace(both[1], train=first.train, dev=first.dev)
    outcomes = fit(
        [first, shared],
        replace(QUICK, max_epochs=3),
        on_epoch=lambda number, epoch: told.append((number, epoch)),
    )
    for number, trained in enumerate(outcomes):
        assert isinstance(trained, Trained)
        assert tuple(epoch for n, epoch in told if n == number) == trained.history.epochs
    assert [epoch.number for _, epoch in told] == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("kind", ["fixed", "uncertainty", "gradnorm"])
def test_missing_labels_of_a_subtask_change_nothing_of_the_trunk(kind: Kind) -> None:
    """Naturalness is missing everywhere, so its head must not move the other weights."""
    settings = replace(QUICK, max_epochs=2, task_weighting=kind)
    alone, _ = train(lesson(weights={"emotion": 1.0}), settings)
    other, _ = train(lesson(weights={"emotion": 1.0, "naturalness": 0.1}), settings)
    found = weights_of(other)
    for name, value in weights_of(alone).items():
        torch.testing.assert_close(value, found[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["fixed", "uncertainty", "gradnorm"])
def test_a_weight_of_zero_is_single_task_learning(kind: Kind) -> None:
    settings = replace(QUICK, max_epochs=2, task_weighting=kind)
    alone, _ = train(lesson(weights={"emotion": 1.0}), settings)
    silent, _ = train(lesson(weights={"emotion": 1.0, "gender": 0.0}), settings)
    for name, value in weights_of(alone).items():
        torch.testing.assert_close(value, weights_of(silent)[name])


@pytest.mark.parametrize("kind", LEARNED)
@both_trunks
def test_learned_task_weights_learn_emotion_too(trunk: TrunkSettings, kind: Kind) -> None:
    _, history = train(lesson(trunk), replace(LONGER, task_weighting=kind))
    assert history.epochs[history.best - 1].dev_ua > 0.9


@pytest.mark.parametrize("kind", LEARNED)
def test_learned_task_weights_change_what_is_learned(kind: Kind) -> None:
    quick = replace(QUICK, max_epochs=2)
    fixed, _ = train(lesson(), quick)
    learned, _ = train(lesson(), replace(quick, task_weighting=kind))
    head = "heads.gender.scores.weight"
    assert not torch.equal(weights_of(fixed)[head], weights_of(learned)[head])


def test_a_weight_learned_is_no_part_of_the_net() -> None:
    own = lesson()
    net, _ = train(own, replace(QUICK, max_epochs=1, task_weighting="uncertainty"))
    assert weights_of(net).keys() == weights_of(own.net).keys()


@pytest.mark.parametrize("private_layers", [0, 1])
@both_trunks
def test_a_task_learns_at_its_own_rate(trunk: TrunkSettings, private_layers: int) -> None:
    own = lesson(trunk, private_layers=private_layers)
    rates = {"gender": 1e-12}
    net, _ = train(own, replace(QUICK, max_epochs=2, task_learning_rates=rates))
    drawn = weights_of(own.net)
    for name, value in weights_of(net).items():
        moved = (value - drawn[name]).abs().max().item()
        assert (moved < 1e-9) if "gender" in name else (moved > 1e-3), name


def test_the_usual_rate_for_a_task_is_no_change() -> None:
    quick = replace(QUICK, max_epochs=2)
    usual, _ = train(lesson(), quick)
    stated, _ = train(lesson(), replace(quick, task_learning_rates={"gender": 3e-3}))
    for name, value in weights_of(usual).items():
        torch.testing.assert_close(value, weights_of(stated)[name], rtol=1e-5, atol=1e-6)


def test_private_layers_learn() -> None:
    own = lesson(private_layers=1)
    net, history = train(own, LONGER)
    assert history.epochs[history.best - 1].dev_ua > 0.9
    drawn = weights_of(own.net)
    moved = {name for name, value in weights_of(net).items() if not torch.equal(value, drawn[name])}
    assert moved == drawn.keys()


@both_trunks
def test_a_set_too_large_for_memory_is_learned_part_by_part(trunk: TrunkSettings) -> None:
    own = lesson(trunk)
    examples = own.train.examples
    by_part = Parts(examples, Standardizer.fit(examples.frames), n_bytes=examples.n_bytes / 5)
    assert by_part.whole is None
    _, history = train(replace(own, train=by_part), LONGER)
    assert history.epochs[history.best - 1].dev_ua > 0.9


def test_an_epoch_is_limited_to_the_batches_asked_for() -> None:
    settings = replace(QUICK, batches_per_epoch=2, batch_size=1, max_epochs=1)
    seen: list[int] = []
    handle = nn.modules.module.register_module_forward_hook(
        lambda module, inputs, output: (
            seen.append(output.shape[1] * output.shape[2])
            if type(module).__name__ == "DnnTrunk" and output.requires_grad
            else None
        )
    )
    train(lesson(DNN), settings)
    handle.remove()
    assert seen == [4, 4]


def test_bfloat16_learns_about_the_same_or_says_that_it_cannot() -> None:
    quick = replace(QUICK, max_epochs=3, patience=3)
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        with pytest.raises(TrainingError, match="bfloat16"):
            train(lesson(), replace(quick, autocast=True))
        return
    _, exact = train(lesson(), quick)
    _, rounded = train(lesson(), replace(quick, autocast=True))
    assert rounded.epochs[0].train_loss == pytest.approx(exact.epochs[0].train_loss, rel=0.05)


def spoilt(examples: Examples, row: int) -> Examples:
    """The examples with one frame that is no number, in memory of its own."""
    frames = list(examples.frames)
    frames[row] = frames[row].copy()
    frames[row][0] = math.nan
    return Examples(frames, examples.targets)


@pytest.mark.parametrize("kind", ["fixed", "uncertainty", "gradnorm"])
def test_a_loss_that_is_no_number_is_the_outcome(kind: Kind) -> None:
    own, examples = lesson(), make_examples(16)
    ill = Parts(spoilt(examples, 3), Standardizer.fit(examples.frames))
    settings = replace(QUICK, max_epochs=1, task_weighting=kind)
    for taught in (replace(own, train=ill), replace(own, dev=ill)):
        (failure,) = fit([taught], settings)
        assert isinstance(failure, TrainingError)
        assert "learning_rate" in str(failure)
