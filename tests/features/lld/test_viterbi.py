from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voxaffect.features.lld.pitch import Paths, best_path
from voxaffect.features.lld.pitch_settings import Transitions

Floats = NDArray[np.float32]
Lattice = tuple[Floats, Floats, Transitions]


def lattice(seed: int, n_frames: int, n_states: int) -> Lattice:
    """Scores with forbidden states, positions, costs that are not symmetric."""
    rng = np.random.default_rng(seed)
    score = rng.random((n_frames, n_states), np.float32)
    forbidden = rng.random((n_frames, n_states)) < 0.3
    forbidden[:, 0] = False
    position = 3 * rng.random((n_frames, n_states), np.float32)
    fixed, slope = rng.random((2, n_states, n_states), np.float32)
    return np.where(forbidden, np.float32(-np.inf), score), position, Transitions(fixed / 2, slope)


def decode(score: Floats, position: Floats, transitions: Transitions, lag: int) -> NDArray[np.int8]:
    states, _ = best_path(Paths.none(score.shape[1], lag), score, position, transitions, 0)
    return states


def best_states(score: Floats, position: Floats, transitions: Transitions) -> NDArray[np.int8]:
    return decode(score, position, transitions, lag=len(score))


def total(
    score: Floats, position: Floats, path: tuple[int, ...], transitions: Transitions
) -> float:
    """Score of a path."""
    score_sum = sum(float(score[t, s]) for t, s in enumerate(path))
    for t, (i, j) in enumerate(pairwise(path)):
        distance = abs(float(position[t, i]) - float(position[t + 1, j]))
        score_sum -= float(transitions.fixed[i, j]) + float(transitions.slope[i, j]) * distance
    return score_sum


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 4))
def test_no_path_has_a_higher_score(seed: int, n_frames: int, n_states: int) -> None:
    score, position, transitions = lattice(seed, n_frames, n_states)
    found = tuple(best_states(score, position, transitions).tolist())
    best = max(
        total(score, position, path, transitions)
        for path in product(range(n_states), repeat=n_frames)
    )
    assert total(score, position, found, transitions) == pytest.approx(best, abs=1e-5)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(0, 80), st.integers(0, 30), st.data())
def test_incremental_decoding_gives_the_same_path(
    seed: int, n_frames: int, lag: int, data: st.DataObject
) -> None:
    score, position, transitions = lattice(seed, n_frames, 4)
    whole = decode(score, position, transitions, lag)
    paths, parts, start = Paths.none(4, lag), [], 0
    while start < n_frames:
        some = slice(start, start + data.draw(st.integers(0, n_frames - start)))
        states, paths = best_path(paths, score[some], position[some], transitions, lag)
        parts.append(states)
        start = some.stop
        assert sum(map(len, parts)) == max(0, start - lag)
    states, _ = best_path(paths, score[:0], position[:0], transitions, 0)
    np.testing.assert_array_equal(np.concatenate([*parts, states]), whole)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(0, 60))
def test_a_state_is_that_of_the_best_path_known_after_the_lag(
    seed: int, n_frames: int, lag: int
) -> None:
    score, position, transitions = lattice(seed, n_frames, 3)
    states = decode(score, position, transitions, lag)
    for t in range(n_frames):
        known = slice(0, min(t + lag + 1, n_frames))
        assert states[t] == best_states(score[known], position[known], transitions)[t]


def test_scores_of_an_hour_stay_precise() -> None:
    """A difference of 1e-4 a frame still decides after 360,000 frames."""
    n_frames = 360_000
    score = np.tile(np.array([1.0, 1.0001], np.float32), (n_frames, 1))
    stay = Transitions(
        np.full((2, 2), 9, np.float32) * (1 - np.eye(2, dtype=np.float32)),
        np.zeros((2, 2), np.float32),
    )
    states = decode(score, np.zeros_like(score), stay, lag=20)
    assert (states == 1).all()


def test_an_empty_lattice_has_no_states() -> None:
    score, position, transitions = lattice(0, 0, 3)
    assert len(decode(score, position, transitions, lag=5)) == 0
