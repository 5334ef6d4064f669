from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings, reverse

TRUNKS: list[TrunkSettings] = [
    DnnSettings(hidden=8, context=2),
    LstmSettings(hidden=8),
    LstmSettings(hidden=8, bidirectional=True),
]


def test_reverse_mirrors_each_sequence_within_its_length() -> None:
    x = torch.arange(8.0).reshape(2, 4, 1)
    mirrored = reverse(x, torch.tensor([4, 2]))
    assert mirrored[:, :, 0].tolist() == [[3, 2, 1, 0], [5, 4, 6, 7]]


@given(lengths=st.lists(st.integers(1, 12), min_size=1, max_size=5), padding=st.integers(0, 9))
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_padding_and_neighbours_change_nothing(
    trunk: TrunkSettings, lengths: list[int], padding: int
) -> None:
    torch.manual_seed(0)
    net = trunk.build(3).eval()
    margin = 2 * net.context
    x = torch.randn(len(lengths), max(lengths) + padding + margin, 3)
    together = net(x, torch.tensor(lengths))
    for i, n in enumerate(lengths):
        alone = net(x[i : i + 1, : n + margin], torch.tensor([n]))
        torch.testing.assert_close(together[i, :n], alone[0], rtol=1e-5, atol=1e-6)


def test_the_dnn_sees_exactly_its_context() -> None:
    net = DnnSettings(hidden=8, context=2).build(3).eval()
    x = torch.randn(1, 11, 3)
    changed = x.clone()
    changed[0, 8] += 1.0
    differs = (net(x, torch.tensor([7])) != net(changed, torch.tensor([7]))).any(dim=2)[0]
    assert differs.tolist() == [False, False, False, False, True, True, True]


def test_a_single_frame_equals_the_same_frame_in_its_sequence() -> None:
    net = DnnSettings(hidden=8, context=2).build(3).eval()
    x = torch.randn(1, 11, 3)
    whole = net(x, torch.tensor([7]))
    single = net(x[:, 3:8], torch.tensor([1]))
    torch.testing.assert_close(single[0, 0], whole[0, 3])


def test_the_lstm_reads_forwards_only_and_the_blstm_both_ways() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 6, 3)
    changed = x.clone()
    changed[0, 5] += 1.0
    for bidirectional in (False, True):
        net = LstmSettings(hidden=8, bidirectional=bidirectional).build(3).eval()
        n = torch.tensor([6])
        first_frame_differs = bool((net(x, n)[0, 0] != net(changed, n)[0, 0]).any())
        assert first_frame_differs == bidirectional


def test_sizes_are_the_papers() -> None:
    dnn, lstm = DnnSettings().build(32), LstmSettings().build(32)
    assert sum(p.numel() for p in dnn.parameters()) == 800 * 256 + 2 * 256 * 256 + 3 * 256
    gates = 4 * 256
    assert sum(p.numel() for p in lstm.parameters()) == gates * (32 + 256 + 2) + gates * (512 + 2)
    assert LstmSettings(bidirectional=True).build(32).n_hidden == 512
