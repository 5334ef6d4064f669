from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.model.examples import (
    N_FEATURES,
    Task,
    make_examples,
    make_shape,
    make_task,
    without_dropout,
)
from tests.model.fit_on_processes import plain, train_in_processes
from voxaffect.errors import TrainingError
from voxaffect.features.standardize import Standardizer
from voxaffect.model import training
from voxaffect.model.data import BatchIndices, Examples, FrameDataset
from voxaffect.model.losses import Kind
from voxaffect.model.multitask import MultiTaskNet, evaluate
from voxaffect.model.settings import Epoch, TrainingHistory, TrainingSettings
from voxaffect.model.training import _batches
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("kind", ["dnn", "lstm"])
def test_two_processes_reach_the_net_that_one_does(kind: str, tmp_path: Path) -> None:
    out = tmp_path / "net.json"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    apart = ["--standalone", "-m", "tests.model.fit_on_processes", kind, str(out)]
    ended = subprocess.run(
        [*launcher, *apart], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    shared = json.loads(out.read_text())
    assert shared["world"] == 2
    alone = json.loads(json.dumps(plain(*train_in_processes(kind))))
    for name, value in alone["weights"].items():
        np.testing.assert_allclose(shared["weights"][name], value, rtol=1e-3, atol=2e-5)
    for mine, theirs in zip(alone["history"]["epochs"], shared["history"]["epochs"], strict=True):
        assert theirs["train_loss"] == pytest.approx(mine["train_loss"], rel=1e-5)
        assert theirs["dev_loss"] == pytest.approx(mine["dev_loss"], rel=1e-4)
        assert theirs["dev_ua"] == mine["dev_ua"]


def test_without_torchrun_there_is_one_process() -> None:
    with training.process_group("cpu"):
        assert training.rank_and_world() == (0, 1)
        with training.first_process_first():
            pass


DNN, LSTM = DnnSettings(hidden=16, context=2), LstmSettings(hidden=16)
QUICK = TrainingSettings(batch_size=16, max_epochs=5, patience=5)
LONGER = replace(QUICK, learning_rate=1e-2, max_epochs=10, patience=10)
WEIGHTS = {"emotion": 1.0, "gender": 0.1}
LEARNED: list[Kind] = ["uncertainty", "gradnorm"]
both_trunks = pytest.mark.parametrize("trunk", [DNN, LSTM], ids=["dnn", "lstm"])


def make_training(
    trunk: TrunkSettings = LSTM,
    weights: dict[str, float] = WEIGHTS,
    seed: int = 0,
    private_layers: int = 0,
) -> Task:
    shape = make_shape(trunk, *weights, private_layers=private_layers)
    return make_task(shape, make_examples(40), make_examples(16, seed=1), weights, seed)


def train(task: Task, settings: TrainingSettings = QUICK) -> tuple[MultiTaskNet, TrainingHistory]:
    """The trained net; a DNN gets four times as many frames a batch as an LSTM utterances."""
    if isinstance(task.net.shape.trunk, DnnSettings):
        settings = replace(settings, batch_size=4 * settings.batch_size)
    return task.fit(settings)


def weights_of(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in net.named_parameters()}


@both_trunks
def test_a_net_learns_what_can_be_learned(trunk: TrunkSettings) -> None:
    _, history = train(make_training(trunk), LONGER)
    assert history.epochs[history.best - 1].dev_ua == 1.0
    assert history.epochs[-1].train_loss < 0.5 * history.epochs[0].train_loss


def test_the_tasks_own_net_is_not_changed() -> None:
    own = make_training()
    before = {name: value.clone() for name, value in weights_of(own.net).items()}
    train(own, replace(QUICK, max_epochs=1))
    assert all(torch.equal(value, before[name]) for name, value in weights_of(own.net).items())


class PlainNet(nn.Module):
    """The single-task LSTM as PyTorch's own modules."""

    def __init__(self, net: MultiTaskNet) -> None:
        super().__init__()
        self.lstm = nn.LSTM(N_FEATURES, 16, 2)
        self.head = nn.Linear(16, 4)
        with torch.no_grad():
            for parameter, values in zip(self.in_our_order(), net.parameters(), strict=True):
                parameter.copy_(values)

    def in_our_order(self) -> list[Tensor]:
        """The parameters in the order of ours."""
        return [*self.lstm.parameters(), *self.head.parameters()]

    def forward(self, x: Tensor) -> Tensor:
        """Logits (T, 4) of frames (T, F)."""
        scores: Tensor = self.head(self.lstm(x)[0])
        return scores


def test_an_epoch_of_one_batch_is_one_step_as_pytorch_alone_would_take_it() -> None:
    own = make_training(without_dropout(LSTM), {"emotion": 1.0})
    n_epochs = 3
    net, _ = train(own, replace(QUICK, batch_size=64, max_epochs=n_epochs, class_weight=None))
    plain, examples = PlainNet(own.net), own.train.examples
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
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_the_kept_weights_are_those_of_the_best_epoch() -> None:
    own = make_training()
    net, history = train(own, replace(QUICK, learning_rate=0.05, max_epochs=8, patience=8))
    best = max(history.epochs, key=lambda e: (e.dev_ua, -e.dev_loss))
    assert history.best == best.number
    loss, ua = evaluate(net, own.dev)
    assert loss == pytest.approx(best.dev_loss, rel=1e-5)
    assert ua == best.dev_ua


def test_training_stops_when_patience_ends() -> None:
    _, history = train(make_training(), replace(LONGER, max_epochs=200, patience=3))
    assert len(history.epochs) == history.best + 3


def test_every_epoch_is_reported_as_it_ends() -> None:
    reported: list[Epoch] = []
    _, history = make_training().fit(replace(QUICK, max_epochs=3), on_epoch=reported.append)
    assert tuple(reported) == history.epochs
    assert [epoch.number for epoch in reported] == [1, 2, 3]


@both_trunks
def test_a_net_depends_on_its_seed_and_not_on_what_else_runs(trunk: TrunkSettings) -> None:
    settings = replace(QUICK, max_epochs=2, crop_frames=10)
    torch.manual_seed(5)
    first, _ = train(make_training(trunk, seed=1), settings)
    other, _ = train(make_training(trunk, seed=2), settings)
    torch.rand(7)
    again, _ = train(make_training(trunk, seed=1), settings)
    for name, value in weights_of(first).items():
        assert torch.equal(value, weights_of(again)[name])
        assert not torch.equal(value, weights_of(other)[name])


@both_trunks
def test_training_leaves_the_global_stream_alone(trunk: TrunkSettings) -> None:
    before = torch.random.get_rng_state()
    train(make_training(trunk), replace(QUICK, max_epochs=1))
    assert torch.equal(before, torch.random.get_rng_state())


def batches_of(
    trunk: TrunkSettings, settings: TrainingSettings = QUICK, seed: int = 0
) -> list[list[BatchIndices]]:
    """Two epochs."""
    order = torch.Generator().manual_seed(seed)
    task = make_training(trunk)
    return [[i for _, i in _batches(task.net, task.train, settings, order)] for _ in range(2)]


def test_an_lstm_reads_utterances_and_a_dnn_frames() -> None:
    n_frames = sum(len(frames) for frames in make_examples(40).frames)
    sequences, frames = batches_of(LSTM)[0], batches_of(DNN)[0]
    assert sum(len(i.rows) for i in sequences) == 40
    assert sum(int(i.n_frames.sum()) for i in sequences) == n_frames
    assert sum(len(i.rows) for i in frames) == n_frames
    assert all(i.n_frames.eq(1).all() for i in frames)


@both_trunks
def test_the_generator_decides_the_order_and_epochs_differ(trunk: TrunkSettings) -> None:
    def passes(seed: int) -> list[list[list[int]]]:
        epochs = batches_of(trunk, replace(QUICK, crop_frames=5), seed)
        return [[i.rows.tolist() for i in epoch] for epoch in epochs]

    first, second = passes(1)
    assert passes(1) == [first, second]
    assert first != second
    assert passes(2)[0] != first


@both_trunks
def test_an_epoch_has_no_more_batches_than_asked_for(trunk: TrunkSettings) -> None:
    first, _ = batches_of(trunk, replace(QUICK, batch_size=4, batches_per_epoch=2))
    assert [len(indices.rows) for indices in first] == [4, 4]


def test_balanced_classes_weigh_by_the_frames_of_the_training_set() -> None:
    own = make_training(without_dropout(LSTM), {"emotion": 1.0})
    dataset, plain = own.train, PlainNet(own.net)
    pieces = torch.split(dataset.values, dataset.lengths.tolist())
    logits = torch.cat([plain(frames) for frames in pieces])
    labels = dataset.targets["emotion"].repeat_interleave(dataset.lengths)
    mass = torch.bincount(labels)
    still = replace(QUICK, batch_size=64, max_epochs=1, learning_rate=1e-9)
    for settings, weight in (
        (still, mass.sum() / (4 * mass)),
        (replace(still, class_weight=None), torch.ones(4)),
    ):
        expected = nn.functional.cross_entropy(logits, labels, weight)
        _, history = train(own, settings)
        assert history.epochs[0].train_loss == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("kind", ["fixed", "uncertainty", "gradnorm"])
def test_missing_labels_of_a_subtask_change_nothing_of_the_trunk(kind: Kind) -> None:
    """Naturalness is missing everywhere, so its head must not move the other weights."""
    settings = replace(QUICK, max_epochs=2, task_weighting=kind)
    alone, _ = train(make_training(weights={"emotion": 1.0}), settings)
    other, _ = train(make_training(weights={"emotion": 1.0, "naturalness": 0.1}), settings)
    found = weights_of(other)
    for name, value in weights_of(alone).items():
        torch.testing.assert_close(value, found[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["fixed", "uncertainty", "gradnorm"])
def test_a_weight_of_zero_is_single_task_learning(kind: Kind) -> None:
    settings = replace(QUICK, max_epochs=2, task_weighting=kind)
    alone, _ = train(make_training(weights={"emotion": 1.0}), settings)
    silent, _ = train(make_training(weights={"emotion": 1.0, "gender": 0.0}), settings)
    for name, value in weights_of(alone).items():
        torch.testing.assert_close(value, weights_of(silent)[name])


@pytest.mark.parametrize("kind", LEARNED)
@both_trunks
def test_learned_task_weights_learn_emotion_too(trunk: TrunkSettings, kind: Kind) -> None:
    _, history = train(make_training(trunk), replace(LONGER, task_weighting=kind))
    assert history.epochs[history.best - 1].dev_ua > 0.9


@pytest.mark.parametrize("kind", LEARNED)
def test_learned_task_weights_change_what_is_learned(kind: Kind) -> None:
    quick = replace(QUICK, max_epochs=2)
    fixed, _ = train(make_training(), quick)
    learned, _ = train(make_training(), replace(quick, task_weighting=kind))
    head = "heads.gender.scores.weight"
    assert not torch.equal(weights_of(fixed)[head], weights_of(learned)[head])


def test_a_weight_learned_is_no_part_of_the_net() -> None:
    own = make_training()
    net, _ = train(own, replace(QUICK, max_epochs=1, task_weighting="uncertainty"))
    assert weights_of(net).keys() == weights_of(own.net).keys()


@pytest.mark.parametrize("private_layers", [0, 1])
@both_trunks
def test_a_task_learns_at_its_own_rate(trunk: TrunkSettings, private_layers: int) -> None:
    own = make_training(trunk, private_layers=private_layers)
    rates = {"gender": 1e-12}
    net, _ = train(own, replace(QUICK, max_epochs=2, task_learning_rates=rates))
    drawn = weights_of(own.net)
    for name, value in weights_of(net).items():
        moved = (value - drawn[name]).abs().max().item()
        assert (moved < 1e-9) if "gender" in name else (moved > 1e-3), name


def test_the_usual_rate_for_a_task_is_no_change() -> None:
    quick = replace(QUICK, max_epochs=2)
    usual, _ = train(make_training(), quick)
    stated, _ = train(make_training(), replace(quick, task_learning_rates={"gender": 3e-3}))
    for name, value in weights_of(usual).items():
        torch.testing.assert_close(value, weights_of(stated)[name], rtol=1e-5, atol=1e-6)


def test_private_layers_learn() -> None:
    own = make_training(private_layers=1)
    net, history = train(own, LONGER)
    assert history.epochs[history.best - 1].dev_ua > 0.9
    drawn = weights_of(own.net)
    moved = {name for name, value in weights_of(net).items() if not torch.equal(value, drawn[name])}
    assert moved == drawn.keys()


@both_trunks
def test_a_set_too_large_for_memory_is_learned_part_by_part(trunk: TrunkSettings) -> None:
    own = make_training(trunk)
    examples = own.train.examples
    by_part = FrameDataset(
        examples,
        Standardizer.fit(examples.frames),
        max_bytes=sum(f.nbytes for f in examples.frames) / 5,
    )
    assert not by_part.in_memory
    _, history = train(replace(own, train=by_part), LONGER)
    assert history.epochs[history.best - 1].dev_ua > 0.9


def test_bfloat16_learns_about_the_same_or_says_that_it_cannot() -> None:
    quick = replace(QUICK, max_epochs=3, patience=3)
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        with pytest.raises(TrainingError, match="bfloat16"):
            train(make_training(), replace(quick, autocast=True))
        return
    _, exact = train(make_training(), quick)
    _, rounded = train(make_training(), replace(quick, autocast=True))
    assert rounded.epochs[0].train_loss == pytest.approx(exact.epochs[0].train_loss, rel=0.05)


def spoilt(examples: Examples, row: int) -> Examples:
    """The examples with one frame that is no number, in memory of its own."""
    frames = list(examples.frames)
    frames[row] = frames[row].copy()
    frames[row][0] = math.nan
    return Examples(frames, examples.targets)


@pytest.mark.parametrize("kind", ["fixed", "uncertainty", "gradnorm"])
def test_a_loss_that_is_not_a_number_is_refused(kind: Kind) -> None:
    own, examples = make_training(), make_examples(16)
    ill = FrameDataset(spoilt(examples, 3), Standardizer.fit(examples.frames))
    settings = replace(QUICK, max_epochs=1, task_weighting=kind)
    for taught in (replace(own, train=ill), replace(own, dev=ill)):
        with pytest.raises(TrainingError, match=r"lower learning_rate \(it is 0\.003\)"):
            taught.fit(settings)
