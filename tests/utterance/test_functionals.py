"""Functionals say what frames came to, and padding never reaches them."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from voxaffect.errors import FeatureError
from voxaffect.utterance.functionals import FUNCTIONALS, functionals

Posteriors = NDArray[np.float32]
unit = st.floats(0, 1, width=32)


def test_four_numbers_a_class_by_hand() -> None:
    posteriors = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.5, 0.5]], dtype=np.float32)
    # columns: max, min, mean, share above 0.2 (0.2 itself does not exceed it)
    expected = [[0.9, 0.2, 0.5, 0.75], [0.8, 0.1, 0.5, 0.75]]
    np.testing.assert_allclose(functionals(posteriors).reshape(2, 4), expected, rtol=1e-6)


@settings(deadline=None)
@given(
    arrays(np.float32, st.tuples(st.integers(1, 30), st.integers(1, 5)), elements=unit),
    st.randoms(use_true_random=False),
)
def test_order_of_frames_does_not_matter_and_numbers_stay_in_their_ranges(
    posteriors: Posteriors, random: Random
) -> None:
    features = functionals(posteriors)
    order = list(range(len(posteriors)))
    random.shuffle(order)
    np.testing.assert_allclose(functionals(posteriors[order]), features, rtol=1e-6)
    highest, lowest, mean, share = features.reshape(-1, len(FUNCTIONALS)).T
    assert ((lowest <= mean) & (mean <= highest)).all()
    assert ((share >= 0) & (share <= 1)).all()
    np.testing.assert_array_equal(share > 0, highest > np.float32(0.2))


def test_single_and_double_precision_agree() -> None:
    posteriors = np.random.default_rng(0).dirichlet(np.ones(4), 500).astype(np.float32)
    np.testing.assert_array_equal(
        functionals(posteriors), functionals(posteriors.astype(np.float64))
    )


@pytest.mark.parametrize("posteriors", [np.zeros((0, 4)), np.zeros(4), np.full((3, 4), np.nan)])
def test_no_frames_or_no_numbers_are_refused(posteriors: NDArray[np.float64]) -> None:
    with pytest.raises(FeatureError, match="at least one frame"):
        functionals(posteriors)
