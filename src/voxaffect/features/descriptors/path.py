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
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.compiled import compiled

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


class Survivors(NamedTuple):
    """The best paths to all states of T frames.

    Args:
        into: int8 (T, S), the state before each, on the best path to it.
        best: int8 (T,), where the best path of all ends.
    """

    into: States
    best: States


class LatticeSearch:
    """Searches one lattice that comes piece by piece.

    Args:
        transitions: costs between neighbouring frames.
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
        self._open = Survivors(np.zeros((0, n_states), np.int8), np.zeros(0, np.int8))

    def fork(self) -> LatticeSearch:
        """A twin that goes its own way; only what a search changes in place is copied."""
        twin = copy.copy(self)
        twin._last = self._last.copy()
        return twin

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
        new = Survivors(np.zeros(score.shape, np.int8), np.zeros(len(score), np.int8))
        first = 0
        if len(score) and not self._has_begun:
            self._last[:] = score[0] - score[0].max(), position[0]
            new.best[0] = score[0].argmax()
            self._has_begun, first = True, 1
        _forward(score[first:], position[first:], self._transitions, self._last, new)
        into, best = (np.concatenate(pair) for pair in zip(self._open, new, strict=True))
        n_committed = len(best) if ended else max(0, len(best) - self._lag)
        states = np.empty(n_committed, np.int8)
        _trace(Survivors(into, best), self._lag, states)
        self._open = Survivors(into[n_committed:], best[n_committed:])
        return states


@compiled
def _forward(
    score: Floats,
    position: Floats,
    transitions: Transitions,
    last: NDArray[np.float64],
    survivors: Survivors,
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
def _trace(survivors: Survivors, lag: int, states: States) -> None:
    """Fill `states` with those of the best paths as known `lag` frames later."""
    for t in range(len(states)):
        end = min(t + lag, len(survivors.best) - 1)
        state = survivors.best[end]
        for u in range(end, t, -1):
            state = survivors.into[u, state]
        states[t] = state
