from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voxaffect.features import packing as module
from voxaffect.features.frames import FrameGrid
from voxaffect.features.packing import (
    ROW_MULTIPLE,
    AudioChunk,
    PackedAudio,
    analyze_in_batches,
    split_chunks,
)

GRID = FrameGrid()
REACH, LEAD = 132, 324
SIZES = st.lists(st.integers(400, 20_000), min_size=1, max_size=5)


def recordings(sizes: list[int]) -> list[NDArray[np.float32]]:
    """Recordings of distinct nonzero samples."""
    ends = np.cumsum([1, *sizes])
    return [np.arange(a, b, dtype=np.float32) for a, b in itertools.pairwise(ends)]


@settings(deadline=None, max_examples=50)
@given(SIZES, st.sampled_from([1, 3, 64, 1000]))
def test_chunks_contain_every_frame_once_with_its_context(sizes: list[int], most: int) -> None:
    for samples in recordings(sizes):
        n_frames = 0
        chunks = list(split_chunks(samples, GRID, REACH, most))
        assert [s.ended for s in chunks] == [False] * (len(chunks) - 1) + [True]
        for chunk in chunks:
            first = n_frames * GRID.hop_samples
            assert chunk.before == min(REACH, first)
            assert chunk.samples[chunk.before] == samples[first]
            last = first + (chunk.n_frames - 1) * GRID.hop_samples
            end = min(last + GRID.window_samples + REACH, len(samples))
            assert chunk.samples[-1] == samples[-1 if chunk.ended else end - 1]
            n_frames += chunk.n_frames
        assert n_frames == GRID.n_frames(len(samples))


@settings(deadline=None, max_examples=50)
@given(SIZES, st.sampled_from([1, 7, 100]))
def test_every_row_has_the_samples_of_its_recording_and_zeros(sizes: list[int], most: int) -> None:
    waves = recordings(sizes)
    chunks = [s for wave in waves for s in split_chunks(wave, GRID, REACH, most)]
    packed = PackedAudio.pack(chunks, GRID, LEAD)
    assert packed.n_rows % ROW_MULTIPLE == 0
    reached = GRID.window_samples + 2 * REACH
    padded = {wave[0]: np.pad(wave, REACH) for wave in waves}
    rows = [range(n, n + 1) for part in packed.parts for n in range(part.start, part.stop)]
    seen = iter(packed.samples_from(row, REACH, reached).numpy() for row in rows)
    for wave in waves:
        for frame in range(GRID.n_frames(len(wave))):
            start = frame * GRID.hop_samples
            expected = padded[wave[0]][start : start + reached]
            np.testing.assert_array_equal(next(seen), expected)


@settings(deadline=None, max_examples=50)
@given(SIZES)
def test_edge_frames_are_those_at_the_ends(sizes: list[int]) -> None:
    waves = recordings(sizes)
    packed = PackedAudio.pack(
        [s for wave in waves for s in split_chunks(wave, GRID, REACH, 50)], GRID, LEAD
    )
    rows, before, after = packed.edge_frames(REACH)
    expected = []
    for wave in waves:
        for frame in range(GRID.n_frames(len(wave))):
            start = frame * GRID.hop_samples
            if start < REACH or start + GRID.window_samples + REACH > len(wave):
                expected.append((wave[start], start, len(wave) - start))
    found = [float(packed.host[LEAD + row * GRID.hop_samples]) for row in rows]
    assert found == [value for value, _, _ in expected]
    for (_, start, rest), b, a in zip(expected, before, after, strict=True):
        assert min(start, REACH) <= b <= start  # a chunk may have more context than needed
        assert a == rest if rest < GRID.window_samples + REACH else a >= GRID.window_samples + REACH


def analyzed(waves: list[NDArray[np.float32]]) -> tuple[list[list[int]], list[int]]:
    """Numbers of frames in each batch, and the recording of each result."""
    batches: list[list[int]] = []

    def analyze(chunks: list[AudioChunk]) -> list[float]:
        batches.append([chunk.n_frames for chunk in chunks])
        return [float(chunk.samples[chunk.before]) for chunk in chunks]

    found = [*analyze_in_batches(waves, GRID, REACH, "cpu", analyze)]
    for number, _, value in found:
        assert value in waves[number]
    assert [number for number, ended, _ in found if ended] == [*range(len(waves))]
    return batches, [number for number, _, _ in found]


@settings(deadline=None, max_examples=50)
@given(SIZES)
def test_batches_keep_the_order(sizes: list[int]) -> None:
    batches, numbers = analyzed(recordings(sizes))
    assert all(sum(batch) <= module.max_frames("cpu") for batch in batches)
    assert numbers == sorted(numbers)


def test_a_long_recording_is_split_into_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "max_frames", lambda device: 64)
    assert analyzed(recordings([400 + 160 * 199]))[0] == [[64], [64], [64], [8]]


def test_blocks_cover_the_rows() -> None:
    packed = PackedAudio.pack(
        list(split_chunks(recordings([200_000])[0], GRID, REACH, 10_000)), GRID, LEAD
    )
    assert [row for block in packed.blocks() for row in block] == list(range(packed.n_rows))
    for block in packed.blocks():
        n_samples = (len(block) - 1) * GRID.hop_samples + GRID.window_samples
        assert len(packed.frame_samples(block)) == n_samples
