from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.examples import make_bank, make_examples
from voxaffect.errors import TrainingError
from voxaffect.features.standardize import Standardizer
from voxaffect.model.batches import Examples, FrameBank


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numbered_bank(lengths: list[int]) -> FrameBank:
    """Every frame holds its utterance and its own number."""
    frames = [
        np.stack([np.full(n, u), np.arange(n)], axis=1).astype(np.float32)
        for u, n in enumerate(lengths)
    ]
    identity = Standardizer(np.zeros(2, np.float32), np.ones(2, np.float32))
    return FrameBank(
        Examples(frames, {"emotion": np.arange(len(lengths), dtype=np.int64)}), identity
    )


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
    for batch in bank.sequence_batches(batch_size, crop, context, generator()):
        seen += batch.rows.tolist()
        assert torch.equal(batch.x[:, :, 0], batch.rows[:, None].expand(batch.x.shape[:2]).float())
        for x, row, n in zip(batch.x, batch.rows, batch.lengths, strict=True):
            assert n == min(lengths[row], crop or lengths[row])
            middle = x[context : context + n, 1]
            assert torch.equal(middle.diff(), torch.ones(n - 1))
            before = (middle[0] - torch.arange(context, 0, -1)).clamp(min=0)
            assert torch.equal(x[:context, 1], before)
    assert sorted(seen) == list(range(len(lengths)))


def test_frame_batches_show_every_frame_once_with_its_targets() -> None:
    bank = numbered_bank([3, 1, 7])
    seen = []
    for batch in bank.frame_batches(4, None, 2, generator()):
        assert batch.x.shape[1] == 5
        assert torch.equal(batch.targets["emotion"], batch.rows)
        seen += [tuple(v.tolist()) for v in batch.x[:, 2]]
    assert sorted(seen) == [(u, f) for u, n in enumerate([3, 1, 7]) for f in range(n)]


def test_inference_batches_hold_whole_utterances() -> None:
    bank = numbered_bank([5, 30_000, 2, 9])
    rows = [batch.rows.tolist() for batch in bank.inference_batches(0)]
    assert rows[0] == [1]
    assert sorted(row for batch in rows for row in batch) == [0, 1, 2, 3]


def test_the_generator_decides_the_order() -> None:
    bank = make_bank(make_examples())
    orders = [
        [batch.rows.tolist() for batch in bank.sequence_batches(8, 10, 0, generator(seed))]
        for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]


def test_no_utterances_are_refused() -> None:
    identity = Standardizer(np.zeros(2, np.float32), np.ones(2, np.float32))
    with pytest.raises(TrainingError, match="no utterances"):
        FrameBank(Examples([]), identity)
