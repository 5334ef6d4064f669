from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from voxaffect.baselines.machine import of_all_classes

SCORES = arrays(np.float64, (3, 2), elements=st.floats(-1e6, 1e6))


@given(SCORES, st.sets(st.integers(0, 3), min_size=2, max_size=2))
def test_a_class_unseen_is_below_all_seen_in_its_row_and_those_stay(
    scores: np.ndarray, seen: set[int]
) -> None:
    classes = np.array(sorted(seen))
    every = of_all_classes(scores, classes)
    np.testing.assert_array_equal(every[:, classes], scores)
    others = np.delete(every, classes, axis=1)
    assert (others < scores.min(axis=1, keepdims=True)).all()
