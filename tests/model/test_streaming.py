from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voxaffect.features.standardize import Standardizer
from voxaffect.model.data import Examples, Parts
from voxaffect.model.multitask import MultiTaskNet, NetShape, posteriors
from voxaffect.model.streaming import StreamingNet, causal_net
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings

Floats = NDArray[np.float32]
TRUNKS: list[TrunkSettings] = [
    LstmSettings(hidden=6),
    LstmSettings(hidden=6, layers=1),
    DnnSettings(hidden=8, context=3),
    DnnSettings(hidden=8, context=0),
]


def drawn(trunk: TrunkSettings) -> MultiTaskNet:
    return MultiTaskNet.drawn(NetShape(trunk, 5, {"emotion": 4, "gender": 2}, 1), seed=3)


NETS = [drawn(trunk) for trunk in TRUNKS]


def frames(n: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal((n, 5)).astype(np.float32)


def whole(net: MultiTaskNet, x: Floats) -> Floats:
    """Posteriors (T, 6) of an utterance that is heard at once, as files are."""
    plain = Standardizer(np.zeros(5, np.float32), np.ones(5, np.float32))
    found = posteriors(net, Parts(Examples([x]), plain))
    return np.concatenate([found["emotion"][0], found["gender"][0]], axis=1)


def causal(net: MultiTaskNet) -> StreamingNet:
    one = causal_net(net)
    assert one is not None
    return one


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(NETS), st.lists(st.integers(0, 12), min_size=1, max_size=6))
def test_any_pieces_give_the_posteriors_of_the_whole(net: MultiTaskNet, sizes: list[int]) -> None:
    x = frames(sum(sizes) + 1)
    one, parts, begin = causal(net), [], 0
    carried = [one.start()]
    for i, size in enumerate([*sizes, 1]):
        heard = one.hear(x[begin : begin + size], np.array([size]), carried, ended=i == len(sizes))
        parts.append(heard.posteriors)
        carried, begin = heard.carried, begin + size
    np.testing.assert_allclose(np.concatenate(parts), whole(net, x), atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(NETS), st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_many_are_heard_together_as_each_alone(net: MultiTaskNet, counts: list[int]) -> None:
    one = causal(net)
    firsts = [frames(4, seed) for seed in range(len(counts))]
    seconds = [frames(n, 50 + seed) for seed, n in enumerate(counts)]
    fours = np.full(len(counts), 4)
    starts = [one.start() for _ in counts]
    begun = one.hear(np.concatenate(firsts), fours, starts, ended=False)
    heard = one.hear(np.concatenate(seconds), np.array(counts), begun.carried, ended=True)
    borders = [np.cumsum(h.counts)[:-1] for h in (begun, heard)]
    pairs = zip(*map(np.split, (begun.posteriors, heard.posteriors), borders), strict=True)
    for first, second, (head, tail) in zip(firsts, seconds, pairs, strict=True):
        expected = whole(net, np.concatenate([first, second]))
        np.testing.assert_allclose(np.concatenate([head, tail]), expected, atol=1e-6)


@pytest.mark.parametrize("net", NETS, ids=map(str, TRUNKS))
def test_what_is_heard_on_trial_never_was(net: MultiTaskNet) -> None:
    one, x = causal(net), frames(20)
    ten = np.array([10])
    before = one.hear(x[:10], ten, [one.start()], ended=False)
    kept = [carried.copy() for carried in before.carried]
    one.hear(frames(10, 9), ten, before.carried, ended=True)
    assert all(np.array_equal(*pair) for pair in zip(kept, before.carried, strict=True))
    after = one.hear(x[10:], ten, before.carried, ended=True)
    joined = np.concatenate([before.posteriors, after.posteriors])
    np.testing.assert_allclose(joined, whole(net, x), atol=1e-6)


@pytest.mark.parametrize("net", NETS, ids=map(str, TRUNKS))
@pytest.mark.parametrize("ended", [False, True])
def test_nothing_is_said_of_nothing(net: MultiTaskNet, ended: bool) -> None:
    one = causal(net)
    heard = one.hear(frames(0), np.array([0]), [one.start()], ended=ended)
    assert heard.posteriors.shape == (0, 6)
    assert heard.counts.tolist() == [0]


def test_more_windows_than_are_in_memory_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voxaffect.model.streaming.WINDOWS_TOGETHER", 7)
    net, x = NETS[2], frames(40)
    one = causal(net)
    heard = one.hear(x, np.array([40]), [one.start()], ended=True)
    np.testing.assert_allclose(heard.posteriors, whole(net, x), atol=1e-6)


def test_a_trunk_that_reads_backwards_carries_nothing() -> None:
    assert causal_net(drawn(LstmSettings(hidden=4, bidirectional=True))) is None
