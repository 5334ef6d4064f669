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

from tests.model.examples import N_FEATURES, make_examples, make_lesson, make_shape, without_dropout
from tests.model.fit_on_processes import plain, train_in_processes
from voxaffect.errors import TrainingError
from voxaffect.features.standardize import Standardizer
from voxaffect.model import training
from voxaffect.model.data import Examples, Parts
from voxaffect.model.losses import Kind
from voxaffect.model.multitask import MultiTaskNet, evaluate
from voxaffect.model.settings import Epoch, TrainingHistory, TrainingSettings
from voxaffect.model.training import Learner, TrainedNet, TrainingTask, fit
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(180)
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
    alone = json.loads(json.dumps(plain(train_in_processes(kind))))
    for name, value in alone["weights"].items():
        np.testing.assert_allclose(shared["weights"][name], value, rtol=1e-3, atol=2e-5)
    for mine, theirs in zip(alone["history"]["epochs"], shared["history"]["epochs"], strict=True):
        assert theirs["train_loss"] == pytest.approx(mine["train_loss"], rel=1e-5)
        assert theirs["dev_loss"] == pytest.approx(mine["dev_loss"], rel=1e-4)
        assert theirs["dev_ua"] == mine["dev_ua"]


def test_without_torchrun_there_is_one_process() -> None:
    with training.process_group("cpu"):
        assert training.place() == (0, 1)
        with training.first_goes_first():
            pass


DNN_LEARNER, LSTM_LEARNER = DnnSettings(hidden=4, context=1), LstmSettings(hidden=4)
SETTINGS = TrainingSettings(batch_size=8, max_epochs=9, patience=3)


def make_learner(
    trunk: TrunkSettings = LSTM_LEARNER, settings: TrainingSettings = SETTINGS, seed: int = 0
) -> Learner:
    train, dev = make_examples(20), make_examples(8, seed=1)
    return Learner(0, make_lesson(make_shape(trunk), train, dev, {"emotion": 1.0}, seed), settings)


def epoch(number: int, dev_ua: float, dev_loss: float = 1.0, train_loss: float = 1.0) -> Epoch:
    return Epoch(number, train_loss, dev_loss, dev_ua, 1.0, 1.0)


def live(learner: Learner, scores: list[tuple[float, float]]) -> None:
    """Epochs of given dev UA and loss; the weights of each are its number."""
    for number, score in enumerate(scores, 1):
        assert not learner.is_done
        stack = MultiTaskNet(learner.lesson.net.shape, 2)
        with torch.no_grad():
            for parameter in stack.parameters():
                parameter[1] = number
        learner.end_epoch(epoch(number, *score), stack, 1)


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([(0.5, 1.0), (0.7, 2.0), (0.6, 0.1)], 2),  # UA goes before loss
        ([(0.5, 1.0), (0.5, 0.9), (0.5, 1.1)], 2),  # among equals the lowest loss
        ([(0.5, 1.0), (0.5, 1.0)], 1),  # among equals in both the first
    ],
)
def test_the_best_epochs_weights_are_kept(scores: list[tuple[float, float]], best: int) -> None:
    learner = make_learner()
    live(learner, scores)
    trained = learner.outcome()
    assert isinstance(trained, TrainedNet)
    assert trained.history.best == best
    assert [e.dev_ua for e in trained.history.epochs] == [ua for ua, _ in scores]
    assert all((parameter == best).all() for parameter in trained.net.parameters())


def test_a_learner_stops_when_patience_or_epochs_end() -> None:
    learner = make_learner()
    live(learner, [(0.5, 1.0), (0.6, 1.0), (0.5, 1.0), (0.5, 1.0), (0.5, 1.0)])
    assert learner.is_done
    learner = make_learner(settings=replace(SETTINGS, max_epochs=4))
    live(learner, [(0.5, 1.0), (0.6, 1.0), (0.7, 1.0), (0.8, 1.0)])
    assert learner.is_done


@pytest.mark.parametrize("losses", [(math.nan, 1.0), (math.inf, 1.0), (1.0, math.nan)])
def test_a_loss_that_is_no_number_ends_it_with_a_reason(losses: tuple[float, float]) -> None:
    learner = make_learner()
    live(learner, [(0.5, 1.0)])
    learner.end_epoch(epoch(2, 0.9, losses[1], losses[0]), learner.lesson.net, 0)
    assert learner.is_done
    failure = learner.outcome()
    assert isinstance(failure, TrainingError)
    assert "learning_rate" in str(failure)
    assert "0.003" in str(failure)


def test_an_lstm_reads_utterances_and_a_dnn_frames() -> None:
    lengths = sum(len(frames) for frames in make_examples(20).frames)
    sequences = [pick for _, pick in make_learner(LSTM_LEARNER).batches()]
    frames = [pick for _, pick in make_learner(DNN_LEARNER).batches()]
    assert sum(len(pick.rows) for pick in sequences) == 20
    assert sum(int(pick.n_frames.sum()) for pick in sequences) == lengths
    assert sum(len(pick.rows) for pick in frames) == lengths
    assert all(pick.n_frames.eq(1).all() for pick in frames)


@pytest.mark.parametrize("trunk", [DNN_LEARNER, LSTM_LEARNER], ids=["dnn", "lstm"])
def test_an_epoch_has_no_more_batches_than_asked_for(trunk: TrunkSettings) -> None:
    settings = replace(SETTINGS, batch_size=4, batches_per_epoch=2)
    assert [len(pick.rows) for _, pick in make_learner(trunk, settings).batches()] == [4, 4]


@pytest.mark.parametrize("trunk", [DNN_LEARNER, LSTM_LEARNER], ids=["dnn", "lstm"])
def test_the_seed_decides_the_order_and_epochs_differ(trunk: TrunkSettings) -> None:
    def passes(seed: int) -> list[list[list[int]]]:
        learner = make_learner(trunk, replace(SETTINGS, crop_frames=5), seed)
        return [[pick.rows.tolist() for _, pick in learner.batches()] for _ in range(2)]

    first, second = passes(1)
    assert passes(1) == [first, second]
    assert first != second
    assert passes(2)[0] != first


def test_balanced_classes_weigh_by_the_frames_of_the_training_set() -> None:
    learner = make_learner()
    examples = learner.lesson.train.examples
    lengths = np.array([len(frames) for frames in examples.frames])
    mass = np.bincount(examples.targets["emotion"], lengths)
    per_class = learner.class_weights.numpy() * mass
    np.testing.assert_allclose(per_class, np.full(4, lengths.sum() / 4), rtol=1e-5)


def test_without_balance_every_frame_counts_the_same() -> None:
    learner = make_learner(settings=replace(SETTINGS, class_weight=None))
    assert learner.class_weights.tolist() == [1.0] * 4


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
) -> TrainingTask:
    shape = make_shape(trunk, *weights, private_layers=private_layers)
    return make_lesson(shape, make_examples(40), make_examples(16, seed=1), weights, seed)


def train(
    lesson: TrainingTask, settings: TrainingSettings = QUICK
) -> tuple[MultiTaskNet, TrainingHistory]:
    """The net after its lesson; a DNN sees four times as many frames as an LSTM utterances."""
    if isinstance(lesson.net.shape.trunk, DnnSettings):
        settings = replace(settings, batch_size=4 * settings.batch_size)
    (trained,) = fit([lesson], settings)
    assert isinstance(trained, TrainedNet), trained
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
        assert isinstance(trained, TrainedNet)
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
