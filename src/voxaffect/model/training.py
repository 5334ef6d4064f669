"""Training loop of a net on frames, with early stopping on a dev set. Knows no corpus."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

import torch
from torch import Generator, Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from voxaffect.errors import TrainingError
from voxaffect.model.data import (
    BatchIndices,
    FrameDataset,
    collate,
    frame_batches,
    sequence_batches,
)
from voxaffect.model.losses import WEIGHTINGS, TaskWeighting, balanced_weights, task_losses
from voxaffect.model.multitask import MultiTaskNet, evaluate
from voxaffect.model.random import Dropout, RandomStream, generator
from voxaffect.model.settings import EarlyStopping, Epoch, TrainingHistory, TrainingSettings
from voxaffect.taxonomy import EMOTION

OnEpoch = Callable[[Epoch], None]


def fit(
    net: MultiTaskNet,
    train: FrameDataset,
    dev: FrameDataset,
    settings: TrainingSettings,
    *,
    task_weights: Mapping[str, float],
    seed: int,
    on_epoch: OnEpoch | None = None,
) -> tuple[MultiTaskNet, TrainingHistory]:
    """Train a copy of a net until early stopping: the net of the best epoch, and all epochs.

    The best epoch has the highest `Epoch.score`. In a process group every process computes a share
    of each batch, and all come to the same net. The seed is that of data order, crops and dropout;
    `on_epoch` is called with every epoch as it ends.

    Raises:
        TrainingError: the loss is not finite, the processor has no bfloat16 arithmetic, or learned
            task weights are asked of several processes.
    """
    rank, world = rank_and_world()
    _check_supported(settings, world)
    device = torch.device(settings.device)
    order = generator(seed, RandomStream.ORDER)
    noise = generator(seed, RandomStream.DROPOUT, settings.device)
    class_weights = {}
    if settings.class_weight is not None:
        balanced = balanced_weights(train.targets[EMOTION.name], train.lengths, EMOTION.n_classes)
        class_weights[EMOTION.name] = balanced.to(device)

    net = copy.deepcopy(net).to(device)
    model = DistributedDataParallel(net) if world > 1 else net
    weights = torch.tensor([task_weights[name] for name in net.heads])
    weigh = WEIGHTINGS[settings.task_weighting](weights, settings.gradnorm_asymmetry).to(device)
    optimizer = torch.optim.Adam(_parameter_groups(net, weigh, settings), fused=True)
    best_weights: dict[str, Any] = {}
    stopping = EarlyStopping(settings.max_epochs, settings.patience)

    while stopping.left_at_least:
        started = time.perf_counter()
        net.train()
        total_loss, n_batches, n_frames = torch.zeros((), device=device), 0, 0
        for dataset, indices in _batches(net, train, settings, order):
            own = indices.share(rank, world)
            x, lengths, targets = collate(dataset, own, net.trunk.context)
            dropout = Dropout(noise, indices.extent, rank, world)
            optimizer.zero_grad()
            with torch.autocast(device.type, torch.bfloat16, enabled=settings.autocast):
                logits = model(x, lengths, dropout)
            losses = task_losses(logits, targets, lengths, class_weights, summed)
            loss = weigh(losses, net.trunk.last_weights)
            (loss * world).backward()  # processes average their gradients
            if settings.clip_norm is not None:
                nn.utils.clip_grad_norm_(net.parameters(), settings.clip_norm)
            optimizer.step()
            total_loss += loss.detach()  # stays on the device, so that nothing waits for it
            n_batches += 1
            n_frames += int(indices.n_frames.sum())
        train_loss = float(summed(total_loss)) / n_batches
        frames_per_s = n_frames / (time.perf_counter() - started)

        dev_loss, dev_ua = evaluate(net, dev)
        seconds = time.perf_counter() - started
        number = len(stopping.epochs) + 1
        epoch = Epoch(number, train_loss, dev_loss, dev_ua, frames_per_s, seconds)
        if not math.isfinite(train_loss + dev_loss):
            raise TrainingError(
                f"the training loss became {train_loss} and the dev loss {dev_loss}; "
                f"lower learning_rate (it is {settings.learning_rate})"
            )
        stopping.add(epoch)
        if stopping.best == number:
            best_weights = copy.deepcopy(net.state_dict())
        if on_epoch is not None:
            on_epoch(epoch)

    net.load_state_dict(best_weights)
    return net.eval(), TrainingHistory(tuple(stopping.epochs), stopping.best)


def _batches(
    net: MultiTaskNet, train: FrameDataset, settings: TrainingSettings, order: Generator
) -> Iterator[tuple[FrameDataset, BatchIndices]]:
    """One epoch: whole sequences for a recurrent net, single frames with context for others."""
    size, limit = settings.batch_size, settings.batches_per_epoch
    batches = (
        (part, indices)
        for part in train.parts(order)
        for indices in (
            sequence_batches(part, size, settings.crop_frames, order)
            if net.trunk.recurrent
            else frame_batches(part, size, limit, order)
        )
    )
    return islice(batches, limit)


def _parameter_groups(
    net: MultiTaskNet, weigh: TaskWeighting, settings: TrainingSettings
) -> list[dict[str, Any]]:
    """All parameters, those of heads with the learning rates of their tasks."""
    rate, rates = settings.learning_rate, settings.task_learning_rates
    groups = [{"params": [*net.trunk.parameters(), *weigh.parameters()], "lr": rate}]
    for task, head in net.heads.items():
        groups.append({"params": list(head.parameters()), "lr": rates.get(task, rate)})
    return groups


def _check_supported(settings: TrainingSettings, world: int) -> None:
    on_cpu = torch.device(settings.device).type == "cpu"
    if settings.autocast and on_cpu and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise TrainingError(
            "autocast = true: this processor has no bfloat16 arithmetic; set it to false or train "
            "on another device"
        )
    if settings.task_weighting != "fixed" and world > 1:
        raise TrainingError(
            f'task_weighting = "{settings.task_weighting}" does not work with {world} processes; '
            'set it to "fixed" or start one process'
        )


@contextmanager
def process_group(device: str) -> Iterator[None]:
    """Join the process group, if `torchrun` has started several, for training on a device."""
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


def rank_and_world() -> tuple[int, int]:
    """Rank of this process, and number of processes that train together."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


@contextmanager
def first_process_first() -> Iterator[None]:
    """Let the first process run the body before the others, which then find its results."""
    rank, world = rank_and_world()
    if rank > 0:
        distributed.barrier()
    yield
    if world > 1 and rank == 0:
        distributed.barrier()


def summed(value: Tensor) -> Tensor:
    """Sum over all processes, without a gradient."""
    if rank_and_world()[1] > 1:
        distributed.all_reduce(value)
    return value
