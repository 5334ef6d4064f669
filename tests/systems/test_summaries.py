from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from voxaffect.errors import FeatureError
from voxaffect.systems.summaries import (
    MEAN,
    MEAN_AND_DEVIATION,
    SUMMARIES,
    Summary,
    descriptor_functionals,
    only_row,
)


@given(n_frames=st.integers(3, 60), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_functionals_are_those_of_the_reference(n_frames: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(n_frames, 3)).astype(np.float32)
    found = descriptor_functionals(x).reshape(12, 3)
    for column, f in zip(x.T.astype(np.float64), found.T, strict=True):
        line = stats.linregress(np.arange(n_frames), column)
        error = column - line.intercept - line.slope * np.arange(n_frames)
        expected = [
            column.max(), column.min(), np.ptp(column),
            column.argmax() / n_frames, column.argmin() / n_frames,
            column.mean(), line.slope, line.intercept, np.mean(error**2),
            column.std(), stats.skew(column), stats.kurtosis(column),
        ]  # fmt: skip
        np.testing.assert_allclose(f, expected, rtol=1e-6, atol=1e-9)


def test_a_constant_or_single_frame_has_no_shape() -> None:
    for n_frames in (1, 7):
        found = descriptor_functionals(np.full((n_frames, 2), 3.0, np.float32)).reshape(12, 2)
        assert np.isfinite(found).all()
        assert (found[[2, 6, 8, 9, 10, 11]] == 0).all()


def test_a_row_of_an_utterance_is_taken_as_it_is() -> None:
    rows = np.random.default_rng(0).normal(size=(3, 1, 7)).astype(np.float32)
    np.testing.assert_array_equal([only_row(frames) for frames in rows], rows[:, 0])


def test_several_frames_are_no_row() -> None:
    with pytest.raises(FeatureError, match="2 frames where one row of functionals is expected"):
        only_row(np.zeros((2, 7), np.float32))


@pytest.mark.parametrize("summary", [MEAN, MEAN_AND_DEVIATION], ids=lambda s: s.name)
@given(n_frames=st.integers(1, 40), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_the_row_is_the_mean_of_the_rows_of_its_frames(
    summary: Summary, n_frames: int, seed: int
) -> None:
    x = np.random.default_rng(seed).normal(3, 2, size=(n_frames, 5)).astype(np.float32)
    assert summary.by_frame is not None
    np.testing.assert_allclose(summary.by_frame(x).mean(axis=0), summary.row(x), rtol=1e-12)
    np.testing.assert_allclose(summary.row(x)[:5], x.astype(np.float64).mean(axis=0))
    np.testing.assert_allclose(
        summary.row(x)[5:], x.astype(np.float64).std(axis=0)[: summary.row(x).size - 5]
    )


def test_summaries_are_found_by_their_names() -> None:
    assert all(name == summary.name for name, summary in SUMMARIES.items())
    assert len(SUMMARIES) == 4
