"""Exact best paths through lattices of candidates, many utterances and long ones in lock-step.

Every frame offers S states, each with a score and a position; a path earns the scores of its states
less the costs of its transitions. The recursion of Viterbi (1967) goes frame by frame, too slow in
Python for an hour of frames. So utterances are cut into blocks, and all blocks take their n-th step
together, three times. The first pass makes each block's transfer matrix, the best score from each
of its first states to each of its last; multiplied in the max-plus algebra, these tell the states
in which the best path crosses from block to block. Knowing them, every block finds its own stretch
of the path, forward and back. The product is associative, so the answer is the sequential one.

Letters: R frames of all utterances, N blocks, L steps of the longest block, S states. The blocks
are the innermost axis, along which PyTorch vectorises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK_STEPS = 128
"""Balances the steps of a block against the blocks of an hour. Fixed, so that the rounding of an
utterance's scores does not depend on its neighbours."""


@dataclass(frozen=True)
class Transitions:
    """What it costs to go from state i at position p to state j at position q in the next frame.

    The cost is `fixed[i, j] + slope[i, j] |p - q|`.

    Args:
        fixed: float32 (S, S).
        slope: float32 (S, S).
    """

    fixed: Tensor
    slope: Tensor

    def cost(self, before: Tensor, after: Tensor) -> Tensor:
        """Costs (S, S, N) between positions (S, N) and those of the next frame (S, N)."""
        distance = (before.unsqueeze(1) - after).abs_()
        return torch.addcmul(self.fixed.unsqueeze(2), self.slope.unsqueeze(2), distance)

    def cost_into(self, state: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """Costs (S, N) of entering one given state (N,) of the next frame."""
        distance = (before - after.gather(0, state.unsqueeze(0))).abs_()
        return torch.addcmul(self.fixed[:, state], self.slope[:, state], distance)


def best_paths(
    score: Tensor, position: Tensor, lengths: Sequence[int], transitions: Transitions
) -> Tensor:
    """States of the path of greatest total score, for every utterance by itself.

    Args:
        score: float32 (R, S), the frames of all utterances one after the other; -inf forbids a
            state, and every frame has one that is not forbidden.
        position: float32 (R, S), finite.
        lengths: frames of each utterance, with sum R.
        transitions: costs between the frames of an utterance.

    Returns:
        int64 (R,), a state a frame.
    """
    blocks = _cut(lengths)
    if not blocks:
        return torch.zeros(0, dtype=torch.int64, device=score.device)
    lattice = _Lattice(blocks, score, position, transitions)
    first, last = _crossings(lattice.transfer(), lattice.score[0], _chains(blocks))
    states = lattice.backtrack(lattice.forward(first), last)
    path = torch.empty(score.shape[0], dtype=torch.int64, device=score.device)
    path[lattice.frames[lattice.inside]] = states[lattice.inside]
    return path


@dataclass(frozen=True)
class _Block:
    """The frames from `start` to `start + steps`, both included: neighbours share a frame."""

    utterance: int
    start: int
    steps: int


def _cut(lengths: Sequence[int]) -> list[_Block]:
    """Blocks of all utterances, longest first, so that those still running are a prefix."""
    blocks: list[_Block] = []
    begin = 0
    for utterance, length in enumerate(lengths):
        end = begin + length
        if length == 1:
            blocks.append(_Block(utterance, begin, 0))
        blocks.extend(
            _Block(utterance, start, min(BLOCK_STEPS, end - 1 - start))
            for start in range(begin, end - 1, BLOCK_STEPS)
        )
        begin = end
    return sorted(blocks, key=lambda block: -block.steps)


def _chains(blocks: Sequence[_Block]) -> list[list[int]]:
    """Numbers of the blocks of every utterance, in time."""
    chains: dict[int, list[int]] = {}
    for number, block in enumerate(blocks):  # full blocks precede the rest, in time
        chains.setdefault(block.utterance, []).append(number)
    return list(chains.values())


def _levelled(score: Tensor) -> Tensor:
    """Scores (..., N) less the greatest of each block: sums over time keep their precision."""
    return score.sub_(score.amax(dim=tuple(range(score.ndim - 1))))


class _Lattice:
    """Scores and positions of all blocks side by side, (L + 1, S, N)."""

    def __init__(
        self, blocks: Sequence[_Block], score: Tensor, position: Tensor, transitions: Transitions
    ) -> None:
        starts = torch.tensor([block.start for block in blocks], device=score.device)
        steps = torch.tensor([block.steps for block in blocks], device=score.device)
        step = torch.arange(blocks[0].steps + 1, device=score.device).unsqueeze(1)
        self.inside = step <= steps  # (L + 1, N)
        self.frames = starts + torch.minimum(step, steps)  # (L + 1, N)
        self.score = score[self.frames].transpose(1, 2).contiguous()
        self.position = position[self.frames].transpose(1, 2).contiguous()
        self.running = self.inside[1:].sum(1).tolist()  # blocks that take step n
        self.transitions = transitions

    def transfer(self) -> Tensor:
        """Best scores (S, S, N) from each first state to each last, without the first's score."""
        _, n_states, n_blocks = self.score.shape
        best = self.score.new_full((n_states, n_states, n_blocks), -torch.inf)
        best.diagonal().fill_(0.0)
        for step, n in enumerate(self.running):
            cost = self._cost(step, n)
            arrivals = best[:, :, None, :n] - cost  # (S, S, S, n): first, before, after
            best[:, :, :n] = _levelled(arrivals.amax(1).add_(self.score[step + 1, :, :n]))
        return best

    def forward(self, first: Tensor) -> Tensor:
        """Best scores (L + 1, S, N) from the given first states (N,) to every state."""
        best = torch.full_like(self.score, -torch.inf)
        best[0].scatter_(0, first.unsqueeze(0), 0.0)
        for step, n in enumerate(self.running):
            arrivals = best[step, :, None, :n] - self._cost(step, n)  # (S, S, n): before, after
            best[step + 1, :, :n] = _levelled(arrivals.amax(0).add_(self.score[step + 1, :, :n]))
        return best

    def backtrack(self, best: Tensor, last: Tensor) -> Tensor:
        """States (L + 1, N) of the paths that `forward` scored, from their last states (N,)."""
        states = last.repeat(best.shape[0], 1)
        for step, n in reversed(list(enumerate(self.running))):
            before, after = self.position[step, :, :n], self.position[step + 1, :, :n]
            cost = self.transitions.cost_into(states[step + 1, :n], before, after)
            states[step, :n] = (best[step, :, :n] - cost).max(0).indices
        return states

    def _cost(self, step: int, n: int) -> Tensor:
        before, after = self.position[step, :, :n], self.position[step + 1, :, :n]
        return self.transitions.cost(before, after)


def _crossings(
    transfer: Tensor, first_score: Tensor, chains: Sequence[Sequence[int]]
) -> tuple[Tensor, Tensor]:
    """First and last states, (N,) each, of every block's stretch of the best path.

    Args:
        transfer: (S, S, N) of the blocks.
        first_score: (S, N) of their first frames.
        chains: numbers of the blocks of every utterance, in time.
    """
    links = _links(chains, transfer.device)
    entering = first_score.clone()  # right for the first blocks
    for before, after in links:
        entering[:, after] = _levelled((entering[:, None, before] + transfer[:, :, before]).amax(0))
    leaving = (entering.unsqueeze(1) + transfer).amax(0).max(0).indices  # right for the last blocks

    def entered(blocks: Tensor) -> Tensor:
        return (entering[:, blocks] + transfer[:, leaving[blocks], blocks]).max(0).indices

    for before, after in reversed(links):
        leaving[before] = entered(after)
    return entered(torch.arange(transfer.shape[2], device=transfer.device)), leaving


def _links(chains: Sequence[Sequence[int]], device: torch.device) -> list[tuple[Tensor, Tensor]]:
    """Numbers of neighbours in all chains: the first and second blocks, the second and third."""
    links = []
    for order in range(1, max(len(chain) for chain in chains)):
        longer = [chain for chain in chains if len(chain) > order]
        pairs = torch.tensor([chain[order - 1 : order + 1] for chain in longer], device=device)
        links.append((pairs[:, 0], pairs[:, 1]))
    return links
