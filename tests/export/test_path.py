from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.stages import Runner
from voxaffect.export.path import best_path
from voxaffect.features.descriptors.path import LatticeSearch
from voxaffect.features.descriptors.pitch_settings import PitchSettings

TRANSITIONS = PitchSettings(n_candidates=2).transitions(0.01)


def search(lag: int) -> Runner:
    lattice = (("T", 3), "float32")
    return Runner(lambda op, s, p: best_path(op, s, p, TRANSITIONS, lag), lattice, lattice)


RUNNERS = {lag: search(lag) for lag in (0, 1, 4)}


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30), st.sampled_from([0, 1, 4]), st.booleans())
def test_paths_are_those_of_python(seed: int, n_frames: int, lag: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    score, position = rng.random((2, n_frames, 3))
    if ties:  # whole numbers: many paths earn alike
        score, position = score.round(), position.round()
    forbidden = rng.random((n_frames, 3)) < 0.3
    forbidden[:, 0] = False
    score = np.where(forbidden, -np.inf, score).astype(np.float32)
    position = position.astype(np.float32)
    expected = LatticeSearch(TRANSITIONS, lag).advance(score, position, ended=True)
    np.testing.assert_array_equal(RUNNERS[lag](score, position)[0], expected)


@pytest.mark.parametrize("n_frames", [1, 2, 1_000])
def test_any_number_of_frames_has_a_path(n_frames: int) -> None:
    score = np.zeros((n_frames, 3), np.float32)
    score[:, 2] = 1
    assert (RUNNERS[4](score, np.zeros_like(score))[0] == 2).all()
