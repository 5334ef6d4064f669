"""Streaming extraction, many streams at once, and frames that are not final yet."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.features.lld.test_extractor import assert_same
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import FeatureError
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld.autocorrelation import FrameAnalysis
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.lld.streaming import peek_batch, push_batch
from voxaffect.features.packing import AudioChunk

LLD = LowLevelDescriptors()
Floats = NDArray[np.float32]


def voice(n_samples: int, seed: int = 0) -> Floats:
    """Harmonics of a wandering F0 in noise, with pauses."""
    rng = np.random.default_rng(seed)
    t = np.arange(n_samples) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * (160 * t + 8 * np.sin(3 * t) + rng.random())
    sound = sum(np.sin(k * phase) / k for k in range(1, 12)) * (np.sin(5 * t) > -0.4)
    return np.asarray(0.1 * sound + 0.005 * rng.standard_normal(n_samples), np.float32)


def streamed(samples: Floats, borders: list[int]) -> Floats:
    stream = LLD.stream()
    pieces = np.split(samples, borders)
    return np.concatenate([*(stream.push(piece) for piece in pieces), stream.finish()])


@settings(deadline=None, max_examples=30)
@given(st.integers(400, 30_000), st.lists(st.integers(0, 30_000), max_size=8))
def test_streaming_gives_the_frames_of_the_file(n_samples: int, borders: list[int]) -> None:
    samples = voice(n_samples)
    (whole,) = LLD.extract([Waveform(samples)])
    assert_same(streamed(samples, sorted(min(b, n_samples) for b in borders)), whole)


@pytest.mark.parametrize("size", [1, 7, 160, 161, 16_000])
def test_pushes_of_equal_size_give_the_frames_of_the_file(size: int) -> None:
    samples = voice(8000 if size < 100 else 40_000)
    (whole,) = LLD.extract([Waveform(samples)])
    assert_same(streamed(samples, list(range(size, len(samples), size))), whole)


def test_a_push_of_minutes_gives_the_frames_of_the_file() -> None:
    samples = voice(60 * SAMPLE_RATE_HZ)
    (whole,) = LLD.extract([Waveform(samples)])
    assert_same(streamed(samples, []), whole)


@pytest.mark.parametrize("size", [50, 160, 1000, 20_000])
@pytest.mark.parametrize(
    ("window_s", "hop_s"), [(0.032, 0.016), (0.1, 0.01), (0.025, 0.1), (0.02, 1.0)]
)
def test_other_grids_can_be_streamed(window_s: float, hop_s: float, size: int) -> None:
    lld = LowLevelDescriptors(FrameGrid(window_s, hop_s), log_f0=True)
    samples, stream = voice(20_000), lld.stream()
    parts = [stream.push(piece) for piece in np.split(samples, range(size, 20_000, size))]
    frames = np.concatenate([*parts, stream.finish()])
    assert_same(frames, lld.extract([Waveform(samples)])[0])


def test_a_stream_is_closed_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = LLD.stream()
    stream.push(voice(2000))

    def fail(chunks: list[AudioChunk]) -> list[FrameAnalysis]:
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(stream._analyzer, "analyze", fail)
        with pytest.raises(MemoryError):
            stream.push(voice(2000))
    with pytest.raises(FeatureError, match="ended or failed"):
        stream.push(voice(2000))


def test_the_latency_is_as_stated() -> None:
    samples, stream, n_frames = voice(40_000), LLD.stream(), 0
    reach = LLD._analyzer.reach
    start, look_ahead = 16_000 + 400 + reach, (30 + 15 + 3) * 160 + reach
    assert start / SAMPLE_RATE_HZ == pytest.approx(1.03, abs=0.005)
    assert look_ahead / SAMPLE_RATE_HZ == pytest.approx(0.49, abs=0.005)
    for known in range(160, 40_001, 160):
        n_frames += len(stream.push(samples[known - 160 : known]))
        certain = LLD.grid.n_frames(max(0, known - look_ahead))
        assert n_frames == (certain if known >= start else 0)


def test_memory_is_bounded() -> None:
    stream, samples = LLD.stream(), voice(16_000)
    stream.push(samples)
    tracemalloc.start()
    stream.push(samples)
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(50):
        stream.push(samples)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after < before + 100_000  # 51 s are 3 MB


def test_streams_are_independent() -> None:
    voices = [voice(12_000, seed) for seed in range(3)]
    streams = [LLD.stream() for _ in voices]
    parts: list[list[Floats]] = [[] for _ in voices]
    for start in range(0, 12_000, 800):
        for samples, stream, part in zip(voices, streams, parts, strict=True):
            part.append(stream.push(samples[start : start + 800]))
    for samples, stream, part in zip(voices, streams, parts, strict=True):
        frames = np.concatenate([*part, stream.finish()])
        assert_same(frames, LLD.extract([Waveform(samples)])[0])


@pytest.mark.parametrize("n_samples", [0, 1, 399])
def test_a_recording_shorter_than_a_frame_gives_no_frames(n_samples: int) -> None:
    assert streamed(voice(n_samples), []).shape == (0, 32)
    long_window = LowLevelDescriptors(FrameGrid(window_s=0.1)).stream()
    assert long_window.push(voice(n_samples)).shape == (0, 32)
    assert long_window.finish().shape == (0, 32)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(10), "float64"),
        (np.zeros((2, 10), np.float32), r"\(2, 10\)"),
        (np.array([0, np.nan], np.float32), "cannot push: sample 1 is not a finite number"),
        (np.array([0, 1e25], np.float32), r"sample 1 is 1e\+25 where full scale is 1"),
    ],
    ids=["type", "shape", "NaN", "absurd"],
)
def test_invalid_samples_are_refused_and_the_stream_continues(
    samples: Floats, message: str
) -> None:
    sound, stream = voice(4000), LLD.stream()
    first = stream.push(sound[:2000])
    with pytest.raises(FeatureError, match=message):
        stream.push(samples)
    frames = np.concatenate([first, stream.push(sound[2000:]), stream.finish()])
    assert_same(frames, LLD.extract([Waveform(sound)])[0])


def test_an_ended_stream_refuses_samples() -> None:
    stream = LLD.stream()
    stream.finish()
    with pytest.raises(FeatureError, match="has ended"):
        stream.push(voice(100))
    with pytest.raises(FeatureError, match="has ended"):
        stream.finish()


@settings(deadline=None, max_examples=15)
@given(st.lists(st.lists(st.integers(0, 6000), min_size=3, max_size=3), min_size=1, max_size=4))
def test_push_batch_gives_the_frames_of_each_stream(sizes: list[list[int]]) -> None:
    voices = [voice(sum(own) + 20_000, seed) for seed, own in enumerate(sizes)]
    pieces = [np.split(v, np.cumsum(own)) for v, own in zip(voices, sizes, strict=True)]
    together = [LLD.stream() for _ in voices]
    frames = [push_batch(together, several) for several in zip(*pieces, strict=True)]
    tails = peek_batch(together)
    for row, samples in enumerate(voices):
        (whole,) = LLD.extract([Waveform(samples)])
        given_ = [several[row] for several in frames]
        assert_same(np.concatenate([*given_, tails[row]]), whole)
        assert_same(np.concatenate([*given_, together[row].finish()]), whole)


def test_peek_gives_the_frames_of_the_file_so_far_and_changes_nothing() -> None:
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


def test_batches_of_no_streams_are_empty() -> None:
    assert push_batch([], []) == []
    assert peek_batch([]) == []


def test_push_batch_changes_no_stream_if_one_is_refused() -> None:
    sound, streams = voice(30_000), [LLD.stream(), LLD.stream()]
    with pytest.raises(FeatureError, match="float64"):
        push_batch(streams, [sound, sound.astype(np.float64)])
    for frames, stream in zip(push_batch(streams, [sound, sound]), streams, strict=True):
        (whole,) = LLD.extract([Waveform(sound)])
        assert_same(np.concatenate([frames, stream.finish()]), whole)


def test_a_list_is_refused() -> None:
    with pytest.raises(FeatureError, match="cannot push a list; push an array of float32"):
        LLD.stream().push([0.1, 0.2])  # type: ignore[arg-type]
