"""Viterbi decoding of lattices of candidates, with a bounded delay.

Every frame has S states, each with a score and a position. A path's score is the sum of its states'
scores less the costs of its transitions. The recursion of Viterbi (1967) finds the best path to
each state of each frame. A frame's state is that on the best path known `lag` frames later, so that
a live stream and a file give the same result. A lag as long as the lattice gives the best path.

Letters: U lattices, T frames of one, M frames of all, S states.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.packing import Counts, Ragged
from voxaffect.features.runtime import compiled

Floats = NDArray[np.float32]
States = NDArray[np.int8]


class Transitions(NamedTuple):
    """Costs `fixed[i, j] + slope[i, j] |p - q|` from state i at position p to j at q."""

    fixed: Floats  # (S, S)
    slope: Floats  # (S, S)


class Backpointers(NamedTuple):
    """Best paths to all states of T frames."""

    into: States  # (T, S), the previous state on the best path to each
    best: States  # (T,), the state with the best path of all


class Lattices(NamedTuple):
    """Next frames of U lattices, concatenated."""

    score: Floats  # (M, S)
    position: Floats  # (M, S)
    new: Counts  # (U,), number of frames
    known: Counts  # (U,), number of these and of earlier uncommitted frames
    committed: Counts  # (U,), how many of the known frames are committed now
    begun: NDArray[np.bool_]  # (U,), whether there were earlier frames


class Paths(NamedTuple):
    """Best paths through U lattices."""

    last: NDArray[np.float64]  # (U, 2, S), of the last frame: score of the best path, and position
    backpointers: Backpointers  # of all known frames
    states: States  # of the frames that are committed now


class ViterbiDecoder:
    """State of the incremental decoding of one lattice by `decode_batch`, with a lag in frames."""

    def __init__(self, transitions: Transitions, lag: int) -> None:
        n_states = len(transitions.fixed)
        self._transitions = transitions
        self._lag = lag
        self._last = np.zeros((2, n_states))  # as in Paths
        self._has_begun = False
        self._open = Backpointers(np.zeros((0, n_states), np.int8), np.zeros(0, np.int8))


def decode_batch(
    decoders: Sequence[ViterbiDecoder], score: Ragged, position: Floats, *, ended: bool
) -> Ragged:
    """Decode the next frames of U lattices.

    Args:
        decoders: states of the lattices, with equal costs and lag; updated.
        score: float32 rows (M, S); -inf forbids a state, but not all states of a frame.
        position: float32 (M, S), finite.
        ended: whether these are the last frames of all; then all are committed.

    Returns:
        int8 rows, states of the frames that are committed now.
    """
    lag, known = decoders[0]._lag, [decoder._open for decoder in decoders]
    into = Ragged.zero_padded([one.into for one in known], score.counts)
    best = Ragged.zero_padded([one.best for one in known], score.counts)
    n = best.counts if ended else np.maximum(0, best.counts - lag)
    begun = np.array([decoder._has_begun for decoder in decoders])
    lattices = Lattices(score.rows, position, score.counts, best.counts, n, begun)
    last = np.stack([decoder._last for decoder in decoders])
    paths = Paths(last, Backpointers(into.rows, best.rows), np.empty(n.sum(), np.int8))
    _decode_each(lattices, decoders[0]._transitions, lag, paths)
    left = zip(into.tails(best.counts - n), best.tails(best.counts - n), strict=True)
    for u, (decoder, own) in enumerate(zip(decoders, left, strict=True)):
        decoder._open, decoder._last = Backpointers(*own), last[u].copy()
        decoder._has_begun = decoder._has_begun or bool(score.counts[u])
    return Ragged(paths.states, n)


@compiled
def _decode_each(lattices: Lattices, transitions: Transitions, lag: int, paths: Paths) -> None:
    """Update `paths` by the next frames of each lattice."""
    score, position, last = lattices.score, lattices.position, paths.last
    begin, first, out = 0, 0, 0
    for u in range(len(lattices.new)):
        end, stop = begin + lattices.new[u], first + lattices.known[u]
        full = out + lattices.committed[u]
        own = Backpointers(paths.backpointers.into[first:stop], paths.backpointers.best[first:stop])
        if begin < end and not lattices.begun[u]:
            last[u, 0], last[u, 1] = score[begin] - score[begin].max(), position[begin]
            own.best[0] = score[begin].argmax()
            begin += 1
        _viterbi_forward(score[begin:end], position[begin:end], transitions, last[u], own)
        _trace_back(own, lag, paths.states[out:full])
        begin, first, out = end, stop, full


@compiled
def _viterbi_forward(
    score: Floats,
    position: Floats,
    transitions: Transitions,
    last: NDArray[np.float64],
    backpointers: Backpointers,
) -> None:
    """Viterbi's recursion over the last frames of `backpointers`."""
    fixed, slope = transitions
    n_states = len(fixed)
    behind = len(backpointers.best) - len(score)
    arriving = np.empty(n_states)
    for t in range(len(score)):
        highest = -np.inf
        for j in range(n_states):
            arriving[j] = -np.inf
            for i in range(n_states):
                total = last[0, i] - fixed[i, j] - slope[i, j] * abs(last[1, i] - position[t, j])
                if total > arriving[j]:
                    arriving[j], backpointers.into[behind + t, j] = total, i
            arriving[j] += score[t, j]
            if arriving[j] > highest:
                highest, backpointers.best[behind + t] = arriving[j], j
        for j in range(n_states):  # relative to the best, sums keep their precision for hours
            last[0, j], last[1, j] = arriving[j] - highest, position[t, j]


@compiled
def _trace_back(backpointers: Backpointers, lag: int, states: States) -> None:
    """Fill `states` with those of the best paths known `lag` frames later."""
    for t in range(len(states)):
        end = min(t + lag, len(backpointers.best) - 1)
        state = backpointers.best[end]
        for u in range(end, t, -1):
            state = backpointers.into[u, state]
        states[t] = state
