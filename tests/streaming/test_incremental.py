from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voxaffect.streaming.incremental import (
    functionals_so_far,
    merged,
    no_frames,
    running_functionals,
)
from voxaffect.utterance.functionals import functionals


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(1, 5), st.integers(0, 99))
def test_functionals_of_pieces_are_those_of_the_whole(
    lengths: list[int], n_utterances: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    whole = rng.random((n_utterances, sum(lengths) + 1, 5)).astype(np.float32)
    running = np.stack([no_frames(5)] * n_utterances)
    begin = 0
    for length in [*lengths, 1]:
        piece = whole[:, begin : begin + length].reshape(-1, 5)
        following = running_functionals(piece, np.full(n_utterances, length), 0.2)
        running = merged(running, following)
        begin += length
    columns = np.array([1, 3, 4])
    expected = [functionals(one[:, columns], 0.2) for one in whole]
    np.testing.assert_allclose(functionals_so_far(running, columns), expected, rtol=1e-6)
    np.testing.assert_allclose(running[:, 2], whole.sum(axis=1, dtype=np.float64))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=8))
def test_each_utterance_gets_its_own_frames(counts: list[int]) -> None:
    owner = np.repeat(np.arange(len(counts)), counts)
    posteriors = np.stack([owner, owner % 2], axis=1).astype(np.float32)
    running = running_functionals(posteriors, np.array(counts), 0.5)
    for number, (count, (highest, _, _, above, n_frames)) in enumerate(
        zip(counts, running, strict=True)
    ):
        expected = [number, number % 2] if count else [-np.inf, -np.inf]
        assert highest.tolist() == expected
        assert above.tolist() == [count * (number > 0), count * (number % 2)]
        assert n_frames.tolist() == [count, count]
