from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voxaffect.streaming.incremental import RunningFunctionals
from voxaffect.utterance.functionals import functionals


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(1, 5), st.integers(0, 99))
def test_functionals_of_pieces_are_those_of_the_whole(
    lengths: list[int], n_utterances: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    whole = rng.random((n_utterances, sum(lengths) + 1, 5)).astype(np.float32)
    running = RunningFunctionals.empty(n_utterances, 5)
    begin = 0
    for length in [*lengths, 1]:
        piece = whole[:, begin : begin + length].reshape(-1, 5)
        running = running.merged(
            RunningFunctionals.from_posteriors(piece, np.full(n_utterances, length), 0.2)
        )
        begin += length
    columns = np.array([1, 3, 4])
    expected = [functionals(one[:, columns], 0.2) for one in whole]
    np.testing.assert_allclose(running.functionals(columns), expected, rtol=1e-6)
    np.testing.assert_allclose(running.mean, whole.mean(axis=1, dtype=np.float64))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=8))
def test_each_utterance_gets_its_own_frames(counts: list[int]) -> None:
    owner = np.repeat(np.arange(len(counts)), counts)
    posteriors = np.stack([owner, owner % 2], axis=1).astype(np.float32)
    running = RunningFunctionals.from_posteriors(posteriors, np.array(counts), 0.5)
    assert running.n_frames.tolist() == counts
    for number, (count, row) in enumerate(zip(counts, running.rows(), strict=True)):
        expected = [number, number % 2] if count else [-np.inf, -np.inf]
        one = RunningFunctionals.from_rows([row])
        assert one.highest.tolist() == [expected]
        assert one.above.tolist() == [[count * (number > 0), count * (number % 2)]]


def test_rows_round_trip() -> None:
    posteriors = np.random.default_rng(0).random((7, 3)).astype(np.float32)
    running = RunningFunctionals.from_posteriors(posteriors, np.array([3, 0, 4]), 0.2)
    for one, other in zip(running, RunningFunctionals.from_rows(running.rows()), strict=True):
        np.testing.assert_array_equal(one, other)
