"""The multi-task loss: cross-entropy frame by frame, every frame bearing its utterance's labels.

Letters: S nets, B rows, T frames, C classes. Nets of a stack never mix: every loss has S values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from voxaffect.taxonomy import MISSING


def row_weights(targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """What a frame of each row counts, float32 (S, B): 0 where the target is MISSING.

    Args:
        targets: int64 (S, B).
        class_weights: (S, C), the weight of a frame of each class; 1 unless given.
    """
    known = (targets != MISSING).float()
    if class_weights is None:
        return known
    return known * class_weights.gather(1, targets.clamp(min=0))


def frame_mass(weights: Tensor, lengths: Tensor) -> Tensor:
    """Weight of all frames, (S,): what a mean over them is divided by.

    Args:
        weights: what a frame of each row counts, (S, B).
        lengths: int64 (S, B), frames of each row.
    """
    return (weights * lengths).sum(1)


def inside(lengths: Tensor, n_frames: int) -> Tensor:
    """1 for the frames of a row that are no padding, else 0: float32 (S, T, B).

    Args:
        lengths: int64 (S, B).
        n_frames: T.
    """
    time = torch.arange(n_frames, device=lengths.device)[:, None]
    return (time < lengths[:, None]).float()


def masked_cross_entropy(
    logits: Tensor, targets: Tensor, weights: Tensor, mass: Tensor, counted: Tensor
) -> Tensor:
    """Mean cross-entropy over the frames whose target is known, (S,); 0 where none is.

    Args:
        logits: (S, T, B, C).
        targets: int64 (S, B).
        weights: what a frame of each row counts, (S, B).
        mass: weight of all frames, (S,).
        counted: which frames are no padding, (S, T, B).
    """
    share = weights / mass.clamp(min=torch.finfo(torch.float32).tiny)[:, None]
    chosen = targets.clamp(min=0)[:, None, :, None].expand(*logits.shape[:3], 1)
    found = logits.float().log_softmax(3).gather(3, chosen).squeeze(3)
    return -(found * (counted * share[:, None])).sum((1, 2))


def task_losses(
    logits: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    lengths: Tensor,
    class_weights: Mapping[str, Tensor] | None = None,
    over_processes: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Masked cross-entropy of every task, (S, K), in the order of the logits.

    Args:
        logits: task -> (S, T, B, C), K tasks.
        targets: task -> int64 (S, B), MISSING rows do not count.
        lengths: int64 (S, B), frames behind these do not count.
        class_weights: task -> (S, C), for tasks that have some; the mean is weighted too.
        over_processes: adds up the masses of all processes that hold rows of the batch.
    """
    counted = inside(lengths, next(iter(logits.values())).shape[1])
    losses = []
    for task, scores in logits.items():
        weights = row_weights(targets[task], (class_weights or {}).get(task))
        mass = frame_mass(weights, lengths)
        mass = mass if over_processes is None else over_processes(mass)
        losses.append(masked_cross_entropy(scores, targets[task], weights, mass, counted))
    return torch.stack(losses, 1)


def balanced_weights(targets: Tensor, frames: Tensor, n_classes: int) -> Tensor:
    """Weights that give every class present the same total weight: mean 1 over the frames.

    Args:
        targets: int64 (N,), MISSING utterances do not count.
        frames: int64 (N,), frames of each utterance.
        n_classes: C.

    Returns:
        float32 (C,); 0 for a class without frames.
    """
    known = targets != MISSING
    mass = torch.bincount(targets[known], frames[known].double(), minlength=n_classes)
    present = mass > 0
    weights = torch.zeros_like(mass)
    weights[present] = mass.sum() / (present.sum() * mass[present])
    return weights.float()
