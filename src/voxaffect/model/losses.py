"""The multi-task loss: cross-entropy frame by frame, every frame with its utterance's labels.

Letters: B rows, T frames, C classes, K tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from voxaffect.taxonomy import MISSING

Kind = Literal["fixed", "uncertainty", "gradnorm"]

MIN_WEIGHT = 1e-4


class TaskWeighting(nn.Module):
    """Fixed weights (K,) of the tasks in the loss, 0 if not trained: the paper's equation (1)."""

    initial: Tensor

    def __init__(self, weights: Tensor, asymmetry: float) -> None:
        super().__init__()
        self.register_buffer("initial", weights)
        self.asymmetry = asymmetry

    def forward(self, losses: Tensor, shared: Sequence[Tensor]) -> Tensor:  # noqa: ARG002 for learned ones
        """The loss, (), of the tasks' losses (K,) and the weights of the last layer they share."""
        return (self.initial * losses).sum()


class UncertaintyWeighting(TaskWeighting):
    """Each task's loss over a variance that is learned (Kendall, Gal and Cipolla 2018).

    A task counts exp(-s) L + s / 2, where s is the logarithm of its variance; exp(-s) begins at the
    fixed weight. A batch without labels of a task leaves its variance alone.
    """

    def __init__(self, weights: Tensor, asymmetry: float) -> None:
        super().__init__(weights, asymmetry)
        self.log_variance = nn.Parameter(torch.where(weights > 0, -weights.log(), 0.0))

    def forward(self, losses: Tensor, shared: Sequence[Tensor]) -> Tensor:  # noqa: ARG002 as above
        """As `TaskWeighting.forward`."""
        weighted = (-self.log_variance).exp() * losses + self.log_variance / 2
        counted = (self.initial > 0) & (losses.detach() != 0)  # NaN counts, so that it shows
        return torch.where(counted, weighted, 0.0).sum()


class GradNormWeighting(TaskWeighting):
    """Weights that make tasks train at like rates (GradNorm; Chen et al. 2018).

    The gradient of a task's weighted loss in the last shared layer is drawn towards the tasks' mean
    norm, times the relative rate at which its loss has fallen to the power of the asymmetry alpha
    (1.5 in the paper; larger values pull slow tasks forward harder). The weights stay positive, and
    their sum what it was.
    """

    first_losses: Tensor

    def __init__(self, weights: Tensor, asymmetry: float) -> None:
        super().__init__(weights, asymmetry)
        self.weights = nn.Parameter(weights.clone())
        self.register_buffer("first_losses", torch.zeros_like(weights))

    def forward(self, losses: Tensor, shared: Sequence[Tensor]) -> Tensor:
        """As `TaskWeighting.forward`; sets the weights' gradient of equation (2)."""
        slopes = [torch.autograd.grad(loss, shared, retain_graph=True) for loss in losses]
        flat = [torch.cat([part.flatten() for part in of_task]) for of_task in slopes]
        norms = torch.stack([torch.linalg.vector_norm(of_task) for of_task in flat])
        now, counted = losses.detach(), (self.initial > 0) & (losses.detach() > 0)
        with torch.no_grad():
            kept = torch.where(self.initial > 0, self.weights.clamp(min=MIN_WEIGHT), 0.0)
            self.weights.copy_(kept * self.initial.sum() / kept.sum())
            fresh = counted & (self.first_losses == 0)
            self.first_losses.copy_(torch.where(fresh, now, self.first_losses))
            number = counted.sum().clamp(min=1)
            reached = self.weights * norms
            ratio = torch.where(counted, now / self.first_losses.clamp(min=MIN_WEIGHT), 0.0)
            rate = ratio / (ratio.sum() / number).clamp(min=MIN_WEIGHT)
            mean = (reached * counted).sum() / number
            slope = torch.sign(reached - mean * rate**self.asymmetry) * norms
            self.weights.grad = torch.where(counted, slope, 0.0)
        return (self.weights.detach() * losses).sum()


WEIGHTINGS: Mapping[Kind, type[TaskWeighting]] = {
    "fixed": TaskWeighting,
    "uncertainty": UncertaintyWeighting,
    "gradnorm": GradNormWeighting,
}


def frame_mask(lengths: Tensor, n_frames: int) -> Tensor:
    """Whether a frame of a row is not padding, bool (T, B), by the rows' lengths int64 (B,)."""
    return torch.arange(n_frames, device=lengths.device)[:, None] < lengths


def task_losses(
    logits: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    lengths: Tensor,
    class_weights: Mapping[str, Tensor] | None = None,
    over_processes: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Mean cross-entropy over the frames whose label is known (or 0) of every task, (K,).

    Args:
        logits: task -> (T, B, C).
        targets: task -> int64 (B,), MISSING where a label is not known.
        lengths: int64 (B,), frames of each row that are not padding.
        class_weights: task -> (C,), for tasks that have some; the mean is weighted too.
        over_processes: adds up the weight of all frames over the processes that share the batch.
    """
    losses = []
    for task, scores in logits.items():
        labels = torch.where(frame_mask(lengths, len(scores)), targets[task], MISSING).flatten()
        weights = (class_weights or {}).get(task, scores.new_ones(scores.shape[2])).float()
        total = cross_entropy(
            scores.flatten(0, 1).float(), labels, weights, ignore_index=MISSING, reduction="sum"
        )
        mass = (weights[labels.clamp(min=0)] * (labels != MISSING)).sum()
        mass = mass if over_processes is None else over_processes(mass)
        losses.append(total / torch.where(mass > 0, mass, 1.0))
    return torch.stack(losses)


def balanced_weights(targets: Tensor, frames: Tensor, n_classes: int) -> Tensor:
    """Class weights (C,) of equal total for every class by targets and numbers of frames (N,).

    Their mean over the frames is 1; MISSING utterances do not count.
    """
    known = targets != MISSING
    mass = torch.bincount(targets[known], frames[known].double(), minlength=n_classes)
    present = mass > 0
    weights = torch.zeros_like(mass)
    weights[present] = mass.sum() / (present.sum() * mass[present])
    return weights.float()
