from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.model.examples import identity, make_dataset, make_examples, numbered, utterance
from voxaffect.errors import TrainingError
from voxaffect.features.standardize import Standardizer
from voxaffect.model.data import (
    INFERENCE_FRAMES,
    BatchIndices,
    Examples,
    FrameDataset,
    collate,
    frame_batches,
    inference_batches,
    joined,
    sequence_batches,
)

LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=20)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numbered_dataset(lengths: list[int], max_bytes: float = float("inf")) -> FrameDataset:
    return FrameDataset(numbered(lengths), identity(), max_bytes=max_bytes)


def whose(dataset: FrameDataset) -> list[int]:
    """Which of numbered utterances a dataset in memory holds."""
    return [int(utterance(dataset, row)[0, 0]) for row in range(len(dataset))]


def test_frames_are_standardized_and_the_examples_are_left_alone() -> None:
    examples = make_examples(4)
    before = [frames.copy() for frames in examples.frames]
    statistics = Standardizer.fit(examples.frames)
    dataset = FrameDataset(examples, statistics)
    for row, (frames, kept) in enumerate(zip(examples.frames, before, strict=True)):
        np.testing.assert_array_equal(frames, kept)
        expected = statistics.transform(frames)
        np.testing.assert_allclose(utterance(dataset, row), expected, rtol=1e-6, atol=1e-6)


def test_no_utterances_are_refused() -> None:
    with pytest.raises(TrainingError, match="no utterances"):
        FrameDataset(Examples([]), identity())


@given(lengths=LENGTHS, n_frames=st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_parts_hold_no_more_than_fits_and_every_utterance_once(
    lengths: list[int], n_frames: int
) -> None:
    max_bytes = 8 * n_frames
    dataset = numbered_dataset(lengths, max_bytes)
    seen: list[int] = []
    for part in dataset.parts():
        assert part.values.nbytes <= max_bytes or len(part) == 1
        assert whose(part) == part.rows.tolist() == part.targets["emotion"].tolist()
        seen += part.rows.tolist()
    assert seen == list(range(len(lengths)))
    shown = [whose(part) for part in dataset.parts(generator())]
    assert sorted(row for part in shown for row in part) == seen
    assert dataset.in_memory == (sum(lengths) <= n_frames)


def test_what_fits_is_one_part_that_takes_nothing_from_the_generator() -> None:
    order = generator()
    before = order.get_state()
    dataset = numbered_dataset([3, 1, 7], max_bytes=8 * 11)
    (part,) = dataset.parts(order)
    assert part is dataset
    assert part.rows.tolist() == [0, 1, 2]
    assert torch.equal(before, order.get_state())


def test_each_pass_comes_in_another_order_that_the_generator_decides() -> None:
    dataset = numbered_dataset([5] * 40, max_bytes=2 * 8 * 25)

    def passes(seed: int) -> list[list[list[int]]]:
        order = generator(seed)
        return [[whose(part) for part in dataset.parts(order)] for _ in range(2)]

    first, second = passes(1)
    assert [len(part) for part in first] == [5] * 8
    assert first != second
    assert passes(1) == [first, second]
    assert passes(2)[0] != first


def test_frames_on_disk_are_read_part_by_part(tmp_path: Path) -> None:
    """The part in use and the next as it is read are together what memory may hold."""
    max_bytes, n_utterances, shape = 200_000, 200, (50, 100)  # 4 MB in parts of 0.1 MB
    np.arange(n_utterances * 5_000, dtype=np.float32).tofile(tmp_path / "frames")
    mapped = np.memmap(tmp_path / "frames", np.float32, "r", shape=(n_utterances, *shape))
    examples = Examples(list(mapped))
    tracemalloc.start()
    dataset = FrameDataset(examples, identity(100), max_bytes=max_bytes)
    begins = [float(utterance(part, 0)[0, 0]) for part in dataset.parts(generator())]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(set(begins)) == 2 * mapped.nbytes / max_bytes == 40
    assert peak < 1.25 * max_bytes


@st.composite
def stretches(draw: st.DrawFn, lengths: list[int]) -> BatchIndices:
    """Any stretches of any utterances."""
    rows = draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=5))
    first = [draw(st.integers(0, lengths[row] - 1)) for row in rows]
    n_frames = [draw(st.integers(1, lengths[r] - f)) for r, f in zip(rows, first, strict=True)]
    columns = (rows, first, n_frames)
    return BatchIndices(*(torch.tensor(column, dtype=torch.int64) for column in columns))


def gathered(
    examples: Examples, statistics: Standardizer, indices: BatchIndices, context: int
) -> list[NDArray[np.float32]]:
    """Frames of each row of a batch, (T + 2 r, F), utterance by utterance."""
    longest, shown = indices.extent[0], []
    for row, first in zip(indices.rows.tolist(), indices.first.tolist(), strict=True):
        frames = examples.frames[row]
        index = np.arange(first - context, first + longest + context).clip(0, len(frames) - 1)
        shown.append(statistics.transform(frames[index]))
    return shown


@given(data=st.data(), context=st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_a_batch_is_what_each_row_would_gather_alone(data: st.DataObject, context: int) -> None:
    examples = make_examples(9)
    statistics = Standardizer.fit(examples.frames)
    indices = data.draw(stretches([len(f) for f in examples.frames]))
    x, lengths, targets = collate(FrameDataset(examples, statistics), indices, context)
    longest, n_rows = indices.extent
    assert x.shape == (longest + 2 * context, n_rows, 6)
    assert lengths.tolist() == indices.n_frames.tolist()
    for task, target in examples.targets.items():
        assert targets[task].tolist() == target[indices.rows.numpy()].tolist()
    for b, expected in enumerate(gathered(examples, statistics, indices, context)):
        np.testing.assert_allclose(x[:, b], expected, rtol=1e-6, atol=1e-6)


@given(
    lengths=LENGTHS,
    context=st.integers(0, 4),
    batch_size=st.integers(1, 7),
    crop=st.none() | st.integers(1, 12),
)
@settings(max_examples=60, deadline=None)
def test_an_epoch_shows_every_utterance_once_and_no_frame_of_another(
    lengths: list[int], context: int, batch_size: int, crop: int | None
) -> None:
    dataset = numbered_dataset(lengths)
    seen: list[int] = []
    for indices in sequence_batches(dataset, batch_size, crop, generator()):
        x, shown, _ = collate(dataset, indices, context)  # (W, B, 2)
        seen += indices.rows.tolist()
        assert 1 <= len(indices.rows) <= batch_size
        assert torch.equal(x[:, :, 0], indices.rows.expand(x.shape[:2]).float())
        for row, values, n in zip(indices.rows, x[:, :, 1].T, shown, strict=True):
            assert n == min(lengths[row], crop or lengths[row])
            middle = values[context : context + n]
            assert torch.equal(middle.diff(), torch.ones(n - 1))
            before = (middle[0] - torch.arange(context, 0, -1)).clamp(min=0)
            assert torch.equal(values[:context], before)
    assert sorted(seen) == list(range(len(lengths)))


def test_batches_hold_utterances_of_similar_length_in_an_order_of_their_own() -> None:
    dataset = numbered_dataset(list(range(1, 33)))

    def longest(seed: int) -> list[int]:
        return [i.extent[0] for i in sequence_batches(dataset, 8, None, generator(seed))]

    assert sorted(longest(1)) == [8, 16, 24, 32]
    assert len({tuple(longest(seed)) for seed in range(6)}) > 1


def test_a_crop_may_begin_anywhere() -> None:
    dataset, order = numbered_dataset([10]), generator()
    begins = {int(i.first) for _ in range(200) for i in sequence_batches(dataset, 1, 7, order)}
    assert begins == {0, 1, 2, 3}


def test_frame_batches_show_every_frame_once_with_its_targets() -> None:
    dataset = numbered_dataset([3, 1, 7])
    seen = []
    for indices in frame_batches(dataset, 4, None, generator()):
        x, _, targets = collate(dataset, indices, context=2)
        assert len(x) == 5
        assert torch.equal(targets["emotion"], indices.rows)
        seen += [tuple(v.tolist()) for v in x[2]]
    assert sorted(seen) == [(u, f) for u, n in enumerate([3, 1, 7]) for f in range(n)]


def test_frame_batches_are_as_many_as_asked_for() -> None:
    dataset = numbered_dataset([30, 30])
    assert [len(i.rows) for i in frame_batches(dataset, 8, 3, generator())] == [8, 8, 8]
    assert len(list(frame_batches(dataset, 8, 100, generator()))) == 8


@given(lengths=st.lists(st.integers(1, 20_000), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_inference_batches_hold_whole_utterances(lengths: list[int]) -> None:
    seen: list[int] = []
    for indices in inference_batches(numbered_dataset(lengths)):
        assert indices.first.eq(0).all()
        assert indices.n_frames.tolist() == [lengths[row] for row in indices.rows.tolist()]
        n_frames, n_rows = indices.extent
        assert n_rows == 1 or n_frames * n_rows <= INFERENCE_FRAMES
        seen += indices.rows.tolist()
    assert sorted(seen) == list(range(len(lengths)))
    assert [lengths[row] for row in seen] == sorted(lengths, reverse=True)


def orders(dataset: FrameDataset, seed: int) -> list[list[int]]:
    return [i.rows.tolist() for i in sequence_batches(dataset, 8, 10, generator(seed))]


def test_the_generator_decides_the_order() -> None:
    data = make_dataset(make_examples())
    assert orders(data, 1) == orders(data, 1) != orders(data, 2)
    frames = [[i.rows.tolist() for i in frame_batches(data, 8, 3, generator(s))] for s in (1, 1, 2)]
    assert frames[0] == frames[1] != frames[2]


@pytest.mark.parametrize("world", [1, 2, 3])
def test_the_shares_of_all_processes_are_the_batch(world: int) -> None:
    (indices,) = sequence_batches(numbered_dataset([4, 9, 2, 7, 5]), 5, 3, generator())
    shares = [indices.share(rank, world) for rank in range(world)]
    for name in ("rows", "first", "n_frames"):
        whole = torch.empty_like(getattr(indices, name))
        for rank, share in enumerate(shares):
            whole[rank::world] = getattr(share, name)
        assert torch.equal(whole, getattr(indices, name))


def test_a_process_without_a_row_has_one_without_frames() -> None:
    dataset = numbered_dataset([4, 9])
    (indices,) = sequence_batches(dataset, 2, None, generator())
    x, lengths, _ = collate(dataset, indices.share(2, 3))
    assert lengths.tolist() == [0]
    assert x.shape == (1, 1, 2)


def test_a_choice_keeps_frames_and_targets_together() -> None:
    examples = make_examples(8)
    chosen = examples.select(np.array([5, 0, 5]))
    assert [f is examples.frames[row] for f, row in zip(chosen.frames, (5, 0, 5), strict=True)]
    assert {task: target.tolist() for task, target in chosen.targets.items()} == {
        task: [target[5], target[0], target[5]] for task, target in examples.targets.items()
    }


def test_joined_examples_are_those_of_both_sets_in_order() -> None:
    first = replace(numbered([2, 1]), groups=np.array([0, 1]), speakers=np.array([4, 5]))
    second = replace(numbered([3]), groups=np.array([1]))
    both = joined(first, second)
    assert len(both) == 3
    expected = [*first.frames, *second.frames]
    for found in (list(both.frames), [both.frames[n] for n in range(3)], both.frames[:]):
        assert len(found) == 3
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(both.frames[-1], expected[-1])
    np.testing.assert_array_equal(both.frames[-3], expected[0])
    assert both.targets["emotion"].tolist() == [0, 1, 0]
    assert both.groups is not None
    assert both.groups.tolist() == [0, 1, 1]
    assert both.speakers is None  # of one set they are not known
    with pytest.raises(IndexError):
        both.frames[3]


def test_all_that_is_known_is_selected_together() -> None:
    known = np.arange(3)
    examples = replace(numbered([2, 1, 3]), groups=known, speakers=known, weights=known / 2)
    some = examples.select(np.array([2, 0]))
    assert [len(frames) for frames in some.frames] == [3, 2]
    for of in (some.targets["emotion"], some.groups, some.speakers):
        assert of is not None
        assert of.tolist() == [2, 0]
    assert some.weights is not None
    assert some.weights.tolist() == [1, 0]
