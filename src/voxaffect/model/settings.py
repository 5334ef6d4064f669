"""How nets are trained, what each epoch gave, and early stopping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
from pydantic import AfterValidator, Field

from voxaffect.model.losses import Kind
from voxaffect.taxonomy import TASKS


def _available(device: str) -> str:
    """The name of a device that is here and holds values (`meta` does not)."""
    try:
        torch.empty(1, device=device).tolist()
    except (RuntimeError, AssertionError, NotImplementedError) as fault:
        raise ValueError(f"this device is not available, use cpu ({fault})") from fault
    return device


def _known_tasks(rates: Mapping[str, float]) -> Mapping[str, float]:
    for name in rates:
        if name not in TASKS:
            raise ValueError(f"{name!r} is not a task; use {', '.join(TASKS)}")
    return rates


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Device = Annotated[str, AfterValidator(_available)]


@dataclass(frozen=True)
class TrainingSettings:
    """How a net is trained. The values of the paper are the defaults where it states one."""

    learning_rate: Positive = 3e-3  # of Adam, fixed
    task_learning_rates: Annotated[Mapping[str, Positive], AfterValidator(_known_tasks)] = field(
        default_factory=dict  # task -> learning rate of its head and private layers
    )
    task_weighting: Kind = "fixed"  # the others (see `losses`) begin at these weights and learn
    gradnorm_asymmetry: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.5
    batch_size: Count = 128  # frames for a DNN, utterances for an LSTM
    max_epochs: Count = 50
    patience: Count = 8  # epochs without a better dev score before training stops
    batches_per_epoch: Count | None = None  # at most; all are thousands for a DNN
    crop_frames: Count | None = None
    """Longest stretch of an utterance in an LSTM batch, drawn anew each epoch; None: the whole."""
    clip_norm: Positive | None = 1.0  # largest norm of the gradient; None leaves it
    class_weight: Annotated[
        Literal["balanced", "none"] | None, AfterValidator(lambda v: None if v == "none" else v)
    ] = "balanced"  # weighs emotion frames by inverse class frequency
    autocast: bool = False  # matrix products in bfloat16
    device: Device = "cpu"
    resident_gib: Positive = 4.0
    """Training frames in memory at most; of more, random parts are read again in every epoch."""


@dataclass(frozen=True)
class Epoch:
    """Losses and scores of one epoch."""

    number: int  # counted from 1
    train_loss: float  # mean multi-task loss over the epoch's batches
    dev_loss: float  # emotion cross-entropy a dev utterance, of its mean posterior
    dev_ua: float  # unweighted accuracy of dev utterances, by the largest mean posterior
    frames_per_s: float  # training frames, padding not counted
    seconds: float  # wall time, dev set included

    @property
    def score(self) -> tuple[float, float]:
        """The best epoch has the highest: dev UA, and among equals the lower dev loss."""
        return self.dev_ua, -self.dev_loss


@dataclass(frozen=True)
class TrainingHistory:
    """All epochs of a training, and the number of the one whose weights were kept."""

    epochs: tuple[Epoch, ...]
    best: int


@dataclass
class EarlyStopping:
    """The epochs of a training so far, and how many may follow; settings as `TrainingSettings`."""

    max_epochs: int
    patience: int
    epochs: list[Epoch] = field(default_factory=list)
    best: int = 0  # number of the best epoch; 0 before the first

    def add(self, epoch: Epoch) -> None:
        """Count an epoch that has ended."""
        if not self.epochs or epoch.score > self.epochs[self.best - 1].score:
            self.best = epoch.number
        self.epochs.append(epoch)

    @property
    def left_at_most(self) -> int:
        """Epochs that follow if the dev score goes on getting better."""
        return self.max_epochs - len(self.epochs) if self.left_at_least else 0

    @property
    def left_at_least(self) -> int:
        """Epochs that follow if it gets no better than it is; 0 once training has stopped."""
        waited = len(self.epochs) - self.best
        return max(0, min(self.max_epochs - len(self.epochs), self.patience - waited))

    @property
    def epoch_s(self) -> float:
        """Mean wall time of an epoch, training and dev set; 0 before the first has ended."""
        return sum(epoch.seconds for epoch in self.epochs) / max(len(self.epochs), 1)
