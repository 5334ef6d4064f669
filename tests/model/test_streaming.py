from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voxaffect.features.standardize import Standardizer
from voxaffect.model.data import Examples, FrameDataset
from voxaffect.model.multitask import MultiTaskNet, NetShape, posteriors
from voxaffect.model.streaming import StreamingNet, streaming_net
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings

Floats = NDArray[np.float32]
TRUNKS: list[TrunkSettings] = [
    LstmSettings(hidden=6),
    LstmSettings(hidden=6, layers=1),
    DnnSettings(hidden=8, context=3),
    DnnSettings(hidden=8, context=0),
]


def initialized(trunk: TrunkSettings) -> MultiTaskNet:
    return MultiTaskNet.initialized(NetShape(trunk, 5, {"emotion": 4, "gender": 2}, 1), seed=3)


NETS = [initialized(trunk) for trunk in TRUNKS]


def frames(n: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal((n, 5)).astype(np.float32)


def whole(net: MultiTaskNet, x: Floats) -> Floats:
    """Posteriors (T, 6) of an utterance that is processed at once, as files are."""
    plain = Standardizer(np.zeros(5, np.float32), np.ones(5, np.float32))
    by_task = posteriors(net, FrameDataset(Examples([x]), plain))
    return np.concatenate([by_task["emotion"][0], by_task["gender"][0]], axis=1)


def causal(net: MultiTaskNet) -> StreamingNet:
    one = streaming_net(net)
    assert one is not None
    return one


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(NETS), st.lists(st.integers(0, 12), min_size=1, max_size=6))
def test_any_pieces_give_the_posteriors_of_the_whole(net: MultiTaskNet, sizes: list[int]) -> None:
    x = frames(sum(sizes) + 1)
    one, parts, begin = causal(net), [], 0
    states = [one.start()]
    for i, size in enumerate([*sizes, 1]):
        found = one.process(
            x[begin : begin + size], np.array([size]), states, ended=i == len(sizes)
        )
        parts.append(found.posteriors)
        states, begin = found.states, begin + size
    np.testing.assert_allclose(np.concatenate(parts), whole(net, x), atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(NETS), st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_many_are_processed_together_as_each_alone(net: MultiTaskNet, counts: list[int]) -> None:
    one = causal(net)
    firsts = [frames(4, seed) for seed in range(len(counts))]
    seconds = [frames(n, 50 + seed) for seed, n in enumerate(counts)]
    fours = np.full(len(counts), 4)
    starts = [one.start() for _ in counts]
    begun = one.process(np.concatenate(firsts), fours, starts, ended=False)
    found = one.process(np.concatenate(seconds), np.array(counts), begun.states, ended=True)
    borders = [np.cumsum(h.counts)[:-1] for h in (begun, found)]
    pairs = zip(*map(np.split, (begun.posteriors, found.posteriors), borders), strict=True)
    for first, second, (head, tail) in zip(firsts, seconds, pairs, strict=True):
        expected = whole(net, np.concatenate([first, second]))
        np.testing.assert_allclose(np.concatenate([head, tail]), expected, atol=1e-6)


@pytest.mark.parametrize("net", NETS, ids=map(str, TRUNKS))
def test_a_stretch_processed_on_trial_changes_nothing(net: MultiTaskNet) -> None:
    one, x = causal(net), frames(20)
    ten = np.array([10])
    before = one.process(x[:10], ten, [one.start()], ended=False)
    kept = [state.copy() for state in before.states]
    one.process(frames(10, 9), ten, before.states, ended=True)
    assert all(np.array_equal(*pair) for pair in zip(kept, before.states, strict=True))
    after = one.process(x[10:], ten, before.states, ended=True)
    joined = np.concatenate([before.posteriors, after.posteriors])
    np.testing.assert_allclose(joined, whole(net, x), atol=1e-6)


@pytest.mark.parametrize("net", NETS, ids=map(str, TRUNKS))
@pytest.mark.parametrize("ended", [False, True])
def test_no_frames_give_no_posteriors(net: MultiTaskNet, ended: bool) -> None:
    one = causal(net)
    found = one.process(frames(0), np.array([0]), [one.start()], ended=ended)
    assert found.posteriors.shape == (0, 6)
    assert found.counts.tolist() == [0]


def test_more_windows_than_are_in_memory_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voxaffect.model.streaming.WINDOWS_TOGETHER", 7)
    net, x = NETS[2], frames(40)
    one = causal(net)
    found = one.process(x, np.array([40]), [one.start()], ended=True)
    np.testing.assert_allclose(found.posteriors, whole(net, x), atol=1e-6)


def test_a_trunk_that_reads_backwards_cannot_stream() -> None:
    assert streaming_net(initialized(LstmSettings(hidden=4, bidirectional=True))) is None
