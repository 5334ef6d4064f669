"""Near duplicates are found after cutting, coding and requantizing; other takes are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voxaffect.evaluation.splits.near_duplicates import (
    FEWEST_FRAMES,
    MAX_LAG,
    concordance,
    near_copies,
)

Frames = NDArray[np.float32]
N_COLUMNS = 8


def speech(seed: int, n_frames: int = 200) -> Frames:
    """Frames that wander like descriptors: each column a smoothed random walk of its own."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(n_frames + 8, N_COLUMNS))
    smooth = np.stack([np.convolve(c, np.ones(9) / 3, mode="valid") for c in noise.T], axis=1)
    return (smooth + rng.normal(size=N_COLUMNS)).astype(np.float32)


def recordings(n: int = 30) -> dict[str, Frames]:
    return {f"take {seed}": speech(seed, 150 + 3 * seed) for seed in range(n)}


def with_noise(frames: Frames, level: float) -> Frames:
    noise = np.random.default_rng(99).normal(size=frames.shape)
    coded: Frames = (frames + level * frames.std(axis=0) * noise).astype(np.float32)
    return coded


@pytest.mark.parametrize(
    "copy",
    [
        lambda frames: frames,
        lambda frames: frames[10:-10],
        lambda frames: frames[:-20],
        lambda frames: np.concatenate([np.tile(frames[:1], (15, 1)), frames]),
        lambda frames: with_noise(frames, 0.1),
        lambda frames: np.round(frames, 2),
    ],
    ids=["equal", "cut at both ends", "cut at the end", "silence before", "coded", "requantized"],
)
def test_near_duplicate_is_found_and_nothing_else(copy: object) -> None:
    assert callable(copy)
    features = recordings() | {"copy": copy(speech(7, 150 + 3 * 7))}
    groups = near_copies(features)
    assert set(groups) == {"take 7", "copy"}
    assert len(set(groups.values())) == 1


def test_other_takes_are_not_near_duplicates() -> None:
    assert near_copies(recordings()) == {}


def test_copies_of_copies_are_one_group() -> None:
    first, second = speech(1), speech(2)
    features = {
        **recordings(5),
        "a": first,
        "a1": first[8:],
        "a2": first[16:],
        "b": second,
        "b1": with_noise(second, 0.05),
    }
    groups = near_copies({i: f for i, f in features.items() if i not in {"take 1", "take 2"}})
    assert set(groups) == {"a", "a1", "a2", "b", "b1"}
    assert groups["a"] == groups["a1"] == groups["a2"] != groups["b"] == groups["b1"]


def test_equal_content_is_a_duplicate_whatever_the_frames() -> None:
    features = {"a": speech(1), "b": speech(2), "c": speech(3)}
    groups = near_copies(features, {"a": "x", "b": "y", "c": "x"})
    assert set(groups) == {"a", "c"}


def test_near_duplicate_of_one_of_two_equal_files_is_grouped_with_both() -> None:
    features = {"a": speech(1), "b": speech(1), "c": speech(1)[5:], "d": speech(4)}
    groups = near_copies(features, {"a": "x", "b": "x", "c": "y", "d": "z"})
    assert set(groups) == {"a", "b", "c"}
    assert len(set(groups.values())) == 1


def test_short_or_constant_utterances_are_not_near_duplicates() -> None:
    short = speech(1, FEWEST_FRAMES - 1)
    still = np.ones((50, N_COLUMNS), np.float32)
    assert near_copies({"a": short, "b": short.copy(), "c": still, "d": still.copy()}) == {}
    assert near_copies({}) == {}
    assert near_copies({"a": speech(1)}) == {}


def test_many_equal_recordings_take_no_more_time() -> None:
    features = {str(n): speech(1) for n in range(40)} | recordings(3)
    groups = near_copies(features)
    assert {groups[str(n)] for n in range(40)} == {groups["0"]}


def test_wide_features_are_compared_too() -> None:
    wide = {i: np.repeat(f, 20, axis=1) for i, f in recordings(6).items()}
    assert set(near_copies(wide | {"copy": wide["take 3"][4:]})) == {"take 3", "copy"}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(-MAX_LAG, MAX_LAG), st.floats(0.1, 10))
def test_concordance_is_symmetric_and_finds_the_lag(seed: int, lag: int, scale: float) -> None:
    frames = speech(seed)
    cut = frames[max(0, lag) : len(frames) + min(0, lag)]
    assert concordance(frames, cut) == pytest.approx(1.0)
    other = speech(seed + 1)
    assert concordance(frames, other) == pytest.approx(concordance(other, frames))
    assert concordance(scale * frames, scale * other) == pytest.approx(
        concordance(frames, other), abs=1e-4
    )
    assert concordance(frames, frames[:100]) == -1.0


def test_concordance_of_one_column_is_lins_by_hand() -> None:
    """Lin's coefficient of x and 2 x + 1, without a lag: 2 cov / (var + var + difference^2)."""
    x = np.zeros((60, 1), np.float32)
    x[20:40] = 1.0
    y = 2 * x + 1
    mean, var = 1 / 3, 2 / 9
    by_hand = 2 * 2 * var / (var + 4 * var + (mean + 1) ** 2)
    assert concordance(x, y) >= by_hand - 1e-9
    assert concordance(x, y) < 0.5
