from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from voxaffect.model.trunks import (
    DnnSettings,
    DnnTrunk,
    LstmSettings,
    LstmTrunk,
    RectifiedLayers,
    TrunkSettings,
    build_trunk,
    reverse,
)

DNN, LSTM = DnnSettings(hidden=8, context=2), LstmSettings(hidden=8)
BLSTM = LstmSettings(hidden=8, bidirectional=True)
TRUNKS: list[TrunkSettings] = [DNN, LSTM, BLSTM]


def initialized(trunk: TrunkSettings, seed: int = 0) -> DnnTrunk | LstmTrunk:
    built = build_trunk(trunk, 3)
    built.initialize(torch.Generator().manual_seed(seed))
    return built


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5))


def alone(trunk: DnnTrunk | LstmTrunk, x: Tensor) -> Tensor:
    """Hidden states (T, H) of one utterance's frames (T + 2 r, F)."""
    hidden: Tensor = trunk(x[:, None], torch.tensor([len(x) - 2 * trunk.context]))
    return hidden[:, 0]


def test_reverse_mirrors_each_sequence_within_its_length() -> None:
    x = torch.arange(8.0).reshape(2, 4).T[..., None]  # (4, 2, 1)
    mirrored = reverse(x, torch.tensor([4, 2]))
    assert mirrored[:, 0].flatten().tolist() == [3, 2, 1, 0]
    assert mirrored[:, 1].flatten().tolist() == [5, 4, 6, 7]


@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    padding=st.integers(0, 9),
)
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_padding_and_other_rows_change_nothing(
    trunk: TrunkSettings, lengths: list[int], padding: int
) -> None:
    net = initialized(trunk)
    margin = 2 * net.context
    x = noise(max(lengths) + padding + margin, len(lengths), 3)
    together = net(x, torch.tensor(lengths))
    assert together.shape == (max(lengths) + padding, len(lengths), net.n_hidden)
    for b, n in enumerate(lengths):
        expected = alone(net, x[: n + margin, b])
        torch.testing.assert_close(together[:n, b], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_padding_has_no_gradient(trunk: TrunkSettings) -> None:
    net = initialized(trunk)
    x = noise(8 + 2 * net.context, 2, 3).requires_grad_()
    lengths = torch.tensor([8, 3])
    (slope,) = torch.autograd.grad(net(x, lengths)[:3, 1].sum(), [x])
    seen = 3 + 2 * net.context
    assert slope[:seen, 1].abs().amax(1).min() > 0
    assert not slope[seen:, 1].any()
    assert not slope[:, 0].any()


def test_the_dnn_sees_exactly_its_context() -> None:
    net, x = initialized(DnnSettings(hidden=64, context=2)), noise(11, 3)
    changed = x.clone()
    changed[8] += 1.0
    differs = (alone(net, x) != alone(net, changed)).any(dim=1)
    assert differs.tolist() == [False, False, False, False, True, True, True]


def test_the_dnns_window_is_frame_after_frame() -> None:
    net, x = initialized(DnnSettings(hidden=8, layers=1, context=2)), noise(5, 3)
    (layer,) = net.layers
    torch.testing.assert_close(alone(net, x)[0], layer(x.flatten()).relu())


def test_a_single_frame_equals_the_same_frame_in_its_sequence() -> None:
    net, x = initialized(DNN), noise(11, 3)
    torch.testing.assert_close(alone(net, x[3:8])[0], alone(net, x)[3])


def test_the_lstm_reads_forwards_only_and_the_blstm_both_ways() -> None:
    x = noise(6, 3)
    changed = x.clone()
    changed[5] += 1.0
    for trunk in (LSTM, BLSTM):
        net = initialized(trunk)
        first_frame_differs = bool((alone(net, x)[0] != alone(net, changed)[0]).any())
        assert first_frame_differs == trunk.bidirectional


@pytest.mark.parametrize("bidirectional", [False, True])
def test_layers_are_those_of_pytorchs_lstm_of_several(bidirectional: bool) -> None:
    ours = initialized(LstmSettings(hidden=8, bidirectional=bidirectional))
    theirs = nn.LSTM(3, 8, 2, bidirectional=bidirectional)
    with torch.no_grad():
        for parameter, values in zip(theirs.parameters(), ours.parameters(), strict=True):
            parameter.copy_(values)
    x = noise(7, 3)
    torch.testing.assert_close(alone(ours, x), theirs(x)[0])


def test_sizes_are_the_papers() -> None:
    dnn, lstm = build_trunk(DnnSettings(), 32), build_trunk(LstmSettings(), 32)
    assert sum(p.numel() for p in dnn.parameters()) == 800 * 256 + 2 * 256 * 256 + 3 * 256
    gates = 4 * 256
    assert sum(p.numel() for p in lstm.parameters()) == gates * (32 + 256 + 2) + gates * (512 + 2)
    assert build_trunk(LstmSettings(bidirectional=True), 32).n_hidden == 512


@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_the_generator_decides_all_initial_weights(trunk: TrunkSettings) -> None:
    first, again, other = (initialized(trunk, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    same = {name for name, value in first.items() if torch.equal(value, other[name])}
    assert same == {name for name in first if "bias" in name}


def test_recurrences_begin_orthogonal_with_open_forget_gates() -> None:
    trunk = initialized(LSTM)
    assert isinstance(trunk, LstmTrunk)
    for (cells,) in trunk.directions:
        _, recurrent, input_bias, recurrent_bias = cells.parameters()
        for gate in recurrent.chunk(4):
            torch.testing.assert_close(gate @ gate.T, torch.eye(8), rtol=0, atol=1e-5)
        assert (input_bias + recurrent_bias).tolist() == [0.0] * 8 + [1.0] * 8 + [0.0] * 16


def test_rectified_layers_begin_with_the_variance_that_keeps_their_signals() -> None:
    layers = RectifiedLayers([300, 200], dropout=0.0)
    layers.initialize(torch.Generator().manual_seed(0))
    (layer,) = layers
    assert isinstance(layer, nn.Linear)
    assert layer.weight.var().item() == pytest.approx(2 / 300, rel=0.05)  # He et al. (2015)
    assert not layer.bias.any()


@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_the_last_weights_are_those_before_the_heads(trunk: TrunkSettings) -> None:
    net = initialized(trunk)
    hidden = net(noise(4 + 2 * net.context, 3, 3), torch.tensor([4, 4, 4]))
    slopes = torch.autograd.grad(hidden.sum(), net.last_weights)
    assert all(slope.any() for slope in slopes)
    last = {id(p) for p in net.layers[-1].parameters()}
    assert {id(p) for p in net.last_weights} <= last


def test_windows_in_pieces_are_those_of_all_at_once() -> None:
    trunk = initialized(DnnSettings(hidden=8))
    x, lengths = noise(900 + 2 * trunk.context, 3, 3), torch.full((3,), 900)
    with torch.inference_mode():
        in_pieces = trunk(x, lengths)
    assert in_pieces.shape == (900, 3, 8)
    torch.testing.assert_close(in_pieces, trunk(x, lengths))


def test_windows_of_padding_are_not_computed() -> None:
    trunk = initialized(DnnSettings(hidden=8))
    x, lengths = noise(2000 + 2 * trunk.context, 3, 3), torch.tensor([2000, 1400, 5])
    all_of_them = trunk(x, lengths)
    with torch.inference_mode():
        found = trunk(x, lengths)
    counts = torch.arange(2000)[:, None] < lengths
    torch.testing.assert_close(found[counts], all_of_them[counts])
    assert not found[400:, 2].any()
    assert not found[-1, 1].any()
