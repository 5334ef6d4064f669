"""Fitting a net to frames, with early stopping on a dev set. Knows no corpus."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from voxaffect.errors import TrainingError
from voxaffect.model.batches import Batch, FrameBank
from voxaffect.model.losses import balanced_weights, multitask_loss
from voxaffect.model.multitask import MultiTaskNet, posteriors
from voxaffect.taxonomy import EMOTION, MISSING


@dataclass(frozen=True)
class TrainingSettings:
    """How a net is trained. The values of the paper are the defaults where it states one.

    Args:
        learning_rate: of Adam, fixed.
        batch_size: frames a batch for a DNN, utterances for an LSTM.
        max_epochs: passes over the training data at most.
        patience: epochs without a better dev score before training stops.
        batches_per_epoch: batches between two looks at the dev set at most; None means all. A DNN
            sees thousands of batches a pass, far more than it needs between two looks.
        crop_frames: longest stretch of an utterance in an LSTM batch, drawn anew each epoch; None
            shows utterances whole. Every frame bears its utterance's labels, so a crop is valid.
        clip_norm: largest norm of the gradient; None leaves it.
        class_weight: "balanced" weighs emotion frames by inverse class frequency, None does not.
        autocast: run matrix products in bfloat16.
        device: "cpu", "cuda" or another name that PyTorch knows.
    """

    learning_rate: float = 3e-3
    batch_size: int = 128
    max_epochs: int = 50
    patience: int = 8
    batches_per_epoch: int | None = None
    crop_frames: int | None = None
    clip_norm: float | None = 1.0
    class_weight: Literal["balanced"] | None = "balanced"
    autocast: bool = False
    device: str = "cpu"


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to.

    Args:
        number: counted from 1.
        train_loss: mean multi-task loss over the epoch's batches.
        dev_loss: emotion cross-entropy a dev utterance, of its mean posterior.
        dev_ua: unweighted accuracy of dev utterances, by the largest mean posterior.
        frames_per_s: training frames a second, padding not counted.
    """

    number: int
    train_loss: float
    dev_loss: float
    dev_ua: float
    frames_per_s: float


@dataclass(frozen=True)
class History:
    """All epochs of a training, and the one whose weights were kept."""

    epochs: tuple[Epoch, ...]
    best: int


def fit(
    net: MultiTaskNet,
    train: FrameBank,
    dev: FrameBank,
    task_weights: Mapping[str, float],
    settings: TrainingSettings,
    *,
    seed: int,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> History:
    """Train a net in place and leave it with the weights of its best epoch on the dev set.

    The best epoch has the highest dev UA, and among equals the lowest dev loss.

    Args:
        net: the net, on the banks' device.
        train: frames to learn from.
        dev: frames that choose the epoch.
        task_weights: task -> weight in the loss.
        settings: how to train.
        seed: of data order, crops and dropout; initial weights are the caller's.
        on_epoch: told of every epoch as it ends.

    Raises:
        TrainingError: the loss is no finite number, or the processor cannot autocast.
    """
    devices = [train.values.device] if train.values.is_cuda else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        trainer = _Trainer(net, train, task_weights, settings, seed)
        epochs: list[Epoch] = []
        best, best_score, best_weights = 0, (-math.inf, -math.inf), net.state_dict()
        while len(epochs) < settings.max_epochs and len(epochs) - best < settings.patience:
            loss, frames_per_s = trainer.epoch()
            dev_loss, dev_ua = evaluate(net, dev)
            epochs.append(Epoch(len(epochs) + 1, loss, dev_loss, dev_ua, frames_per_s))
            if (dev_ua, -dev_loss) > best_score:
                best, best_score = len(epochs), (dev_ua, -dev_loss)
                best_weights = copy.deepcopy(net.state_dict())
            if on_epoch is not None:
                on_epoch(epochs[-1])
    net.load_state_dict(best_weights)
    return History(tuple(epochs), best)


class _Trainer:
    """A net, its optimiser and the data it learns from, one epoch at a time."""

    def __init__(
        self,
        net: MultiTaskNet,
        train: FrameBank,
        task_weights: Mapping[str, float],
        settings: TrainingSettings,
        seed: int,
    ) -> None:
        _refuse_unsupported_autocast(settings)
        self.net, self.train, self.settings = net, train, settings
        self.task_weights = task_weights
        self.class_weights = _class_weights(train, settings)
        self.optimizer = torch.optim.Adam(net.parameters(), settings.learning_rate, fused=True)
        self.generator = torch.Generator().manual_seed(seed)

    def epoch(self) -> tuple[float, float]:
        """Mean loss over an epoch's batches, and training frames a second."""
        self.net.train()
        started = time.perf_counter()
        losses, frames = [], []
        for batch in batches(self.net, self.train, self.settings, self.generator):
            losses.append(self._step(batch))
            frames.append(batch.lengths.sum())
        mean, n_frames = torch.stack(losses).mean().item(), int(torch.stack(frames).sum())
        if not math.isfinite(mean):
            raise TrainingError(
                f"the training loss became {mean}; lower learning_rate "
                f"(it is {self.settings.learning_rate})"
            )
        return mean, n_frames / (time.perf_counter() - started)

    def _step(self, batch: Batch) -> Tensor:
        """Learn from one batch; its loss, left on the device so that nothing waits for it."""
        autocast = torch.autocast(
            batch.x.device.type, torch.bfloat16, enabled=self.settings.autocast
        )
        with autocast:
            logits = self.net(batch.x, batch.lengths)
        loss = multitask_loss(
            logits, batch.targets, batch.lengths, self.task_weights, self.class_weights
        )
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.settings.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.settings.clip_norm)
        self.optimizer.step()
        return loss.detach()


def batches(
    net: MultiTaskNet, bank: FrameBank, settings: TrainingSettings, generator: torch.Generator
) -> Iterator[Batch]:
    """One epoch of the batches that suit the net: frames with context, or whole sequences."""
    size, limit = settings.batch_size, settings.batches_per_epoch
    if net.context:
        return bank.frame_batches(size, limit, net.context, generator)
    return islice(bank.sequence_batches(size, settings.crop_frames, 0, generator), limit)


def evaluate(net: MultiTaskNet, dev: FrameBank) -> tuple[float, float]:
    """Loss and unweighted accuracy of utterances by their mean posterior.

    Returns:
        mean negative log of the true class's mean posterior, and mean recall over the classes
        present.
    """
    means = torch.stack([p.mean(dim=0) for p in posteriors(net, dev)[EMOTION.name]])
    target = dev.targets[EMOTION.name].cpu()
    known = target != MISSING
    means, target = means[known].double(), target[known]
    chosen = means.gather(1, target[:, None]).clamp(min=1e-12)
    hits = (means.argmax(dim=1) == target).double()
    recalls = [hits[target == c].mean() for c in set(target.tolist())]
    return float(-chosen.log().mean()), float(np.mean(recalls))


def _refuse_unsupported_autocast(settings: TrainingSettings) -> None:
    on_cpu = torch.device(settings.device).type == "cpu"
    if settings.autocast and on_cpu and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise TrainingError(
            "autocast = true: this processor has no bfloat16 arithmetic; set it to false or train "
            "on another device"
        )


def _class_weights(train: FrameBank, settings: TrainingSettings) -> dict[str, Tensor]:
    if settings.class_weight is None:
        return {}
    target = train.targets[EMOTION.name]
    return {EMOTION.name: balanced_weights(target, train.lengths, EMOTION.n_classes)}
