"""Fitting nets to frames, with early stopping on a dev set. Knows no corpus.

Nets of one trunk train together as a stack: S folds, seeds or systems, each with its own data,
order, dropout, number of epochs and end. A net comes out as if it had been trained alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice, zip_longest

import torch
from torch import Tensor, distributed
from torch.nn.parallel import DistributedDataParallel

from voxaffect.errors import TrainingError
from voxaffect.model.data import (
    NOTHING,
    Batch,
    FrameBank,
    Parts,
    Pick,
    cut,
    frame_picks,
    sequence_picks,
)
from voxaffect.model.losses import TaskWeighting, balanced_weights, task_losses, weighting
from voxaffect.model.multitask import MultiTaskNet, evaluate
from voxaffect.model.optim import Dropout, ParameterGroup, RandomStream, StackAdam, generator
from voxaffect.model.settings import EarlyStopping, Epoch, TrainingHistory, TrainingSettings
from voxaffect.taxonomy import EMOTION, TASKS


@contextmanager
def process_group(device: str) -> Iterator[None]:
    """Join the other processes while it lasts, if `torchrun` has started several.

    Args:
        device: where the net is trained; decides how gradients travel.
    """
    if not distributed.is_torchelastic_launched():
        yield
        return
    is_cuda = torch.device(device).type == "cuda"
    if is_cuda:
        torch.cuda.set_device(distributed.get_node_local_rank())
    distributed.init_process_group("nccl" if is_cuda else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def place() -> tuple[int, int]:
    """This process's rank, and how many there are."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


@contextmanager
def first_goes_first() -> Iterator[None]:
    """The first process does what follows; the others when it is done, and find its work there."""
    rank, world = place()
    if world > 1 and rank > 0:
        distributed.barrier()
    yield
    if world > 1 and rank == 0:
        distributed.barrier()


def summed(value: Tensor) -> Tensor:
    """Sum over all processes, without a gradient."""
    if place()[1] > 1:
        distributed.all_reduce(value)
    return value


def shared(net: MultiTaskNet) -> MultiTaskNet | DistributedDataParallel:
    """The net, whose gradients become the mean over all processes if there are several."""
    return DistributedDataParallel(net) if place()[1] > 1 else net


@dataclass(frozen=True)
class TrainingTask:
    """What one net learns from.

    Args:
        net: with fresh weights; it stays as it is.
        train: frames to learn from.
        dev: frames that choose the epoch.
        task_weights: task -> weight in the loss.
        seed: of data order, crops and dropout.
    """

    net: MultiTaskNet
    train: Parts
    dev: Parts
    task_weights: Mapping[str, float]
    seed: int


@dataclass(frozen=True)
class TrainedNet:
    """A net with the weights of its best epoch, and how it came to them."""

    net: MultiTaskNet
    history: TrainingHistory


class Learner:
    """A net at its lesson, from the first epoch to the last.

    Args:
        number: its place among those that began together.
        lesson: what it learns from.
        settings: how it is trained.

    Attributes:
        noise: source of its dropout.
        class_weights: float32 (C,), the weight of a frame of each emotion.
    """

    def __init__(self, number: int, lesson: TrainingTask, settings: TrainingSettings) -> None:
        self.number, self.lesson, self.settings = number, lesson, settings
        self.noise = generator(lesson.seed, RandomStream.DROPOUT, settings.device)
        self.class_weights = _class_weights(lesson.train, settings)
        self._order = generator(lesson.seed, RandomStream.ORDER)
        self._course = EarlyStopping(settings.max_epochs, settings.patience)
        self._best_net: MultiTaskNet | None = None
        self._failure: TrainingError | None = None

    @property
    def is_done(self) -> bool:
        """Whether it has failed, or has no epoch or no patience left."""
        return self._failure is not None or not self._course.left_at_least

    @property
    def n_epochs(self) -> int:
        """Epochs that have ended."""
        return len(self._course.epochs)

    def batches(self) -> Iterator[tuple[FrameBank, Pick]]:
        """One epoch: frames with context, or whole sequences."""
        limit = self.settings.batches_per_epoch
        picks = (
            (bank, pick)
            for bank in self.lesson.train.shuffled(self._order)
            for pick in self._picks(bank)
        )
        return islice(picks, limit)

    def end_epoch(self, epoch: Epoch, stack: MultiTaskNet, row: int) -> None:
        """Remember an epoch, and the weights where it is the best so far.

        Args:
            epoch: what it came to.
            stack: the nets that train together.
            row: which of them this is.
        """
        if not math.isfinite(epoch.train_loss + epoch.dev_loss):
            self._failure = TrainingError(
                f"the training loss became {epoch.train_loss} and the dev loss {epoch.dev_loss}; "
                f"lower learning_rate (it is {self.settings.learning_rate})"
            )
            return
        self._course.add(epoch)
        if self._course.best == epoch.number:
            self._best_net = stack.single(row, self.lesson.net.heads)

    def outcome(self) -> TrainedNet | TrainingError:
        """The best net, or why there is none."""
        if self._failure is not None:
            return self._failure
        assert self._best_net is not None  # noqa: S101 the first epoch beats minus infinity
        return TrainedNet(
            self._best_net, TrainingHistory(tuple(self._course.epochs), self._course.best)
        )

    def _picks(self, bank: FrameBank) -> Iterator[Pick]:
        settings = self.settings
        if self.lesson.net.trunk.time_first:
            return sequence_picks(
                bank, settings.batch_size, settings.crop_frames, self._order, self.n_epochs
            )
        return frame_picks(bank, settings.batch_size, settings.batches_per_epoch, self._order)


def _class_weights(train: Parts, settings: TrainingSettings) -> Tensor:
    if settings.class_weight is None:
        return torch.ones(EMOTION.n_classes)
    target = torch.from_numpy(train.examples.targets[EMOTION.name])
    lengths = torch.tensor([len(frames) for frames in train.examples.frames])
    return balanced_weights(target, lengths, EMOTION.n_classes)


OnEpoch = Callable[[int, Epoch], None]
"""Told of a lesson's number and of its epoch."""


def fit(
    lessons: Sequence[TrainingTask], settings: TrainingSettings, *, on_epoch: OnEpoch | None = None
) -> list[TrainedNet | TrainingError]:
    """Train nets of one trunk together, each until its own end.

    The best epoch of a net has the highest dev UA, and among equals the lowest dev loss.

    Args:
        lessons: S of them. Where there are two or more, all training banks share one pool, and all
            dev banks one.
        settings: how to train.
        on_epoch: told of every lesson's epochs as they end.

    Returns:
        for each lesson its trained net, or why there is none: its loss became no finite number.

    Raises:
        TrainingError: the processor cannot autocast, or the settings need one process.
    """
    _refuse_impossible(settings)
    learners = [Learner(i, lesson, settings) for i, lesson in enumerate(lessons)]
    stack: _Stack | None = _Stack.of_beginners(learners, settings)
    while stack is not None:
        stack.epoch(on_epoch)
        stack = stack.of_those_left()
    return [learner.outcome() for learner in learners]


class _Stack:
    """Nets that train side by side.

    Args:
        learners: S of them.
        net: S nets.
        weights: how much each task counts.
        settings: how to train.
        before: the optimizer of a larger stack, and which of its nets these are.
    """

    def __init__(
        self,
        learners: Sequence[Learner],
        net: MultiTaskNet,
        weights: TaskWeighting,
        settings: TrainingSettings,
        before: tuple[StackAdam, list[int]] | None = None,
    ) -> None:
        self.learners, self.net, self.weights, self.settings = learners, net, weights, settings
        groups = _groups(net, weights, settings)
        self.adam = StackAdam(groups) if before is None else before[0].narrowed(groups, before[1])
        self.model = shared(net)
        self.noise = [learner.noise for learner in learners]
        self.tasks = [learner.lesson.net.heads for learner in learners]
        class_weights = torch.stack([learner.class_weights for learner in learners])
        self.class_weights = {EMOTION.name: class_weights.to(settings.device)}

    @classmethod
    def of_beginners(cls, learners: Sequence[Learner], settings: TrainingSettings) -> _Stack:
        """All nets side by side, with the heads that any of them has."""
        shapes = [learner.lesson.net.shape for learner in learners]
        classes = {task: n for shape in shapes for task, n in shape.n_classes.items()}
        in_order = {task: classes[task] for task in TASKS if task in classes}
        net = MultiTaskNet.stacked(
            [learner.lesson.net for learner in learners], replace(shapes[0], n_classes=in_order)
        )
        given = [[x.lesson.task_weights.get(task, 0.0) for task in in_order] for x in learners]
        weights = weighting(
            settings.task_weighting, torch.tensor(given), settings.gradnorm_asymmetry
        )
        return cls(learners, net.to(settings.device), weights.to(settings.device), settings)

    def of_those_left(self) -> _Stack | None:
        """The stack of the nets that go on, None where none does."""
        left = [row for row, learner in enumerate(self.learners) if not learner.is_done]
        if len(left) == len(self.learners):
            return self
        if not left:
            return None
        net = MultiTaskNet(self.net.shape, len(left)).to(self.settings.device)
        learners, weights = [self.learners[row] for row in left], self.weights.narrowed(left)
        return _Stack(learners, net, weights, self.settings, (self.adam, left))

    def epoch(self, on_epoch: OnEpoch | None) -> None:
        """One pass over the training data of each, then a look at each one's dev set."""
        started = time.perf_counter()
        losses, n_frames = self._learn()
        trained = time.perf_counter()
        scores = evaluate(self.net, [learner.lesson.dev for learner in self.learners])
        ended = time.perf_counter()
        speed, seconds = n_frames / (trained - started), ended - started
        for row, learner in enumerate(self.learners):
            epoch = Epoch(learner.n_epochs + 1, losses[row], *scores[row], speed, seconds)
            learner.end_epoch(epoch, self.net, row)
            if on_epoch is not None:
                on_epoch(learner.number, epoch)

    def _learn(self) -> tuple[list[float], int]:
        """Each net's mean loss over its batches, and the frames of all nets together."""
        total = torch.zeros(len(self.learners), device=self.settings.device)
        n_batches = torch.zeros(len(self.learners))
        n_frames = 0
        for banks, picks in self._picks():
            is_active = [len(pick.rows) > 0 for pick in picks]
            total += self._step(banks, picks, is_active)
            n_batches += torch.tensor(is_active)
            n_frames += sum(int(pick.n_frames.sum()) for pick in picks)
        means: list[float] = (summed(total).cpu() / n_batches).tolist()
        return means, n_frames

    def _picks(self) -> Iterator[tuple[list[FrameBank], list[Pick]]]:
        """Steps of an epoch: as many as the net with the most batches has."""
        for step in zip_longest(*(learner.batches() for learner in self.learners)):
            banks = [found[0] for found in step if found is not None]
            yield (
                [banks[0] if found is None else found[0] for found in step],
                [NOTHING if found is None else found[1] for found in step],
            )

    def _step(
        self, banks: Sequence[FrameBank], picks: Sequence[Pick], is_active: Sequence[bool]
    ) -> Tensor:
        """Learn from one batch; losses (S,), left on the device so that nothing waits for them."""
        rank, world = place()
        own = picks if world == 1 else [pick.share(rank, world) for pick in picks]
        trunk = self.net.trunk
        batch = cut(banks, own, context=trunk.context, time_first=trunk.time_first)
        extents = [pick.extent for pick in picks]
        dropout = Dropout(self.noise, extents, rank, world, self.tasks)
        self.adam.zero_grad()
        losses = self.weights(self._task_losses(batch, dropout, world), trunk.last_weights)
        (losses.sum() * world).backward()  # the mean over processes follows
        self.adam.step(is_active, self.settings.clip_norm)
        self.weights.settle()
        return losses.detach()  # type: ignore[no-any-return]

    def _task_losses(self, batch: Batch, dropout: Dropout, world: int) -> Tensor:
        """The loss of each net's tasks, (S, K): this process's part of it."""
        kind = batch.lengths.device.type
        with torch.autocast(kind, torch.bfloat16, enabled=self.settings.autocast):
            logits = self.model(batch.x, batch.lengths, dropout)
        total = None if world == 1 else summed
        return task_losses(logits, batch.targets, batch.lengths, self.class_weights, total)


def _groups(
    net: MultiTaskNet, weights: TaskWeighting, settings: TrainingSettings
) -> list[ParameterGroup]:
    """Everything that is learned, with its learning rate; the net's gradient alone is clipped."""
    usual, rates = settings.learning_rate, settings.task_learning_rates
    heads = [ParameterGroup(head, rates.get(task, usual)) for task, head in net.heads.items()]
    return [
        ParameterGroup(net.trunk, usual),
        *heads,
        ParameterGroup(weights, usual, is_clipped=False),
    ]


def _refuse_impossible(settings: TrainingSettings) -> None:
    on_cpu = torch.device(settings.device).type == "cpu"
    if settings.autocast and on_cpu and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise TrainingError(
            "autocast = true: this processor has no bfloat16 arithmetic; set it to false or train "
            "on another device"
        )
    if settings.task_weighting != "fixed" and place()[1] > 1:
        raise TrainingError(
            f'task_weighting = "{settings.task_weighting}" is learned by one process; set it to '
            '"fixed" or start one'
        )
