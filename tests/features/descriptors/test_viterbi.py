from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from voxaffect.features.descriptors import viterbi
from voxaffect.features.descriptors.viterbi import BLOCK_STEPS, Transitions, best_paths

LENGTHS = st.sampled_from(
    [0, 1, 2, 7, BLOCK_STEPS, BLOCK_STEPS + 1, BLOCK_STEPS + 2, 2 * BLOCK_STEPS + 1, 300]
)


def random_lattice(seed: int, n_frames: int, n_states: int) -> tuple[Tensor, Tensor, Transitions]:
    """Scores with forbidden states, positions, costs that are not symmetric."""
    rng = torch.Generator().manual_seed(seed)
    score = torch.rand(n_frames, n_states, generator=rng)
    forbidden = torch.rand(n_frames, n_states, generator=rng) < 0.3
    forbidden[:, 0] = False
    position = 3 * torch.rand(n_frames, n_states, generator=rng)
    fixed, slope = torch.rand(2, n_states, n_states, generator=rng)
    return score.masked_fill(forbidden, -torch.inf), position, Transitions(fixed / 2, slope)


def total(score: Tensor, position: Tensor, path: Tensor, transitions: Transitions) -> float:
    """What a path earns, in float64."""
    at = position.gather(1, path.unsqueeze(1)).squeeze(1).double()
    before, after = path[:-1], path[1:]
    cost = transitions.fixed[before, after] + transitions.slope[before, after] * at.diff().abs()
    return float(score.gather(1, path.unsqueeze(1)).double().sum() - cost.sum())


def sequential_best(score: Tensor, position: Tensor, transitions: Transitions) -> float:
    """Total of the best path by the textbook's recursion, in float64."""
    best = score[0].double()
    for before, after, earned in zip(position[:-1], position[1:], score[1:], strict=True):
        distance = (before.unsqueeze(1) - after).abs()
        cost = transitions.fixed + transitions.slope * distance
        best = (best.unsqueeze(1) - cost).amax(0) + earned
    return float(best.max())


@settings(deadline=None, max_examples=30)
@given(st.lists(LENGTHS, min_size=1, max_size=5), st.integers(1, 5), st.integers(0, 10**6))
def test_paths_earn_what_the_sequential_search_finds(
    lengths: list[int], n_states: int, seed: int
) -> None:
    score, position, transitions = random_lattice(seed, sum(lengths), n_states)
    paths = best_paths(score, position, lengths, transitions).split(lengths)  # type: ignore[no-untyped-call]
    for s, p, path in zip(score.split(lengths), position.split(lengths), paths, strict=True):  # type: ignore[no-untyped-call]
        if len(path):
            expected = sequential_best(s, p, transitions)
            assert total(s, p, path, transitions) == pytest.approx(expected, abs=1e-4)


@given(st.integers(1, 5), st.integers(1, 3), st.integers(0, 10**6))
def test_no_other_path_earns_more(n_frames: int, n_states: int, seed: int) -> None:
    score, position, transitions = random_lattice(seed, n_frames, n_states)
    path = best_paths(score, position, [n_frames], transitions)
    every = product(range(n_states), repeat=n_frames)
    best = max(total(score, position, torch.tensor(p), transitions) for p in every)
    assert total(score, position, path, transitions) == pytest.approx(best, abs=1e-5)


def test_neighbours_change_nothing() -> None:
    lengths = [300, 1, 40, 129]
    score, position, transitions = random_lattice(0, sum(lengths), 4)
    together = best_paths(score, position, lengths, transitions).split(lengths)  # type: ignore[no-untyped-call]
    for n, s, p, path in zip(
        lengths,
        score.split(lengths),  # type: ignore[no-untyped-call]
        position.split(lengths),  # type: ignore[no-untyped-call]
        together,
        strict=True,
    ):
        assert torch.equal(best_paths(s, p, [n], transitions), path)


@pytest.mark.parametrize("steps", [1, 3, 50, 1000])
def test_where_the_blocks_are_cut_does_not_matter(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = [120, 1, 7, 2]
    score, position, transitions = random_lattice(1, sum(lengths), 4)
    expected = best_paths(score, position, lengths, transitions)
    monkeypatch.setattr(viterbi, "BLOCK_STEPS", steps)
    assert torch.equal(best_paths(score, position, lengths, transitions), expected)


def test_a_dear_transition_keeps_the_path_where_it_is() -> None:
    score = torch.tensor([[1.0, 0.0]] * 200 + [[0.0, 1.0]] * 3 + [[1.0, 0.0]] * 200)
    dear = Transitions(fixed=2.0 * (1 - torch.eye(2)), slope=torch.zeros(2, 2))
    free = Transitions(fixed=torch.zeros(2, 2), slope=torch.zeros(2, 2))
    position = torch.zeros_like(score)
    assert not best_paths(score, position, [403], dear).any()
    assert torch.equal(best_paths(score, position, [403], free), score.argmax(1))


def test_scores_keep_their_precision_over_a_long_recording() -> None:
    """A path a thousandth better is found after 20,000 frames of great scores."""
    score = torch.full((20_000, 2), 1000.0)
    score[-1, 1] += 0.001
    never = Transitions(fixed=1e6 * (1 - torch.eye(2)), slope=torch.zeros(2, 2))
    assert best_paths(score, torch.zeros_like(score), [20_000], never).all()


def test_no_frames_no_path() -> None:
    transitions = Transitions(torch.zeros(2, 2), torch.zeros(2, 2))
    assert best_paths(torch.zeros(0, 2), torch.zeros(0, 2), [0, 0], transitions).shape == (0,)
