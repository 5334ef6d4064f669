from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.model.examples import identity, make_bank, make_examples, make_parts, numbered, utterance
from voxaffect.errors import TrainingError
from voxaffect.features.standardize import Standardizer
from voxaffect.model.data import (
    INFERENCE_FRAMES,
    NOTHING,
    Examples,
    FrameBank,
    Parts,
    Pick,
    banks,
    cut,
    frame_picks,
    inference_picks,
    sequence_picks,
)
from voxaffect.taxonomy import MISSING

LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=20)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def whose(bank: FrameBank) -> list[int]:
    """Which of numbered utterances a bank holds."""
    return [int(utterance(bank, row)[0, 0]) for row in range(len(bank))]


@given(
    lengths=LENGTHS,
    choices=st.lists(st.lists(st.integers(0, 19), min_size=1, max_size=25), min_size=1, max_size=4),
)
@settings(max_examples=40, deadline=None)
def test_banks_of_the_same_utterances_keep_each_frame_once(
    lengths: list[int], choices: list[list[int]]
) -> None:
    every = numbered(lengths)
    rows = [[row % len(lengths) for row in chosen] for chosen in choices]
    several = [every.select(np.array(chosen)) for chosen in rows]
    found = banks(several, [identity()] * len(several))
    assert all(bank.pool is found[0].pool for bank in found)
    used = {row for chosen in rows for row in chosen}
    assert len(found[0].pool.values) == sum(lengths[row] for row in used)
    for bank, chosen in zip(found, rows, strict=True):
        assert whose(bank) == chosen
        assert bank.lengths.tolist() == [lengths[row] for row in chosen]
        assert bank.targets["emotion"].tolist() == chosen


def test_each_bank_of_a_pool_has_its_own_statistics() -> None:
    examples = make_examples(12)
    halves = [examples.select(np.arange(12)[part]) for part in (slice(8), slice(4, 12))]
    standardizers = [Standardizer.fit(half.frames) for half in halves]
    for bank, standardizer in zip(banks(halves, standardizers), standardizers, strict=True):
        np.testing.assert_array_equal(bank.mean.numpy(), standardizer.mean)
        np.testing.assert_array_equal(bank.scale.numpy(), standardizer.scale)
        assert bank.n_features == examples.frames[0].shape[1]


def test_a_bank_leaves_the_frames_as_they_were() -> None:
    examples = make_examples(4)
    bank = make_bank(examples)
    for row, frames in enumerate(examples.frames):
        np.testing.assert_array_equal(utterance(bank, row).numpy(), frames)


def test_no_utterances_are_refused() -> None:
    with pytest.raises(TrainingError, match="no utterances"):
        FrameBank.of(Examples([]), identity())
    with pytest.raises(TrainingError, match="no utterances"):
        banks([numbered([3]), Examples([])], [identity(), identity()])
    with pytest.raises(TrainingError, match="no utterances"):
        Parts(Examples([]), identity())


@given(lengths=LENGTHS, n_frames=st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_parts_hold_no_more_than_fits_and_every_utterance_once(
    lengths: list[int], n_frames: int
) -> None:
    n_bytes = 8 * n_frames
    parts = make_parts(numbered(lengths), n_bytes)
    seen: list[int] = []
    for rows, bank in parts.in_order():
        assert bank.pool.values.nbytes <= n_bytes or len(bank) == 1
        assert whose(bank) == rows.tolist() == bank.targets["emotion"].tolist()
        seen += rows.tolist()
    assert seen == list(range(len(lengths)))
    shown = [whose(bank) for bank in parts.shuffled(generator())]
    assert sorted(row for part in shown for row in part) == seen
    assert (parts.whole is None) == (sum(lengths) > n_frames)


def test_what_fits_is_one_bank_that_takes_nothing_from_the_generator() -> None:
    examples, order = numbered([3, 1, 7]), generator()
    before = order.get_state()
    parts = make_parts(examples, examples.n_bytes)
    (bank,) = parts.shuffled(order)
    assert bank is parts.whole
    assert [(rows.tolist(), own is bank) for rows, own in parts.in_order()] == [([0, 1, 2], True)]
    assert torch.equal(before, order.get_state())


def test_a_bank_that_is_there_already_is_used_as_it_is() -> None:
    examples = numbered([3, 1])
    bank = make_bank(examples)
    parts = Parts.of_bank(bank, examples)
    assert parts.whole is bank
    assert list(parts.shuffled(generator())) == [bank]


def test_each_pass_comes_in_another_order_that_the_generator_decides() -> None:
    parts = make_parts(numbered([5] * 40), n_bytes=2 * 8 * 25)

    def passes(seed: int) -> list[list[list[int]]]:
        order = generator(seed)
        return [[whose(bank) for bank in parts.shuffled(order)] for _ in range(2)]

    first, second = passes(1)
    assert [len(part) for part in first] == [5] * 8
    assert first != second
    assert passes(1) == [first, second]
    assert passes(2)[0] != first


def test_frames_on_disk_are_read_part_by_part(tmp_path: Path) -> None:
    """The part in use and the next as it is read are together what memory may hold."""
    n_bytes, n_utterances, shape = 200_000, 200, (50, 100)  # 4 MB in parts of 0.1 MB
    np.arange(n_utterances * 5_000, dtype=np.float32).tofile(tmp_path / "frames")
    mapped = np.memmap(tmp_path / "frames", np.float32, "r", shape=(n_utterances, *shape))
    examples = Examples(list(mapped))
    tracemalloc.start()
    parts = Parts(examples, identity(100), n_bytes=n_bytes)
    begins = [float(utterance(bank, 0)[0, 0]) for bank in parts.shuffled(generator())]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(set(begins)) == 2 * examples.n_bytes / n_bytes == 40
    assert peak < 1.25 * n_bytes


def numbered_bank(lengths: list[int]) -> FrameBank:
    return FrameBank.of(numbered(lengths), identity())


@st.composite
def picks(draw: st.DrawFn, lengths: list[int]) -> Pick:
    """Any stretches of any utterances, perhaps none."""
    rows = draw(st.lists(st.integers(0, len(lengths) - 1), max_size=5))
    first = [draw(st.integers(0, lengths[row] - 1)) for row in rows]
    n_frames = [draw(st.integers(1, lengths[r] - f)) for r, f in zip(rows, first, strict=True)]
    return Pick(*(torch.tensor(column, dtype=torch.int64) for column in (rows, first, n_frames)))


def gathered(
    examples: Examples, statistics: Standardizer, pick: Pick, context: int, longest: int
) -> list[NDArray[np.float32]]:
    """What a batch shows of each row, (T + 2 r, F), utterance by utterance."""
    shown = []
    for row, first in zip(pick.rows.tolist(), pick.first.tolist(), strict=True):
        frames = examples.frames[row]
        index = np.arange(first - context, first + longest + context).clip(0, len(frames) - 1)
        shown.append(statistics.transform(frames[index]))
    return shown


@given(
    data=st.data(), n_nets=st.integers(1, 3), context=st.integers(0, 4), time_first=st.booleans()
)
@settings(max_examples=60, deadline=None)
def test_a_batch_is_what_each_net_would_gather_alone(
    data: st.DataObject, n_nets: int, context: int, time_first: bool
) -> None:
    every = make_examples(9)
    several = [every.select(np.arange(9)[s : s + 6]) for s in range(n_nets)]
    statistics = [Standardizer.fit(examples.frames) for examples in several]
    chosen = [data.draw(picks([len(f) for f in own.frames])) for own in several[1:]]
    chosen.insert(0, data.draw(picks([len(f) for f in several[0].frames]).filter(has_rows)))
    batch = cut(banks(several, statistics), chosen, context=context, time_first=time_first)
    longest, n_rows = (max(sizes) for sizes in zip(*(p.extent for p in chosen), strict=True))
    assert batch.x.shape == (longest + 2 * context, n_nets, n_rows, 6)
    for s, (own, stats, pick) in enumerate(zip(several, statistics, chosen, strict=True)):
        missing = n_rows - len(pick.rows)
        assert batch.lengths[s].tolist() == pick.n_frames.tolist() + [0] * missing
        for task, target in own.targets.items():
            known = target[pick.rows.numpy()].tolist()
            assert batch.targets[task][s].tolist() == known + [MISSING] * missing
        for b, expected in enumerate(gathered(own, stats, pick, context, longest)):
            np.testing.assert_allclose(batch.x[:, s, b], expected, rtol=1e-6, atol=1e-6)


def has_rows(pick: Pick) -> bool:
    return len(pick.rows) > 0


@pytest.mark.parametrize("time_first", [True, False])
def test_memory_lies_as_the_trunk_reads_it(time_first: bool) -> None:
    bank = make_bank(make_examples(8))
    pick = next(sequence_picks(bank, 4, None, generator()))
    x = cut([bank, bank], [pick, pick], context=0 if time_first else 2, time_first=time_first).x
    net_by_net = x.transpose(0, 1) if time_first else x.permute(1, 2, 0, 3)
    assert net_by_net.is_contiguous()


def test_a_net_without_a_batch_has_no_frames_and_no_labels() -> None:
    bank = numbered_bank([3, 5])
    pick = next(sequence_picks(bank, 2, None, generator()))
    batch = cut([bank, bank], [pick, NOTHING], context=0, time_first=True)
    assert batch.lengths[1].tolist() == [0, 0]
    assert batch.targets["emotion"][1].tolist() == [MISSING, MISSING]
    assert torch.equal(batch.x[:, 0], cut([bank], [pick], context=0, time_first=True).x[:, 0])


def test_a_task_that_only_a_neighbor_has_is_missing() -> None:
    first, second = numbered([3]), numbered([4])
    both = Examples(second.frames, {**second.targets, "gender": np.array([1])})
    batch = cut(
        banks([first, both], [identity(), identity()]),
        [Pick(*(torch.tensor([k]) for k in (0, 0, 3)))] * 2,
        context=0,
        time_first=True,
    )
    assert batch.targets["gender"].tolist() == [[MISSING], [1]]


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=20),
    context=st.integers(0, 4),
    batch_size=st.integers(1, 7),
    crop=st.none() | st.integers(1, 12),
)
@settings(max_examples=60, deadline=None)
def test_an_epoch_shows_every_utterance_once_and_no_frame_of_another(
    lengths: list[int], context: int, batch_size: int, crop: int | None
) -> None:
    bank = numbered_bank(lengths)
    seen: list[int] = []
    for pick in sequence_picks(bank, batch_size, crop, generator()):
        batch = cut([bank], [pick], context=context, time_first=True)
        seen += pick.rows.tolist()
        assert 1 <= len(pick.rows) <= batch_size
        x = batch.x[:, 0]  # (W, B, 2)
        assert torch.equal(x[:, :, 0], pick.rows.expand(x.shape[:2]).float())
        for row, values, n in zip(pick.rows, x[:, :, 1].T, batch.lengths[0], strict=True):
            assert n == min(lengths[row], crop or lengths[row])
            middle = values[context : context + n]
            assert torch.equal(middle.diff(), torch.ones(n - 1))
            before = (middle[0] - torch.arange(context, 0, -1)).clamp(min=0)
            assert torch.equal(values[:context], before)
    assert sorted(seen) == list(range(len(lengths)))


def test_a_crop_may_begin_anywhere() -> None:
    bank, order = numbered_bank([10]), generator()
    begins = {int(p.first) for _ in range(200) for p in sequence_picks(bank, 1, 7, order)}
    assert begins == {0, 1, 2, 3}


def test_frame_batches_show_every_frame_once_with_its_targets() -> None:
    bank = numbered_bank([3, 1, 7])
    seen = []
    for pick in frame_picks(bank, 4, None, generator()):
        batch = cut([bank], [pick], context=2, time_first=False)
        assert len(batch.x) == 5
        assert torch.equal(batch.targets["emotion"][0], pick.rows)
        seen += [tuple(v.tolist()) for v in batch.x[2, 0]]
    assert sorted(seen) == [(u, f) for u, n in enumerate([3, 1, 7]) for f in range(n)]


def test_frame_batches_are_as_many_as_asked_for() -> None:
    bank = numbered_bank([30, 30])
    assert [len(pick.rows) for pick in frame_picks(bank, 8, 3, generator())] == [8, 8, 8]
    assert len(list(frame_picks(bank, 8, 100, generator()))) == 8


@given(lengths=st.lists(st.integers(1, 20_000), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_inference_batches_hold_whole_utterances(lengths: list[int]) -> None:
    bank = numbered_bank(lengths)
    seen: list[int] = []
    for (pick,) in inference_picks([bank]):
        assert pick.first.eq(0).all()
        assert pick.n_frames.tolist() == [lengths[row] for row in pick.rows.tolist()]
        n_frames, n_rows = pick.extent
        assert n_rows == 1 or n_frames * n_rows <= INFERENCE_FRAMES
        seen += pick.rows.tolist()
    assert sorted(seen) == list(range(len(lengths)))
    assert [lengths[row] for row in seen] == sorted(lengths, reverse=True)


def orders(bank: FrameBank, seed: int) -> list[list[int]]:
    return [p.rows.tolist() for p in sequence_picks(bank, 8, 10, generator(seed))]


def test_the_generator_decides_the_order() -> None:
    bank = make_bank(make_examples())
    assert orders(bank, 1) == orders(bank, 1) != orders(bank, 2)
    frames = [[p.rows.tolist() for p in frame_picks(bank, 8, 3, generator(s))] for s in (1, 1, 2)]
    assert frames[0] == frames[1] != frames[2]


def test_the_epoch_decides_when_long_batches_come_whatever_the_net() -> None:
    bank = numbered_bank(list(range(1, 33)))

    def longest(seed: int, epoch: int) -> list[int]:
        found = sequence_picks(bank, 8, None, generator(seed), epoch)
        return [pick.extent[0] for pick in found]

    assert longest(1, 3) == longest(2, 3)
    assert sorted(longest(1, 3)) == [8, 16, 24, 32]
    assert len({tuple(longest(1, epoch)) for epoch in range(6)}) > 1


@pytest.mark.parametrize("world", [1, 2, 3])
def test_the_shares_of_all_processes_are_the_batch(world: int) -> None:
    bank = numbered_bank([4, 9, 2, 7, 5])
    (pick,) = sequence_picks(bank, 5, 3, generator())
    shares = [pick.share(rank, world) for rank in range(world)]
    for name in ("rows", "first", "n_frames"):
        whole = torch.empty_like(getattr(pick, name))
        for rank, share in enumerate(shares):
            whole[rank::world] = getattr(share, name)
        assert torch.equal(whole, getattr(pick, name))


def test_a_choice_keeps_frames_and_targets_together() -> None:
    examples = make_examples(8)
    chosen = examples.select(np.array([5, 0, 5]))
    assert [f is examples.frames[row] for f, row in zip(chosen.frames, (5, 0, 5), strict=True)]
    assert {task: target.tolist() for task, target in chosen.targets.items()} == {
        task: [target[5], target[0], target[5]] for task, target in examples.targets.items()
    }


def test_memory_is_that_of_all_frames() -> None:
    examples = make_examples(8)
    assert examples.n_bytes == 4 * sum(frames.size for frames in examples.frames)
