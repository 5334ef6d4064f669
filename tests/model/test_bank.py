from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.examples import identity, make_bank, make_examples, make_parts, numbered, utterance
from voxaffect.errors import TrainingError
from voxaffect.features.standardize import Standardizer
from voxaffect.model.bank import FrameBank, Parts, banks
from voxaffect.model.examples import Examples

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
