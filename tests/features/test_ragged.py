from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from voxaffect.features.ragged import Ragged, counts_of

Rows = NDArray[np.int64]
EXTENTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=6)


def rows(n: int, first: int) -> Rows:
    return np.arange(first, first + 2 * n).reshape(n, 2)


def parts(extents: list[tuple[int, int]]) -> tuple[list[Rows], list[Rows]]:
    """What was kept of each recording, and its new rows, no two alike."""
    kept = [rows(n, 100 * u) for u, (n, _) in enumerate(extents)]
    return kept, [rows(n, 100 * u + 50) for u, (_, n) in enumerate(extents)]


@given(EXTENTS)
def test_new_rows_follow_on_what_was_kept_of_each(extents: list[tuple[int, int]]) -> None:
    kept, new = parts(extents)
    for own, *both in zip(Ragged.following(kept, new).split(), kept, new, strict=True):
        np.testing.assert_array_equal(own, np.concatenate(both))


@given(EXTENTS)
def test_room_follows_on_what_was_kept_of_each(extents: list[tuple[int, int]]) -> None:
    kept, new = parts(extents)
    for own, *both in zip(Ragged.with_room(kept, counts_of(new)).split(), kept, new, strict=True):
        np.testing.assert_array_equal(own, np.concatenate([both[0], np.zeros_like(both[1])]))


@given(EXTENTS)
def test_heads_and_tails_are_the_rows_at_either_end(extents: list[tuple[int, int]]) -> None:
    heads, tails = parts(extents)
    whole = Ragged.following(heads, tails)
    np.testing.assert_array_equal(whole.heads(counts_of(heads)), np.concatenate(heads))
    for own, tail in zip(whole.tails(counts_of(tails)), tails, strict=True):
        np.testing.assert_array_equal(own, tail)
        assert not np.shares_memory(own, whole.rows)
