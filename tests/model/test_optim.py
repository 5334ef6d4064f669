from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from voxaffect.model.optim import (
    LEVELS,
    Dropout,
    ParameterGroup,
    RandomStream,
    StackAdam,
    generator,
)

RATES = (3e-3, 3e-3, 1e-2, 1e-3)
S = 3


class Weights(nn.Module):
    """Two parameters of S nets."""

    def __init__(self, shapes: Sequence[Sequence[int]], n_nets: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        drawn = [torch.randn((n_nets, *shape), generator=generator) for shape in shapes]
        self.values = nn.ParameterList([nn.Parameter(values) for values in drawn])


def make_groups(n_nets: int = S, rates: Sequence[float] = RATES) -> list[ParameterGroup]:
    """A trunk, two heads and something that is not clipped."""
    shapes: list[list[tuple[int, ...]]] = [[(4, 3), (4,)], [(2, 4), (2,)], [(5, 4)], [(6,)]]
    modules = [Weights(own, n_nets, seed=i) for i, own in enumerate(shapes)]
    return [
        ParameterGroup(module, rate, is_clipped=i < 3)
        for i, (module, rate) in enumerate(zip(modules, rates, strict=True))
    ]


def parameters(groups: Sequence[ParameterGroup]) -> list[nn.Parameter]:
    return [parameter for group in groups for parameter in group.module.parameters()]


class Reference:
    """One net and PyTorch's own optimizer."""

    def __init__(self, groups: Sequence[ParameterGroup], net: int) -> None:
        own = [
            [nn.Parameter(p[net].detach().clone()) for p in group.module.parameters()]
            for group in groups
        ]
        self.parameters = [p for group in own for p in group]
        self._clipped = [
            p for group, ps in zip(groups, own, strict=True) if group.is_clipped for p in ps
        ]
        options = [{"params": ps, "lr": g.learning_rate} for g, ps in zip(groups, own, strict=True)]
        self._adam = torch.optim.Adam(options)

    def step(self, grads: Sequence[Tensor], clip_norm: float | None) -> None:
        for parameter, grad in zip(self.parameters, grads, strict=True):
            parameter.grad = grad.clone()
        if clip_norm is not None:
            nn.utils.clip_grad_norm_(self._clipped, clip_norm)
        self._adam.step()


def give_gradients(groups: Sequence[ParameterGroup], generator: torch.Generator) -> list[Tensor]:
    """Of very different sizes, so that clipping bites some nets and not others."""
    grads = []
    for parameter in parameters(groups):
        scale = torch.logspace(-2, 1, S)[: len(parameter)].view(-1, *[1] * (parameter.dim() - 1))
        parameter.grad = scale * torch.randn(parameter.shape, generator=generator)
        grads.append(parameter.grad.clone())
    return grads


def check_equal(groups: Sequence[ParameterGroup], references: Sequence[Reference]) -> None:
    for s, reference in enumerate(references):
        for ours, theirs in zip(parameters(groups), reference.parameters, strict=True):
            torch.testing.assert_close(ours[s], theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("clip_norm", [None, 1.0])
@pytest.mark.parametrize("rates", [RATES, (3e-3,) * 4], ids=["several rates", "one rate"])
def test_each_net_is_updated_as_by_an_optimizer_of_its_own(
    rates: Sequence[float], clip_norm: float | None
) -> None:
    groups = make_groups(rates=rates)
    references = [Reference(groups, s) for s in range(S)]
    adam, generator = StackAdam(groups), torch.Generator().manual_seed(1)
    pattern = [[True] * S, [True, False, True], [False, True, True], [True, True, False]] * 3
    for active in pattern:
        adam.zero_grad()
        grads = give_gradients(groups, generator)
        adam.step(active, clip_norm)
        for s in range(S):
            if active[s]:
                references[s].step([grad[s] for grad in grads], clip_norm)
        check_equal(groups, references)


def test_a_net_without_a_batch_is_left_as_it_is() -> None:
    groups, generator = make_groups(), torch.Generator().manual_seed(1)
    adam = StackAdam(groups)
    give_gradients(groups, generator)
    adam.step([True] * S, 1.0)
    before = adam.values.clone()
    give_gradients(groups, generator)
    adam.step([True, False, True], 1.0)
    changed = (adam.values != before).all(1)
    assert changed.tolist() == [True, False, True]
    assert torch.equal(adam.values[1], before[1])


def test_parameters_are_views_of_one_block() -> None:
    groups = make_groups()
    before = torch.cat([p.detach().flatten(1) for p in parameters(groups)], 1)
    adam = StackAdam(groups)
    assert torch.equal(adam.values, before)
    adam.values.zero_()
    assert all(not parameter.any() for parameter in parameters(groups))


def test_a_parameter_without_a_gradient_counts_as_nought() -> None:
    groups = make_groups()
    adam, first = StackAdam(groups), parameters(groups)[0]
    before = adam.values.clone()
    adam.zero_grad()
    assert all(parameter.grad is None for parameter in parameters(groups))
    first.grad = torch.ones_like(first)
    adam.step([True] * S, 1.0)
    n_own = first[0].numel()
    assert (adam.values[:, :n_own] != before[:, :n_own]).all()
    assert torch.equal(adam.values[:, n_own:], before[:, n_own:])


def test_a_net_that_is_no_number_spoils_no_other() -> None:
    groups, generator = make_groups(), torch.Generator().manual_seed(1)
    references = [Reference(groups, s) for s in range(S)]
    adam = StackAdam(groups)
    grads = give_gradients(groups, generator)
    for parameter in parameters(groups):
        assert parameter.grad is not None
        parameter.grad[1] = float("nan")
    adam.step([True] * S, 1.0)
    for s in (0, 2):
        references[s].step([grad[s] for grad in grads], 1.0)
    assert adam.values[1].isnan().all()
    for s in (0, 2):
        for ours, theirs in zip(parameters(groups), references[s].parameters, strict=True):
            torch.testing.assert_close(ours[s], theirs, rtol=1e-5, atol=1e-6)


def test_fewer_nets_go_on_exactly_where_more_were() -> None:
    kept = [0, 2]
    generators = [torch.Generator().manual_seed(1) for _ in range(2)]
    whole, cut_down = make_groups(), make_groups()
    one, other = StackAdam(whole), StackAdam(cut_down)
    for adam, groups, random in zip((one, other), (whole, cut_down), generators, strict=True):
        for active in ([True, True, True], [True, True, False]):
            give_gradients(groups, random)
            adam.step(active, 1.0)
    fewer = make_groups(n_nets=2)
    other = other.narrowed(fewer, kept)
    for _ in range(3):
        grads = give_gradients(whole, generators[0])
        for parameter, grad in zip(parameters(fewer), grads, strict=True):
            parameter.grad = grad[kept]
        one.step([True] * S, 1.0)
        other.step([True, True], 1.0)
    assert torch.equal(other.values, one.values[kept])


def test_nets_can_stop_before_the_first_step() -> None:
    groups = make_groups()
    adam = StackAdam(groups)
    fewer = make_groups(n_nets=1)
    narrowed = adam.narrowed(fewer, [1])
    assert torch.equal(narrowed.values, adam.values[1:2])
    assert torch.equal(parameters(fewer)[0], parameters(groups)[0][1:2])


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
    """Bytes of one word decide neighboring units; every pair of them falls as often as two may."""
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


def test_a_nets_mask_depends_neither_on_neighbors_nor_on_padding() -> None:
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
