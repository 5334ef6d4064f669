from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voxaffect.features.lld.viterbi import Transitions, ViterbiDecoder, decode_batch
from voxaffect.features.packing import Ragged

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


def decode(
    decoder: ViterbiDecoder, score: Floats, position: Floats, *, ended: bool
) -> NDArray[np.int8]:
    ragged = Ragged(score, np.array([len(score)]))
    return decode_batch([decoder], ragged, position, ended=ended).rows


def best_states(score: Floats, position: Floats, transitions: Transitions) -> NDArray[np.int8]:
    decoder = ViterbiDecoder(transitions, lag=len(score))
    return decode(decoder, score, position, ended=True)


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
    whole = decode(ViterbiDecoder(transitions, lag), score, position, ended=True)
    decoder, parts, start = ViterbiDecoder(transitions, lag), [], 0
    while start < n_frames:
        stop = start + data.draw(st.integers(0, n_frames - start))
        parts.append(decode(decoder, score[start:stop], position[start:stop], ended=False))
        start = stop
        assert sum(map(len, parts)) == max(0, start - lag)
    parts.append(decode(decoder, score[:0], position[:0], ended=True))
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(0, 60))
def test_a_state_is_that_of_the_best_path_known_after_the_lag(
    seed: int, n_frames: int, lag: int
) -> None:
    score, position, transitions = lattice(seed, n_frames, 3)
    states = decode(ViterbiDecoder(transitions, lag), score, position, ended=True)
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
    states = decode(ViterbiDecoder(stay, 20), score, np.zeros_like(score), ended=True)
    assert (states == 1).all()


def test_an_empty_lattice_has_no_states() -> None:
    score, position, transitions = lattice(0, 0, 3)
    assert len(decode(ViterbiDecoder(transitions, 5), score, position, ended=True)) == 0
