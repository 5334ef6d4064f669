from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from voxaffect.model.trunks import (
    DnnSettings,
    DnnTrunk,
    Linear,
    LstmSettings,
    LstmTrunk,
    TrunkSettings,
    draw_last,
    draw_rectified,
    reverse,
)

DNN, LSTM = DnnSettings(hidden=8, context=2), LstmSettings(hidden=8)
BLSTM = LstmSettings(hidden=8, bidirectional=True)
TRUNKS: list[TrunkSettings] = [DNN, LSTM, BLSTM]


def drawn(trunk: TrunkSettings, n_nets: int = 1, n_features: int = 3) -> DnnTrunk | LstmTrunk:
    built = trunk.build(n_features, n_nets)
    for net in range(n_nets):
        built.draw(net, torch.Generator().manual_seed(net))
    return built


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5))


def alone(trunk: DnnTrunk | LstmTrunk, x: Tensor) -> Tensor:
    """Hidden states (T, H) of one utterance's frames (T + 2 r, F)."""
    n_frames = len(x) - 2 * trunk.context
    hidden: Tensor = trunk(x[:, None, None], torch.tensor([[n_frames]]))
    return hidden[:, 0, 0]


def test_reverse_mirrors_each_sequence_within_its_length() -> None:
    x = torch.arange(8.0).reshape(2, 1, 4).movedim(2, 0)[..., None]  # (4, 2, 1, 1)
    mirrored = reverse(x, torch.tensor([[4], [2]]))
    assert mirrored[:, 0].flatten().tolist() == [3, 2, 1, 0]
    assert mirrored[:, 1].flatten().tolist() == [5, 4, 6, 7]


@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    padding=st.integers(0, 9),
    n_nets=st.integers(1, 3),
)
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_padding_and_neighbors_change_nothing(
    trunk: TrunkSettings, lengths: list[int], padding: int, n_nets: int
) -> None:
    nets = drawn(trunk, n_nets)
    margin = 2 * nets.context
    x = noise(max(lengths) + padding + margin, n_nets, len(lengths), 3)
    together = nets(x, torch.tensor([lengths] * n_nets))
    assert together.shape == (max(lengths) + padding, n_nets, len(lengths), nets.n_hidden)
    for s in range(n_nets):
        own = trunk.build(3)
        own.draw(0, torch.Generator().manual_seed(s))
        for b, n in enumerate(lengths):
            expected = alone(own, x[: n + margin, s, b])
            torch.testing.assert_close(together[:n, s, b], expected, rtol=1e-5, atol=1e-6)


def test_the_dnn_sees_exactly_its_context() -> None:
    net, x = drawn(DnnSettings(hidden=64, context=2)), noise(11, 3)
    changed = x.clone()
    changed[8] += 1.0
    differs = (alone(net, x) != alone(net, changed)).any(dim=1)
    assert differs.tolist() == [False, False, False, False, True, True, True]


def test_the_dnns_window_is_frame_after_frame() -> None:
    net, x = drawn(DnnSettings(hidden=8, layers=1, context=2)), noise(5, 3)
    (layer,) = net.layers
    expected = (x.flatten() @ layer.weight[0] + layer.bias[0]).relu()  # type: ignore[index]
    torch.testing.assert_close(alone(net, x)[0], expected)


def test_a_single_frame_equals_the_same_frame_in_its_sequence() -> None:
    net, x = drawn(DNN), noise(11, 3)
    torch.testing.assert_close(alone(net, x[3:8])[0], alone(net, x)[3])


def test_the_lstm_reads_forwards_only_and_the_blstm_both_ways() -> None:
    x = noise(6, 3)
    changed = x.clone()
    changed[5] += 1.0
    for trunk in (LSTM, BLSTM):
        net = drawn(trunk)
        first_frame_differs = bool((alone(net, x)[0] != alone(net, changed)[0]).any())
        assert first_frame_differs == trunk.bidirectional


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_lstm_is_the_librarys(bidirectional: bool) -> None:
    ours = drawn(LstmSettings(hidden=8, bidirectional=bidirectional))
    theirs = torch.nn.LSTM(3, 8, 2, bidirectional=bidirectional)
    names = ("input", "recurrent", "input_bias", "recurrent_bias")
    own = [getattr(way, k)[0] for layer in ours.layers for way in layer.each() for k in names]  # type: ignore[operator]
    with torch.no_grad():
        for parameter, values in zip(theirs.parameters(), own, strict=True):
            parameter.copy_(values)
    x = noise(7, 3)
    torch.testing.assert_close(alone(ours, x), theirs(x)[0])


def test_sizes_are_the_papers() -> None:
    dnn, lstm = DnnSettings().build(32), LstmSettings().build(32)
    assert sum(p.numel() for p in dnn.parameters()) == 800 * 256 + 2 * 256 * 256 + 3 * 256
    gates = 4 * 256
    assert sum(p.numel() for p in lstm.parameters()) == gates * (32 + 256 + 2) + gates * (512 + 2)
    assert LstmSettings(bidirectional=True).build(32).n_hidden == 512


@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_one_net_is_drawn_at_a_time_from_its_own_stream(trunk: TrunkSettings) -> None:
    nets = trunk.build(3, 3)
    nets.draw(1, torch.Generator().manual_seed(1))
    for whole, own in zip(nets.parameters(), drawn(trunk, 2).parameters(), strict=True):
        assert torch.equal(whole[1], own[1])
        assert not whole[[0, 2]].any()


def test_recurrences_begin_orthogonal_with_open_forget_gates() -> None:
    (first, _) = drawn(LSTM).layers
    (cells,) = first.each()  # type: ignore[operator]
    for gate in cells.recurrent[0].chunk(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(8), rtol=0, atol=1e-5)
    bias = cells.input_bias[0] + cells.recurrent_bias[0]
    assert bias.tolist() == [0.0] * 8 + [1.0] * 8 + [0.0] * 16


def test_layers_begin_with_the_variance_that_keeps_their_signals() -> None:
    layer = Linear(1, 300, 200)
    draw_rectified(layer, 0, torch.Generator().manual_seed(0))
    assert layer.weight.var().item() == pytest.approx(2 / 300, rel=0.05)  # He et al. (2015)
    draw_last(layer, 0, torch.Generator().manual_seed(0))
    assert layer.weight.var().item() == pytest.approx(2 / 500, rel=0.05)  # Glorot & Bengio (2010)
    assert not layer.bias.any()


def test_linear_layers_side_by_side_are_each_its_own() -> None:
    layers = Linear(3, 5, 4)
    for parameter in layers.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(1))
    x = noise(3, 7, 5)
    for s, out in enumerate(layers(x)):
        single = Linear(1, 5, 4)
        single.load_state_dict({k: v[s : s + 1] for k, v in layers.state_dict().items()})
        expected = torch.nn.functional.linear(x[s], layers.weight[s].T, layers.bias[s])
        torch.testing.assert_close(out, expected)
        torch.testing.assert_close(single(x[s : s + 1])[0], expected)


@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_the_last_weights_are_those_before_the_heads(trunk: TrunkSettings) -> None:
    net = drawn(trunk, 2)
    hidden = net(noise(4 + 2 * net.context, 2, 3, 3), torch.tensor([[4, 4, 4]] * 2))
    slopes = torch.autograd.grad(hidden.sum(), net.last_weights)
    assert all(slope.shape[0] == 2 and slope.any() for slope in slopes)
    last = {id(p) for p in net.layers[-1].parameters()}
    assert {id(p) for p in net.last_weights} <= last


def test_windows_in_pieces_are_those_of_all_at_once() -> None:
    trunk = drawn(DnnSettings(hidden=8), n_nets=2)
    x = noise(900 + 2 * trunk.context, 2, 3, 3)
    lengths = torch.full((2, 3), 900)
    with torch.inference_mode():
        in_pieces = trunk(x, lengths)
    assert in_pieces.shape == (900, 2, 3, 8)
    torch.testing.assert_close(in_pieces, trunk(x, lengths))


def test_windows_of_padding_are_not_computed() -> None:
    trunk = drawn(DnnSettings(hidden=8), n_nets=2)
    x = noise(900 + 2 * trunk.context, 2, 3, 3)
    lengths = torch.tensor([[900, 5, 300], [900, 700, 0]])
    all_of_them = trunk(x, lengths)
    with torch.inference_mode():
        found = trunk(x, lengths)
    counts = torch.arange(900)[:, None, None] < lengths
    torch.testing.assert_close(found[counts], all_of_them[counts])
    assert not found[400:, :, 2].any()
    assert not found[-1, :, 1].any()
