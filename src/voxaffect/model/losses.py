"""The multi-task loss: cross-entropy frame by frame, every frame bearing its utterance's labels."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from voxaffect.taxonomy import MISSING


def frame_targets(targets: Tensor, lengths: Tensor, n_frames: int) -> Tensor:
    """Targets of every frame: the utterance's own, MISSING on padding.

    Args:
        targets: int64 (B,).
        lengths: int64 (B,).
        n_frames: T.

    Returns:
        int64 (B, T).
    """
    time = torch.arange(n_frames, device=targets.device)
    return torch.where(time < lengths[:, None], targets[:, None], MISSING)


def masked_cross_entropy(
    logits: Tensor, targets: Tensor, class_weights: Tensor | None = None
) -> Tensor:
    """Mean cross-entropy over the frames whose target is known; 0 where none is.

    Args:
        logits: (B, T, C).
        targets: int64 (B, T), MISSING frames do not count.
        class_weights: (C,), the weight of a frame of each class; the mean is weighted too.
    """
    flat = targets.flatten()
    known = flat != MISSING
    total = cross_entropy(
        logits.flatten(0, 1).float(), flat, class_weights, ignore_index=MISSING, reduction="sum"
    )
    if class_weights is None:
        mass = known.sum()
    else:
        mass = (class_weights[flat.clamp(min=0)] * known).sum()
    return total / mass.clamp(min=torch.finfo(torch.float32).tiny)


def multitask_loss(
    logits: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    lengths: Tensor,
    task_weights: Mapping[str, float],
    class_weights: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """Sum over tasks of weight times masked cross-entropy: the paper's equation (1).

    Args:
        logits: task -> (B, T, C).
        targets: task -> int64 (B,).
        lengths: int64 (B,).
        task_weights: task -> weight; 1 for emotion and 0.1 for each subtask in the paper.
        class_weights: task -> (C,), optional.
    """
    total = lengths.new_zeros((), dtype=torch.float32)
    for task, weight in task_weights.items():
        wanted = frame_targets(targets[task], lengths, logits[task].shape[1])
        own = (class_weights or {}).get(task)
        total = total + weight * masked_cross_entropy(logits[task], wanted, own)
    return total


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
