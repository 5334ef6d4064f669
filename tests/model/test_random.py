from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from voxaffect.model.random import LEVELS, Dropout, RandomStream, generator

H = 24


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def hidden(n_frames: int, n_rows: int) -> Tensor:
    return 1 + torch.rand(n_frames, n_rows, H, generator=seeded(9))


@pytest.mark.parametrize("probability", [0.1, 0.3, 0.5, 0.9])
def test_a_share_is_dropped_and_the_rest_scaled_so_that_the_mean_stays(probability: float) -> None:
    x = hidden(50, 40)
    out = Dropout(seeded(0), (50, 40))(x, probability)
    kept = out != 0
    share = 1 - round(LEVELS * probability) / LEVELS
    deviation = (share * (1 - share) / x.numel()) ** 0.5
    assert kept.float().mean().item() == pytest.approx(share, abs=5 * deviation)
    torch.testing.assert_close(out[kept], x[kept] / share)


def test_units_fall_independently() -> None:
    """Bytes of one word decide neighboring units; every pair of them falls as often as two may."""
    out = Dropout(seeded(1), (100, 100))(torch.ones(100, 100, 8), 0.5)
    dropped = (out == 0).float().view(-1, 8)
    together = dropped.T @ dropped / len(dropped)
    expected = torch.full((8, 8), 0.25).fill_diagonal_(0.5)
    torch.testing.assert_close(together, expected, rtol=0, atol=5 * 0.5 / len(dropped) ** 0.5)


def test_probability_zero_is_the_identity_and_draws_nothing() -> None:
    noise, x = seeded(0), hidden(3, 2)
    before = noise.get_state()
    assert Dropout(noise, (3, 2))(x, 0.0) is x
    assert torch.equal(noise.get_state(), before)


def test_each_call_draws_anew_and_the_seed_decides() -> None:
    x = hidden(3, 2)
    first, again, other = (Dropout(seeded(seed), (3, 2)) for seed in (0, 0, 1))
    masks = [first(x, 0.5), again(x, 0.5), other(x, 0.5), first(x, 0.5)]
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])
    assert not torch.equal(masks[0], masks[3])


@pytest.mark.parametrize("world", [2, 3])
def test_processes_take_their_rows_of_the_whole_mask(world: int) -> None:
    x = hidden(6, 7)
    whole = Dropout(seeded(4), (6, 7))(x, 0.5)
    for rank in range(world):
        share = x[:5, rank::world]  # whose longest row is shorter than the batch's
        own = Dropout(seeded(4), (6, 7), rank, world)(share, 0.5)
        assert torch.equal(own, whole[:5, rank::world])


def test_a_process_without_a_row_draws_as_the_others_do() -> None:
    noises = [seeded(4), seeded(4)]
    masked = [
        Dropout(noise, (5, 2), rank, 3)(hidden(5, 1), 0.5)
        for rank, noise in zip((0, 2), noises, strict=True)
    ]
    assert (masked[0] == 0).any()
    assert torch.equal(masked[1], hidden(5, 1))
    assert torch.equal(*(noise.get_state() for noise in noises))


def test_what_is_dropped_has_no_gradient() -> None:
    x = hidden(3, 2).requires_grad_()
    out = Dropout(seeded(0), (3, 2))(x, 0.5)
    (slope,) = torch.autograd.grad(out.sum(), [x])
    assert torch.equal(slope, torch.where(out == 0, 0.0, 2.0))


def drawn(seed: int, stream: RandomStream) -> list[float]:
    return torch.rand(4, generator=generator(seed, stream)).tolist()


def test_each_seed_and_each_purpose_has_a_stream_of_its_own() -> None:
    seeds = (0, 1, 2, 3, 2**40)
    streams = [tuple(drawn(*which)) for which in itertools.product(seeds, RandomStream)]
    assert len(set(streams)) == len(seeds) * len(RandomStream)


def test_the_same_purpose_of_the_same_seed_is_the_same_stream() -> None:
    assert all(drawn(7, stream) == drawn(7, stream) for stream in RandomStream)


def test_the_global_stream_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    drawn(3, RandomStream.ORDER)
    assert torch.equal(before, torch.random.get_rng_state())
