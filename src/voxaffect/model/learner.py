"""One net that learns: its data, its random numbers, its epochs and its best weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from voxaffect.errors import TrainingError
from voxaffect.model.bank import FrameBank, Parts
from voxaffect.model.batches import Pick, frame_picks, sequence_picks
from voxaffect.model.course import Course
from voxaffect.model.losses import balanced_weights
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.seeds import Stream, generator
from voxaffect.model.settings import Epoch, History, TrainingSettings
from voxaffect.taxonomy import EMOTION


@dataclass(frozen=True)
class Lesson:
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
class Trained:
    """A net with the weights of its best epoch, and how it came to them."""

    net: MultiTaskNet
    history: History


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

    def __init__(self, number: int, lesson: Lesson, settings: TrainingSettings) -> None:
        self.number, self.lesson, self.settings = number, lesson, settings
        self.noise = generator(lesson.seed, Stream.DROPOUT, settings.device)
        self.class_weights = _class_weights(lesson.train, settings)
        self._order = generator(lesson.seed, Stream.ORDER)
        self._course = Course(settings.max_epochs, settings.patience)
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

    def outcome(self) -> Trained | TrainingError:
        """The best net, or why there is none."""
        if self._failure is not None:
            return self._failure
        assert self._best_net is not None  # noqa: S101 the first epoch beats minus infinity
        return Trained(self._best_net, History(tuple(self._course.epochs), self._course.best))

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
