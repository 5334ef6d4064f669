"""Exact best paths through lattices of candidates, many utterances and long ones in lock-step.

Every frame offers S states, each with a score and a position; a path earns the scores of its states
less the costs of its transitions. The recursion of Viterbi (1967) goes frame by frame, too slow in
Python for an hour of frames. So utterances are cut into blocks, and all blocks take their n-th step
together. First, each block's transfer matrix is made: what the best path from each of its first
states to each of its last earns. These are the steps of a short lattice, whose best path tells the
states in which the blocks begin and end. Knowing them, every block finds its own stretch of the
path. The max-plus product of matrices is associative, so the answer is the sequential one.

Letters: R frames of all utterances, S states, N columns that advance together, L steps of the
longest. Columns are the innermost axis, along which PyTorch vectorises. A gain is what a step
earns: the score of the state it leads to less the cost of the transition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK_STEPS = 64
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

    def gain(self, score: Tensor, position: Tensor) -> Tensor:
        """Gains (L, S, S, N) of the steps between neighbours among frames (L + 1, S, N)."""
        distance = (position[:-1].unsqueeze(2) - position[1:].unsqueeze(1)).abs_()
        cost = distance.mul_(self.slope.unsqueeze(2)).add_(self.fixed.unsqueeze(2))
        return torch.sub(score[1:].unsqueeze(1), cost, out=cost)


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
    lengths = [length for length in lengths if length]
    if not lengths:
        return torch.zeros(0, dtype=torch.int64, device=score.device)
    blocks = _Blocks.cut(torch.tensor(lengths, device=score.device))
    frame, taken = _side_by_side(blocks.first_step, blocks.n_steps)
    # Less the greatest of every frame: sums over time keep their precision.
    levelled = score - score.amax(1, keepdim=True)
    scores, positions = (x[frame].transpose(1, 2).contiguous() for x in (levelled, position))
    inner = _hold(transitions.gain(scores, positions), taken)
    block, taken = _side_by_side(blocks.first_of_chain, blocks.n_of_chain)
    crossed = block[:-1].clamp_max(len(blocks.chain) - 1)
    outer = _hold(_transfer(inner)[:, :, crossed].permute(2, 0, 1, 3), taken)
    borders = _best_states(outer, scores[0][:, blocks.first_of_chain])
    entered = borders[blocks.number, blocks.chain]
    left = borders[blocks.number + 1, blocks.chain]
    begin = torch.full_like(scores[0], -torch.inf)
    states = _best_states(inner, begin.scatter_(0, entered.unsqueeze(0), 0.0), left)
    return blocks.in_time(states)


@dataclass(frozen=True)
class _Blocks:
    """Chains of blocks, each chain an utterance; neighbours share a frame. All int64.

    Step r goes from frame r to the next.

    Args:
        first_of_chain: (utterances,), number of every utterance's first block.
        n_of_chain: (utterances,), blocks of every utterance, at least one.
        chain: (N,), utterance of every block.
        number: (N,), place of every block in its chain.
        first_step: (N,), the step every block begins with.
        n_steps: (N,), at most BLOCK_STEPS, 0 where an utterance has a single frame.
    """

    first_of_chain: Tensor
    n_of_chain: Tensor
    chain: Tensor
    number: Tensor
    first_step: Tensor
    n_steps: Tensor

    @classmethod
    def cut(cls, lengths: Tensor) -> _Blocks:
        """Cut utterances of so many frames, at least one each."""
        n_of_chain = ((lengths - 2) // BLOCK_STEPS + 1).clamp_min_(1)
        chain, number = _count_off(n_of_chain)
        done = number * BLOCK_STEPS
        return cls(
            first_of_chain=n_of_chain.cumsum(0) - n_of_chain,
            n_of_chain=n_of_chain,
            chain=chain,
            number=number,
            first_step=(lengths.cumsum(0) - lengths)[chain] + done,
            n_steps=(lengths[chain] - 1 - done).clamp_max_(BLOCK_STEPS),
        )

    def in_time(self, states: Tensor) -> Tensor:
        """States (R,) of all frames, from those of the blocks (L + 1, N).

        A frame that two blocks share is taken from the first.
        """
        begins = self.number == 0
        block, step = _count_off(self.n_steps + begins)
        return states[step + (~begins)[block], block]


def _count_off(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Owner of every item, and its number among the owner's, where owners have so many."""
    owner = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)
    first = counts.cumsum(0) - counts
    return owner, torch.arange(len(owner), device=counts.device) - first[owner]


def _side_by_side(first: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Stretches `first` to `first + count`, side by side: numbers (L + 1, N), and where they run.

    Beyond its end a stretch repeats its last number. The second (L, N) tells which steps are taken.
    """
    step = torch.arange(int(count.max()) + 1, device=first.device).unsqueeze(1)
    return first + torch.minimum(step, count), step[1:] <= count


def _hold(gain: Tensor, taken: Tensor) -> Tensor:
    """Gains (L, S, S, N) that keep every state, and its score, in steps (L, N) not taken."""
    stay = torch.eye(gain.shape[1], device=gain.device).log_()  # 0 and -inf
    return torch.where(taken[:, None, None], gain, stay.unsqueeze(2))


def _transfer(gains: Tensor) -> Tensor:
    """What the best paths earn from each first state to each last, (S, S, N) from (L, S, S, N)."""
    n_states = gains.shape[1]
    best = torch.eye(n_states, device=gains.device).log_().unsqueeze(2).expand(gains.shape[1:])
    for gain in gains:
        best = (best.unsqueeze(2) + gain).amax(1)  # first, before, after
    return best - best.amax((0, 1))


def _best_states(gains: Tensor, begin: Tensor, last: Tensor | None = None) -> Tensor:
    """States (L + 1, N) of the best paths, by the recursion of Viterbi.

    Args:
        gains: (L, S, S, N).
        begin: (S, N), scores before the first step.
        last: int64 (N,), states after the last step, the best unless given.
    """
    best = [begin]
    for gain in gains:
        arriving = (best[-1].unsqueeze(1) + gain).amax(0)
        best.append(arriving.sub_(arriving.amax(0)))
    state = best[-1].argmax(0) if last is None else last
    states = [state]
    for leaving, gain in zip(best[-2::-1], gains.unbind()[::-1], strict=True):
        into = gain.gather(1, state.expand(len(gain), 1, -1)).squeeze(1)
        state = (leaving + into).max(0).indices  # `argmax` takes ten times as long
        states.append(state)
    return torch.stack(states[::-1])
