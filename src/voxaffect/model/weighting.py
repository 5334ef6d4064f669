"""How much each task counts in the loss: fixed, or learned beside the net.

Letters: S nets, K tasks. Weights of 0 stay 0: a net does not learn that task.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal, Self

import torch
from torch import Tensor, nn

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
        """As `TaskWeighting.forward`; leaves the weights' gradient where the optimiser looks."""
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
