"""Many streams at once, and frames that are not certain yet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.features.descriptors.test_lld import assert_same
from tests.features.descriptors.test_stream import LLD, voice
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import FeatureError
from voxaffect.features.descriptors.stream import peek_together, push_together


@settings(deadline=None, max_examples=15)
@given(st.lists(st.lists(st.integers(0, 6000), min_size=3, max_size=3), min_size=1, max_size=4))
def test_streams_that_are_pushed_together_give_the_frames_of_each(sizes: list[list[int]]) -> None:
    voices = [voice(sum(own) + 20_000, seed) for seed, own in enumerate(sizes)]
    pieces = [np.split(v, np.cumsum(own)) for v, own in zip(voices, sizes, strict=True)]
    together = [LLD.stream() for _ in voices]
    frames = [push_together(together, several) for several in zip(*pieces, strict=True)]
    tails = peek_together(together)
    for row, samples in enumerate(voices):
        (whole,) = LLD.extract([Waveform(samples)])
        given_ = [several[row] for several in frames]
        assert_same(np.concatenate([*given_, tails[row]]), whole)
        assert_same(np.concatenate([*given_, together[row].finish()]), whole)


def test_a_peek_shows_the_frames_of_a_file_that_ended_here_and_changes_nothing() -> None:
    samples, stream = voice(40_000), LLD.stream()
    frames = np.zeros((0, 32), np.float32)
    for end in range(800, 40_001, 800):
        frames = np.concatenate([frames, stream.push(samples[end - 800 : end])])
        (so_far,) = LLD.extract([Waveform(samples[:end])])
        assert_same(np.concatenate([frames, stream.peek()]), so_far)
    (whole,) = LLD.extract([Waveform(samples)])
    assert_same(np.concatenate([frames, stream.finish()]), whole)
    with pytest.raises(FeatureError, match="ended"):
        stream.peek()


def test_no_streams_give_nothing() -> None:
    assert push_together([], []) == []
    assert peek_together([]) == []


def test_where_one_push_is_refused_no_stream_takes_any() -> None:
    sound, streams = voice(30_000), [LLD.stream(), LLD.stream()]
    with pytest.raises(FeatureError, match="float64"):
        push_together(streams, [sound, sound.astype(np.float64)])
    for frames, stream in zip(push_together(streams, [sound, sound]), streams, strict=True):
        (whole,) = LLD.extract([Waveform(sound)])
        assert_same(np.concatenate([frames, stream.finish()]), whole)


def test_a_list_is_no_sound() -> None:
    with pytest.raises(FeatureError, match="push of a list; push an array of float32"):
        LLD.stream().push([0.1, 0.2])  # type: ignore[arg-type]
