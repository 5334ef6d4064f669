"""Independent streams of random numbers from one seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

# Adam on a stack of nets, whose parameters lie in one block: a row a net.
#
# One fused update and one norm a step, however many tensors a net has; a net that stops is a row
# taken away.


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that share a learning rate.

    Args:
        module: holds them, each (S, ...).
        learning_rate: of all of them.
        is_clipped: whether they count in the norm of the gradient, and are clipped by it.
    """

    module: nn.Module
    learning_rate: float
    is_clipped: bool = True


class StackAdam:
    """Adam (Kingma and Ba 2015), fused, for S nets that never meet.

    From here on the parameters are views of `values`.

    Args:
        groups: all parameters; those that are clipped come first.

    Attributes:
        values: float32 (S, P), all parameters of each net.
    """

    def __init__(self, groups: Sequence[ParameterGroup]) -> None:
        parameters = [list(group.module.parameters()) for group in groups]
        self._parameters = [parameter for own in parameters for parameter in own]
        self.values = torch.cat([p.detach().flatten(1) for p in self._parameters], 1)
        self._grads = torch.empty_like(self.values)
        _bind(self._parameters, self.values)
        sizes = [sum(p[0].numel() for p in own) for own in parameters]
        self._n_clipped = sum(
            size for group, size in zip(groups, sizes, strict=True) if group.is_clipped
        )
        rates, self._spans = _merged(groups, sizes)
        self._rows = [
            [nn.Parameter(row[begin:end]) for begin, end in self._spans] for row in self.values
        ]
        options = [
            {"params": list(views), "lr": rate}
            for rate, views in zip(rates, zip(*self._rows, strict=True), strict=True)
        ]
        self._adam = torch.optim.Adam(options, fused=True)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    def step(self, active: Sequence[bool], clip_norm: float | None) -> None:
        """Update the nets that had a batch; the others keep weights, moments and number of steps.

        Args:
            active: S of them.
            clip_norm: largest norm of a net's gradient; None leaves it.
        """
        grads = [p.new_zeros(p.shape) if p.grad is None else p.grad for p in self._parameters]
        torch.cat([grad.flatten(1) for grad in grads], 1, out=self._grads)
        if clip_norm is not None:
            clipped = self._grads[:, : self._n_clipped]
            norm = clipped.norm(dim=1, keepdim=True)
            clipped.mul_((clip_norm / (norm + 1e-6)).clamp_(max=1.0))
        for row, own, is_active in zip(self._rows, self._grads, active, strict=True):
            for view, (begin, end) in zip(row, self._spans, strict=True):
                view.grad = own[begin:end] if is_active else None
        self._adam.step()

    def narrowed(self, groups: Sequence[ParameterGroup], kept: Sequence[int]) -> StackAdam:
        """The optimizer of some of the nets, which goes on where this one is.

        Args:
            groups: as at first, of modules of as many nets; their weights are overwritten.
            kept: rows of the nets.
        """
        fewer = StackAdam(groups)
        with torch.no_grad():
            fewer.values.copy_(self.values[list(kept)])
        for row, s in zip(fewer._rows, kept, strict=True):
            for new, old in zip(row, self._rows[s], strict=True):
                if old in self._adam.state:
                    fewer._adam.state[new] = self._adam.state[old]
        return fewer


def _bind(parameters: Sequence[nn.Parameter], values: Tensor) -> None:
    """Let parameters (S, ...) live side by side in a block (S, P)."""
    ends = list(accumulate(parameter[0].numel() for parameter in parameters))
    for parameter, begin, end in zip(parameters, [0, *ends], ends, strict=False):
        parameter.data = values[:, begin:end].view(parameter.shape)


def _merged(
    groups: Sequence[ParameterGroup], sizes: Sequence[int]
) -> tuple[list[float], list[tuple[int, int]]]:
    """Learning rates, and the columns of each: neighbors of one rate are one update."""
    rates: list[float] = []
    ends: list[int] = []
    for group, end in zip(groups, accumulate(sizes), strict=True):
        if rates and group.learning_rate == rates[-1]:
            ends[-1] = end
        elif end > (ends[-1] if ends else 0):
            rates.append(group.learning_rate)
            ends.append(end)
    return rates, list(zip([0, *ends], ends, strict=False))


LEVELS = 256
"""A mask is decided by one random byte a unit: eight units for one 64-bit draw, where a draw a unit
took a fifth of a DNN's step. Probabilities are rounded to 1 / 256."""


class Dropout:
    """The masks of one training step.

    Args:
        generators: S of them, on the device.
        extents: frames and rows (T, B) that each net's batch has; a net draws for these alone.
        rank: which rows of the batch this process computes: every `world`-th from `rank` on.
        world: processes that share the batch. Each draws the masks of all rows.
        tasks: tasks that each net learns; None where all learn the same.
    """

    def __init__(
        self,
        generators: Sequence[torch.Generator],
        extents: Sequence[tuple[int, int]],
        rank: int = 0,
        world: int = 1,
        tasks: Sequence[Iterable[str]] | None = None,
    ) -> None:
        self._generators, self._extents = generators, extents
        self._rank, self._world, self._tasks = rank, world, tasks

    def of(self, task: str) -> Dropout:
        """The masks of a task's own layers, for which a net without the task draws nothing."""
        if self._tasks is None:
            return self
        extents = [
            extent if task in own else (0, 0)
            for extent, own in zip(self._extents, self._tasks, strict=True)
        ]
        return Dropout(self._generators, extents, self._rank, self._world)

    def __call__(self, hidden: Tensor, probability: float) -> Tensor:
        """Hidden states (T, S, B, H), some set to 0 and the others scaled up for them."""
        kept = LEVELS - round(LEVELS * probability)
        if kept == LEVELS:
            return hidden
        # A comparison of signed bytes that answers in numbers: the way without slow conversions.
        mask = torch.lt(
            self._draws(hidden), kept - LEVELS // 2, out=torch.empty_like(hidden.detach())
        )
        return hidden * mask.mul_(LEVELS / max(kept, 1))

    def _draws(self, hidden: Tensor) -> Tensor:
        """A random byte a unit, int8 (T, S, B, H); the largest where a net has no such unit."""
        n_frames, n_nets, n_rows, n_units = hidden.shape
        shape = n_nets, n_frames, n_rows, n_units
        draws = hidden.new_full(shape, LEVELS // 2 - 1, dtype=torch.int8)
        for own, generator, extent in zip(draws, self._generators, self._extents, strict=True):
            fresh = _random_bytes((*extent, n_units), generator, hidden.device)
            fresh = fresh[:n_frames, self._rank :: self._world]
            own[: fresh.shape[0], : fresh.shape[1]] = fresh
        return draws.movedim(0, 1)


def _random_bytes(
    shape: tuple[int, ...], generator: torch.Generator, device: torch.device
) -> Tensor:
    """Signed bytes, all equally likely."""
    n_bytes = prod(shape)
    words = torch.empty(-(-n_bytes // 8), dtype=torch.int64, device=device)
    words.random_(-(2**63), None, generator=generator)
    return words.view(torch.int8)[:n_bytes].view(shape)


class RandomStream(IntEnum):
    """What random numbers are for; each purpose of a seed has a stream of its own."""

    WEIGHTS = 0
    ORDER = 1
    DROPOUT = 2


def generator(seed: int, stream: RandomStream, device: str = "cpu") -> torch.Generator:
    """A generator for one purpose of a seed, on a device."""
    state = np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state) >> 1)
