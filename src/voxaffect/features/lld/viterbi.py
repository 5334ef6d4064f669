"""The best path through lattices of candidates, committed with a bounded delay.

Every frame offers S states, each with a score and a position; a path earns the scores of its states
less the costs of its transitions. The recursion of Viterbi (1967) finds the best path to each state
of each frame. A frame's own state is read off the best path that is known `lag` frames later, so a
live stream and a file give the same answer. Where the lag is as long as the lattice, this is the
best path of all.

Letters: T frames, S states.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.packing import Counts, Ragged
from voxaffect.features.runtime import compiled

Floats = NDArray[np.float32]
States = NDArray[np.int8]


class Transitions(NamedTuple):
    """What it costs to go from state i at position p to state j at position q in the next frame.

    The cost is `fixed[i, j] + slope[i, j] |p - q|`.

    Args:
        fixed: float32 (S, S).
        slope: float32 (S, S).
    """

    fixed: Floats
    slope: Floats


class Backpointers(NamedTuple):
    """The best paths to all states of T frames.

    Args:
        into: int8 (T, S), the state before each, on the best path to it.
        best: int8 (T,), where the best path of all ends.
    """

    into: States
    best: States


class Lattices(NamedTuple):
    """The next frames of U lattices end to end.

    Args:
        score: float32 (M, S).
        position: float32 (M, S).
        new: int64 (U,), frames of each.
        known: int64 (U,), these and those that were not committed before.
        committed: int64 (U,), how many of them are committed now.
        begun: bool (U,), whether any frame came before.
    """

    score: Floats
    position: Floats
    new: Counts
    known: Counts
    committed: Counts
    begun: NDArray[np.bool_]


class Paths(NamedTuple):
    """The best paths through U lattices.

    Args:
        last: float64 (U, 2, S), what the best path to each state of the last frame has earned, and
            where it is.
        survivors: of all frames that were not committed before, lattice after lattice.
        states: int8, of the frames that are committed now.
    """

    last: NDArray[np.float64]
    survivors: Backpointers
    states: States


class ViterbiDecoder:
    """Searches one lattice that comes piece by piece.

    Args:
        transitions: costs between neighboring frames.
        lag: frames after which a state is committed.
    """

    def __init__(self, transitions: Transitions, lag: int) -> None:
        n_states = len(transitions.fixed)
        self._transitions = transitions
        self._lag = lag
        # Of the last frame: what the best path to each state has earned, and where it is.
        self._last = np.zeros((2, n_states))
        self._has_begun = False
        # Of the frames that are not committed.
        self._open = Backpointers(np.zeros((0, n_states), np.int8), np.zeros(0, np.int8))

    def fork(self) -> ViterbiDecoder:
        """A twin that goes its own way; arrays are shared, as they are replaced, not changed."""
        return copy.copy(self)

    def advance(self, score: Floats, position: Floats, *, ended: bool) -> States:
        """States of the frames that are committed now, following on those of the last call.

        Args:
            score: float32 (T, S), of the next frames; -inf forbids a state, and every frame has one
                that is not forbidden.
            position: float32 (T, S), finite.
            ended: nothing follows, so all frames are committed.

        Returns:
            int8 (frames,).
        """
        n = np.array([len(score)])
        return decode_batch([self], Ragged(score, n), position, ended=ended).rows


def decode_batch(
    searches: Sequence[ViterbiDecoder], score: Ragged, position: Floats, *, ended: bool
) -> Ragged:
    """`ViterbiDecoder.advance` of U lattices that differ in nothing else, at less cost.

    Args:
        searches: the lattices.
        score: float32 rows (M, S).
        position: float32 (M, S).
        ended: nothing follows, of none of them.

    Returns:
        int8 rows: the states that are committed now.
    """
    lag, open_before = searches[0]._lag, [search._open for search in searches]
    into = Ragged.zero_padded([survivors.into for survivors in open_before], score.counts)
    best = Ragged.zero_padded([survivors.best for survivors in open_before], score.counts)
    n = best.counts if ended else np.maximum(0, best.counts - lag)
    begun = np.array([search._has_begun for search in searches])
    lattices = Lattices(score.rows, position, score.counts, best.counts, n, begun)
    last = np.stack([search._last for search in searches])
    paths = Paths(last, Backpointers(into.rows, best.rows), np.empty(n.sum(), np.int8))
    _decode_each(lattices, searches[0]._transitions, lag, paths)
    left = zip(into.tails(best.counts - n), best.tails(best.counts - n), strict=True)
    for u, (search, own) in enumerate(zip(searches, left, strict=True)):
        search._open, search._last = Backpointers(*own), last[u].copy()
        search._has_begun = search._has_begun or bool(score.counts[u])
    return Ragged(paths.states, n)


@compiled
def _decode_each(lattices: Lattices, transitions: Transitions, lag: int, paths: Paths) -> None:
    """Search lattices end to end; brings `last` up to them and fills in the rest."""
    score, position, last = lattices.score, lattices.position, paths.last
    begin, first, out = 0, 0, 0
    for u in range(len(lattices.new)):
        end, stop = begin + lattices.new[u], first + lattices.known[u]
        full = out + lattices.committed[u]
        own = Backpointers(paths.survivors.into[first:stop], paths.survivors.best[first:stop])
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
    survivors: Backpointers,
) -> None:
    """Viterbi's recursion; fills the last of the survivors and brings `last` up to them."""
    fixed, slope = transitions
    n_states = len(fixed)
    behind = len(survivors.best) - len(score)
    arriving = np.empty(n_states)
    for t in range(len(score)):
        highest = -np.inf
        for j in range(n_states):
            arriving[j] = -np.inf
            for i in range(n_states):
                way = last[0, i] - fixed[i, j] - slope[i, j] * abs(last[1, i] - position[t, j])
                if way > arriving[j]:
                    arriving[j], survivors.into[behind + t, j] = way, i
            arriving[j] += score[t, j]
            if arriving[j] > highest:
                highest, survivors.best[behind + t] = arriving[j], j
        for j in range(n_states):  # relative to the best, sums keep their precision for hours
            last[0, j], last[1, j] = arriving[j] - highest, position[t, j]


@compiled
def _trace_back(survivors: Backpointers, lag: int, states: States) -> None:
    """Fill `states` with those of the best paths as known `lag` frames later."""
    for t in range(len(states)):
        end = min(t + lag, len(survivors.best) - 1)
        state = survivors.best[end]
        for u in range(end, t, -1):
            state = survivors.into[u, state]
        states[t] = state
