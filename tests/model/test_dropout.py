from __future__ import annotations

import pytest
import torch
from torch import Tensor

from voxaffect.model.dropout import LEVELS, Dropout

H = 24


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def hidden(n_frames: int, n_nets: int, n_rows: int) -> Tensor:
    generator = torch.Generator().manual_seed(9)
    return 1 + torch.rand(n_frames, n_nets, n_rows, H, generator=generator)


@pytest.mark.parametrize("probability", [0.1, 0.3, 0.5, 0.9])
def test_a_share_is_dropped_and_the_rest_scaled_so_that_the_mean_stays(probability: float) -> None:
    x = hidden(50, 1, 40)
    out = Dropout(generators(0), [(50, 40)])(x, probability)
    kept = out != 0
    share = 1 - round(LEVELS * probability) / LEVELS
    deviation = (share * (1 - share) / x.numel()) ** 0.5
    assert kept.float().mean().item() == pytest.approx(share, abs=5 * deviation)
    torch.testing.assert_close(out[kept], x[kept] / share)


def test_units_fall_independently() -> None:
    """Bytes of one word decide neighbouring units; every pair of them falls as often as two may."""
    out = Dropout(generators(1), [(100, 100)])(torch.ones(100, 1, 100, 8), 0.5)
    dropped = (out == 0).float().view(-1, 8)
    together = dropped.T @ dropped / len(dropped)
    expected = torch.full((8, 8), 0.25).fill_diagonal_(0.5)
    torch.testing.assert_close(together, expected, rtol=0, atol=5 * 0.5 / len(dropped) ** 0.5)


def test_probability_nothing_is_the_identity_and_draws_nothing() -> None:
    (noise,) = generators(0)
    before, x = noise.get_state(), hidden(3, 1, 2)
    assert Dropout([noise], [(3, 2)])(x, 0.0) is x
    assert torch.equal(noise.get_state(), before)


def test_probability_one_drops_everything() -> None:
    assert Dropout(generators(0), [(3, 2)])(hidden(3, 1, 2), 1.0).abs().sum() == 0


def test_each_call_draws_anew_and_the_seed_decides() -> None:
    x = hidden(3, 1, 2)
    first, again, other = (Dropout(generators(seed), [(3, 2)]) for seed in (0, 0, 1))
    masks = [first(x, 0.5), again(x, 0.5), other(x, 0.5), first(x, 0.5)]
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])
    assert not torch.equal(masks[0], masks[3])


def test_a_nets_mask_depends_neither_on_neighbours_nor_on_padding() -> None:
    extents = [(5, 2), (0, 0), (7, 4), (3, 6)]
    x = hidden(7, 4, 6)
    dropout = Dropout(generators(0, 1, 2, 3), extents)
    together = [dropout(x, 0.5), dropout(x, 0.3)]
    for s, (n_frames, n_rows) in enumerate(extents):
        alone = Dropout(generators(s), [(n_frames, n_rows)])
        own = x[:n_frames, s : s + 1, :n_rows]
        for whole, probability in zip(together, (0.5, 0.3), strict=True):
            assert torch.equal(whole[:n_frames, s : s + 1, :n_rows], alone(own, probability))


def test_a_net_without_a_batch_draws_nothing() -> None:
    first, idle = generators(0, 1)
    before = idle.get_state()
    Dropout([first, idle], [(5, 2), (0, 0)])(hidden(5, 2, 2), 0.5)
    assert torch.equal(idle.get_state(), before)


def test_a_net_draws_for_the_layers_of_its_own_tasks_alone() -> None:
    tasks = [{"emotion"}, {"emotion", "gender"}]
    noise, x = generators(0, 1), hidden(3, 2, 2)
    before = [generator.get_state() for generator in noise]
    dropout = Dropout(noise, [(3, 2)] * 2, tasks=tasks)
    dropout.of("gender")(x, 0.5)
    moved = [not torch.equal(g.get_state(), b) for g, b in zip(noise, before, strict=True)]
    assert moved == [False, True]
    first = Dropout(generators(0), [(3, 2)])(x[:, :1], 0.5)
    assert torch.equal(dropout.of("emotion")(x, 0.5)[:, :1], first)
    alone = Dropout(generators(0), [(3, 2)], tasks=tasks[:1])
    assert not alone.of("gender")(x[:, :1], 0.5).any()


@pytest.mark.parametrize("world", [2, 3])
def test_processes_take_their_rows_of_the_whole_mask(world: int) -> None:
    x = hidden(6, 1, 7)
    whole = Dropout(generators(4), [(6, 7)])(x, 0.5)
    for rank in range(world):
        share = x[:5, :, rank::world]  # whose longest row is shorter than the batch's
        own = Dropout(generators(4), [(6, 7)], rank, world)(share, 0.5)
        assert torch.equal(own, whole[:5, :, rank::world])


def test_what_is_dropped_has_no_gradient() -> None:
    x = hidden(3, 1, 2).requires_grad_()
    out = Dropout(generators(0), [(3, 2)])(x, 0.5)
    (slope,) = torch.autograd.grad(out.sum(), [x])
    assert torch.equal(slope, torch.where(out == 0, 0.0, 2.0))
