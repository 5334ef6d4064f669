"""The multi-task loss: cross-entropy frame by frame, every frame bearing its utterance's labels.

Letters: S nets, B rows, T frames, C classes. Nets of a stack never mix: every loss has S values.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Self

import torch
from torch import Tensor, nn

from voxaffect.taxonomy import MISSING

# How much each task counts in the loss: fixed, or learned beside the net.
#
# Letters: S nets, K tasks. Weights of 0 stay 0: a net does not learn that task.

Kind = Literal["fixed", "uncertainty", "gradnorm"]


class TaskWeighting(nn.Module):
    """Fixed weights: the paper's equation (1).

    Args:
        weights: float32 (S, K), 0 where a net does not learn a task.
    """

    initial: Tensor

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.register_buffer("initial", weights)

    def forward(self, losses: Tensor, shared: Sequence[Tensor]) -> Tensor:  # noqa: ARG002 the fixed ones need no gradient
        """The loss of each net, (S,), of its tasks' (S, K).

        Args:
            losses: (S, K).
            shared: weights of the last layer that all tasks share, each (S, ...).
        """
        return (self.initial * losses).sum(1)

    def settle(self) -> None:
        """Bring learned weights back into their range; called after every step."""

    def narrowed(self, kept: Sequence[int]) -> Self:
        """The weighting of some of the nets."""
        fewer, rows = copy.deepcopy(self), list(kept)
        for tensor in (*fewer.buffers(), *fewer.parameters()):
            tensor.data = tensor.data[rows]
        return fewer


class UncertaintyWeighting(TaskWeighting):
    """Each task's loss over a variance that is learned (Kendall, Gal and Cipolla 2018).

    A task counts exp(-s) L + s / 2, where s is the logarithm of its variance; exp(-s) begins at the
    fixed weight. A batch without labels of a task says nothing of its variance.
    """

    def __init__(self, weights: Tensor) -> None:
        super().__init__(weights)
        self.log_variance = nn.Parameter(torch.where(weights > 0, -weights.log(), 0.0))

    def forward(self, losses: Tensor, shared: Sequence[Tensor]) -> Tensor:  # noqa: ARG002 as above
        """As `TaskWeighting.forward`."""
        weighted = (-self.log_variance).exp() * losses + self.log_variance / 2
        counted = (self.initial > 0) & (losses.detach() != 0)  # a loss that is no number counts
        return torch.where(counted, weighted, 0.0).sum(1)


class GradNormWeighting(TaskWeighting):
    """Weights that make tasks train at like rates (GradNorm; Chen et al. 2018).

    The gradient of a task's weighted loss in the last shared layer is drawn towards the tasks' mean
    norm, times the relative rate at which its loss has fallen to the power of the asymmetry. The
    sum of a net's weights stays what it was.

    Args:
        weights: float32 (S, K).
        asymmetry: alpha; larger values pull slow tasks forward harder. 1.5 in the paper.
    """

    first_losses: Tensor

    def __init__(self, weights: Tensor, asymmetry: float) -> None:
        super().__init__(weights)
        self.weights = nn.Parameter(weights.clone())
        self.asymmetry = asymmetry
        self.register_buffer("first_losses", torch.zeros_like(weights))

    def forward(self, losses: Tensor, shared: Sequence[Tensor]) -> Tensor:
        """As `TaskWeighting.forward`; leaves the weights' gradient where the optimizer looks."""
        counted = (self.initial > 0) & (losses.detach() > 0)
        with torch.no_grad():
            fresh = counted & (self.first_losses == 0)
            self.first_losses.copy_(torch.where(fresh, losses, self.first_losses))
        self._pull(losses, counted, shared)
        return (self.weights.detach() * losses).sum(1)

    def settle(self) -> None:
        """Keep weights positive and their sum what it was."""
        with torch.no_grad():
            kept = torch.where(self.initial > 0, self.weights.clamp(min=MIN_WEIGHT), 0.0)
            self.weights.copy_(kept * (self.initial.sum(1) / kept.sum(1))[:, None])

    def _pull(self, losses: Tensor, counted: Tensor, shared: Sequence[Tensor]) -> None:
        """Gradient of sum |G - target| in the weights, where G = weight x norm (equation 2)."""
        norms = torch.stack([_norm(column, shared) for column in losses.unbind(1)], 1)
        with torch.no_grad():
            number = counted.sum(1, keepdim=True).clamp(min=1)
            reached = self.weights * norms
            ratio = torch.where(counted, losses / self.first_losses.clamp(min=MIN_WEIGHT), 0.0)
            rate = ratio / (ratio.sum(1, keepdim=True) / number).clamp(min=MIN_WEIGHT)
            mean = (reached * counted).sum(1, keepdim=True) / number
            slope = torch.sign(reached - mean * rate**self.asymmetry) * norms
            pull = torch.where(counted, slope, 0.0)
            self.weights.grad = pull if self.weights.grad is None else self.weights.grad.add_(pull)


MIN_WEIGHT = 1e-4


def _norm(losses: Tensor, shared: Sequence[Tensor]) -> Tensor:
    """Norm of each net's gradient in the shared weights, (S,), of its loss (S,)."""
    slopes = torch.autograd.grad(losses.sum(), shared, retain_graph=True)
    norms: Tensor = torch.linalg.vector_norm(torch.cat([s.flatten(1) for s in slopes], 1), dim=1)
    return norms


def weighting(kind: Kind, weights: Tensor, asymmetry: float) -> TaskWeighting:
    """The weighting of a kind, beginning at given weights (S, K)."""
    if kind == "uncertainty":
        return UncertaintyWeighting(weights)
    if kind == "gradnorm":
        return GradNormWeighting(weights, asymmetry)
    return TaskWeighting(weights)


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
