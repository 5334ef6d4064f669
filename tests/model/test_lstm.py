from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from voxaffect.model.lstm import LstmWeights, as_one, lstm, one_by_one

Way = Callable[[Tensor, LstmWeights], Tensor]
both_ways = pytest.mark.parametrize("way", [one_by_one, as_one])


def make_nets(n_nets: int, n_inputs: int, n_cells: int) -> list[nn.LSTM]:
    torch.manual_seed(0)
    return [nn.LSTM(n_inputs, n_cells) for _ in range(n_nets)]


def stack(nets: list[nn.LSTM]) -> LstmWeights:
    """Leaves of their own, with the values of the nets."""
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    return LstmWeights(
        *(torch.stack([getattr(n, k).detach() for n in nets]).requires_grad_() for k in names)
    )


def make_input(n_frames: int, n_nets: int, n_sequences: int, n_inputs: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n_frames, n_nets, n_sequences, n_inputs, generator=generator)


def gradients(hidden: Tensor, of: list[Tensor]) -> list[Tensor]:
    """Of a sum whose every term weighs differently."""
    weighted = hidden * torch.linspace(-1, 1, hidden.numel(), dtype=hidden.dtype).view(hidden.shape)
    return list(torch.autograd.grad(weighted.sum(), of))


@both_ways
@given(
    T=st.integers(1, 9),
    S=st.sampled_from([1, 3]),
    B=st.integers(1, 5),
    F=st.integers(1, 7),
    H=st.integers(1, 7),
)
@settings(max_examples=25, deadline=None)
def test_values_and_gradients_are_those_of_the_librarys_module(
    way: Way, T: int, S: int, B: int, F: int, H: int
) -> None:
    nets, x = make_nets(S, F, H), make_input(T, S, B, F).requires_grad_()
    weights = stack(nets)
    expected = torch.stack([net(x[:, s])[0] for s, net in enumerate(nets)], 1)
    hidden = way(x, weights)
    torch.testing.assert_close(hidden, expected, rtol=1e-5, atol=1e-6)
    of_modules = [p for net in nets for p in net.parameters()]
    d_x, *d_modules = gradients(expected, [x, *of_modules])
    per_weight = [torch.stack(d_modules[k::4]) for k in range(4)]
    found = gradients(hidden, [x, *weights])
    for ours, theirs in zip(found, [d_x, *per_weight], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("n_frames", "n_nets"), [(1, 2), (4, 1), (4, 2)])
def test_the_written_out_way_back_is_the_derivative(n_frames: int, n_nets: int) -> None:
    weights = [w.detach().double().requires_grad_() for w in stack(make_nets(n_nets, 2, 3))]
    x = make_input(n_frames, n_nets, 2, 2).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, *w: as_one(x, LstmWeights(*w)), (x, *weights))


def test_the_way_back_can_be_gone_twice_and_without_the_inputs_gradient() -> None:
    weights, x = stack(make_nets(2, 3, 4)), make_input(5, 2, 2, 3)
    hidden = as_one(x, weights)
    once = torch.autograd.grad(hidden.sum(), weights, retain_graph=True)
    again = torch.autograd.grad(hidden.sum(), weights)
    beside_x = torch.autograd.grad(as_one(x.requires_grad_(), weights).sum(), weights)
    assert all(map(torch.equal, once, again))
    assert all(map(torch.equal, once, beside_x))


@both_ways
def test_a_net_does_not_depend_on_its_neighbors(way: Way) -> None:
    weights, x = stack(make_nets(3, 5, 7)), make_input(6, 3, 4, 5)
    together = way(x, weights)
    for s in range(3):
        alone = way(x[:, s : s + 1], LstmWeights(*(w[s : s + 1] for w in weights)))
        torch.testing.assert_close(together[:, s], alone[:, 0], rtol=1e-6, atol=1e-6)
    [d_first] = torch.autograd.grad(together[:, 0].sum(), [weights.recurrent])
    assert d_first[0].abs().min() > 0
    assert (d_first[1:] == 0).all()


@both_ways
def test_what_stands_behind_an_utterances_end_changes_nothing_before_it(way: Way) -> None:
    weights, x = stack(make_nets(2, 3, 4)), make_input(8, 2, 2, 3)
    padded = x.clone()
    padded[5:] = 1e3
    assert torch.equal(way(padded, weights)[:5], way(x, weights)[:5])
    x.requires_grad_()
    [d_x] = torch.autograd.grad(way(x, weights)[:5].sum(), [x])
    assert (d_x[:5].abs().amax(dim=(1, 2, 3)) > 0).all()
    assert (d_x[5:] == 0).all()


@both_ways
def test_order_in_memory_does_not_matter(way: Way) -> None:
    weights, x = stack(make_nets(3, 5, 7)), make_input(6, 3, 4, 5)
    net_by_net = x.transpose(0, 1).contiguous().transpose(0, 1)
    torch.testing.assert_close(way(net_by_net, weights), way(x, weights))


@both_ways
def test_a_stack_lies_in_memory_net_by_net(way: Way) -> None:
    hidden = way(make_input(6, 3, 4, 5), stack(make_nets(3, 5, 7)))
    assert hidden[:, 1].flatten(0, 1).data_ptr() == hidden[:, 1].data_ptr()  # a view, no copy


def test_a_single_net_copies_neither_its_input_nor_its_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Tensor] = []
    library = torch.lstm

    def watched(x: Tensor, *args: object, **kwargs: object) -> tuple[Tensor, Tensor, Tensor]:
        out = library(x, *args, **kwargs)  # type: ignore[call-overload]
        seen.extend([x, out[0]])
        return out  # type: ignore[no-any-return]

    monkeypatch.setattr(torch, "lstm", watched)
    x = make_input(6, 1, 4, 5)
    hidden = one_by_one(x, stack(make_nets(1, 5, 7)))
    assert seen[0].data_ptr() == x.data_ptr()
    assert seen[0].is_contiguous()
    assert seen[1].data_ptr() == hidden.data_ptr()
    assert hidden.is_contiguous()


@both_ways
def test_inference_gives_what_training_gives(way: Way) -> None:
    weights, x = stack(make_nets(2, 3, 4)), make_input(5, 2, 2, 3)
    with torch.inference_mode():
        inferred = way(x, weights)
    torch.testing.assert_close(inferred, way(x, weights).detach(), rtol=1e-6, atol=1e-6)


def test_on_a_processor_the_library_runs_each_net() -> None:
    weights, x = stack(make_nets(3, 5, 7)), make_input(6, 3, 4, 5)
    assert torch.equal(lstm(x, weights), one_by_one(x, weights))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no graphics card")
def test_a_graphics_card_gives_what_a_processor_gives() -> None:
    weights, x = stack(make_nets(3, 5, 7)), make_input(6, 3, 4, 5)
    expected = gradients(lstm(x, weights), list(weights))
    hidden = lstm(x.cuda(), LstmWeights(*(w.cuda() for w in weights)))
    for found, true in zip(gradients(hidden.cpu(), list(weights)), expected, strict=True):
        torch.testing.assert_close(found, true, rtol=1e-4, atol=1e-5)


def test_bfloat16_products_stay_close_to_float32() -> None:
    weights, x = stack(make_nets(2, 8, 16)), make_input(30, 2, 4, 8).requires_grad_()
    exact = as_one(x, weights)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = as_one(x, weights)
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.float(), exact, rtol=0, atol=1e-2)
    of = [x, *weights]
    for found, true in zip(gradients(rounded.float(), of), gradients(exact, of), strict=True):
        assert found.dtype == torch.float32
        assert (found - true).norm() < 1e-2 * true.norm()


def test_the_way_back_runs_the_same_inside_autocast() -> None:
    weights, x = stack(make_nets(2, 8, 16)), make_input(6, 2, 4, 8)
    outside = gradients(as_one(x, weights), list(weights))
    hidden = as_one(x, weights)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = gradients(hidden, list(weights))
    assert all(map(torch.equal, inside, outside))


class Counted(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations that reach a device, views among them."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = 0

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operations += 1
        return op(*args, **(kwargs or {}))


def count_operations(n_frames: int, *, autocast: bool) -> tuple[int, int]:
    """Forwards and on the way back."""
    weights, x = stack(make_nets(2, 3, 4)), make_input(n_frames, 2, 2, 3)
    with Counted() as forwards, torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        hidden = as_one(x, weights)
    with Counted() as back:
        torch.autograd.grad(hidden.sum(), weights)
    return forwards.operations, back.operations


@pytest.mark.parametrize(("autocast", "per_frame"), [(False, (7, 4)), (True, (8, 6))])
def test_a_frame_takes_as_many_kernels_as_documented(
    autocast: bool, per_frame: tuple[int, int]
) -> None:
    longer, shorter = (count_operations(n, autocast=autocast) for n in (9, 8))
    assert (longer[0] - shorter[0], longer[1] - shorter[1]) == per_frame
