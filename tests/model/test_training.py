from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.model.examples import N_FEATURES, make_bank, make_examples
from voxaffect.errors import TrainingError
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.training import Epoch, History, TrainingSettings, evaluate, fit
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings

DNN, LSTM = DnnSettings(hidden=16, context=2), LstmSettings(hidden=16)
QUICK = TrainingSettings(batch_size=16, max_epochs=6, patience=6)
WEIGHTS = {"emotion": 1.0, "gender": 0.1}


def train(
    trunk: TrunkSettings = LSTM,
    settings: TrainingSettings = QUICK,
    weights: dict[str, float] = WEIGHTS,
    seed: int = 0,
    dev_seed: int = 1,
) -> tuple[MultiTaskNet, History]:
    torch.manual_seed(seed)
    net = MultiTaskNet(trunk, N_FEATURES, dict.fromkeys(weights, 4))
    bank = make_bank(make_examples(40, seed=0))
    dev = make_bank(make_examples(16, seed=dev_seed))
    return net, fit(net, bank, dev, weights, settings, seed=seed)


@pytest.mark.parametrize("trunk", [DNN, LSTM], ids=["dnn", "lstm"])
def test_a_net_learns_what_can_be_learned(trunk: TrunkSettings) -> None:
    _, history = train(trunk, replace(QUICK, max_epochs=25, patience=25))
    assert history.epochs[history.best - 1].dev_ua == 1.0
    assert history.epochs[-1].train_loss < 0.5 * history.epochs[0].train_loss


@pytest.mark.parametrize("trunk", [DNN, LSTM], ids=["dnn", "lstm"])
def test_the_same_seed_gives_the_same_net_and_another_another(trunk: TrunkSettings) -> None:
    first, second, other = (train(trunk, seed=seed)[0].state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert not all(torch.equal(first[k], other[k]) for k in first)


def test_the_callers_random_state_is_left_alone() -> None:
    torch.manual_seed(5)
    net = MultiTaskNet(LSTM, N_FEATURES, {"emotion": 4})
    bank = make_bank(make_examples(8))
    before = torch.random.get_rng_state()
    fit(net, bank, bank, {"emotion": 1.0}, replace(QUICK, max_epochs=1), seed=1)
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_kept_weights_are_those_of_the_best_epoch() -> None:
    net, history = train(settings=replace(QUICK, learning_rate=0.05, max_epochs=12, patience=12))
    best = max(history.epochs, key=lambda e: (e.dev_ua, -e.dev_loss))
    assert history.best == best.number
    loss, ua = evaluate(net, make_bank(make_examples(16, seed=1)))
    assert loss == pytest.approx(best.dev_loss, rel=1e-5)
    assert ua == best.dev_ua


def test_training_stops_when_patience_ends() -> None:
    _, history = train(settings=replace(QUICK, max_epochs=200, patience=3))
    assert len(history.epochs) == history.best + 3


def test_every_epoch_is_told_as_it_ends() -> None:
    told: list[Epoch] = []
    net = MultiTaskNet(LSTM, N_FEATURES, {"emotion": 4})
    bank = make_bank(make_examples(8))
    history = fit(net, bank, bank, {"emotion": 1.0}, QUICK, seed=0, on_epoch=told.append)
    assert tuple(told) == history.epochs


def test_missing_labels_of_a_subtask_change_nothing_of_the_trunk() -> None:
    """Naturalness is missing everywhere, so its head must not move the other weights."""
    alone, _ = train(weights={"emotion": 1.0})
    with_empty_task, _ = train(weights={"emotion": 1.0, "naturalness": 0.1})
    other = with_empty_task.state_dict()
    for name, value in alone.state_dict().items():
        assert torch.equal(value, other[name]), name


def test_a_weight_of_zero_is_single_task_learning() -> None:
    alone, _ = train(weights={"emotion": 1.0})
    silent, _ = train(weights={"emotion": 1.0, "gender": 0.0})
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(value, silent.state_dict()[name])


def test_an_epoch_is_limited_to_the_batches_asked_for() -> None:
    settings = replace(QUICK, batches_per_epoch=2, batch_size=4)
    bank = make_bank(make_examples(40))
    seen = []
    net = MultiTaskNet(DNN, N_FEATURES, {"emotion": 4})
    net.trunk.register_forward_hook(
        lambda module, inputs, output: seen.append(len(output)) if module.training else None
    )
    fit(net, bank, bank, {"emotion": 1.0}, replace(settings, max_epochs=1), seed=0)
    assert seen == [4, 4]


def test_bfloat16_learns_about_the_same_or_says_that_it_cannot() -> None:
    quick = replace(QUICK, max_epochs=3, patience=3)
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        with pytest.raises(TrainingError, match="bfloat16"):
            train(LSTM, replace(quick, autocast=True))
        return
    _, exact = train(LSTM, quick)
    _, rounded = train(LSTM, replace(quick, autocast=True))
    assert rounded.epochs[0].train_loss == pytest.approx(exact.epochs[0].train_loss, rel=0.05)


def test_a_loss_that_is_no_number_is_an_error() -> None:
    examples = make_examples(8)
    bank = make_bank(examples)
    bank.values[3] = math.nan
    net = MultiTaskNet(LSTM, N_FEATURES, {"emotion": 4})
    with pytest.raises(TrainingError, match="learning_rate"):
        fit(net, bank, make_bank(examples), {"emotion": 1.0}, QUICK, seed=0)


def test_dev_scores_are_those_of_utterances() -> None:
    net = MultiTaskNet(LSTM, N_FEATURES, {"emotion": 4})
    for head in net.heads.values():
        torch.nn.init.zeros_(head.weight)  # type: ignore[arg-type]
    loss, ua = evaluate(net, make_bank(make_examples(8)))
    assert loss == pytest.approx(np.log(4), rel=1e-5)
    assert ua == 0.25
