from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voxaffect.features.store.keys import KeyIndex, key_of, segment_key, split_keys, stack_keys


def test_every_stored_key_is_found_and_no_other() -> None:
    keys = [key_of(i) for i in range(1000)]
    found = KeyIndex(stack_keys(keys)).find(stack_keys([*keys, key_of("absent")]))
    assert found.tolist() == [*range(1000), -1]


def test_nothing_is_found_among_no_keys() -> None:
    assert KeyIndex(stack_keys([])).find(stack_keys([key_of(1), key_of(2)])).tolist() == [-1, -1]


def test_of_keys_stored_twice_one_is_found() -> None:
    keys = stack_keys([key_of(i % 3) for i in range(9)])
    np.testing.assert_array_equal(keys[KeyIndex(keys).find(keys)], keys)


@given(st.lists(st.binary(min_size=16, max_size=16)))
def test_keys_stack_and_split(keys: list[bytes]) -> None:
    assert split_keys(stack_keys(keys)) == keys


def test_stretches_of_recordings_have_keys_of_their_own() -> None:
    contents, times = [bytes(16), bytes(15) + b"1"], [(0, None), (0, 1), (0, 1.5), (1, None)]
    assert len({segment_key(c, *stretch) for c in contents for stretch in times}) == 8
    assert segment_key(bytes(16), 0, 1) == segment_key(bytes(16), 0.0, 1.0)
