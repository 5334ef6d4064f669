from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, t

from voxaffect.evaluation.measures.resampling import freedom, speaker_weights, strata, tail

SPEAKERS = [*(f"emodb/{n}" for n in range(8)), "urdu/1", "emovo/1", "emovo/2"]


def test_speakers_of_a_corpus_are_a_stratum() -> None:
    assert strata(SPEAKERS) == {"emodb": [*range(8)], "urdu": [8], "emovo": [9, 10]}
    assert freedom(SPEAKERS) == 11 - 3


def test_weights_keep_the_size_of_every_corpus_and_spread_like_a_mean() -> None:
    weights = speaker_weights(SPEAKERS, 4000, seed=0)
    assert (weights >= 0).all()
    for members in strata(SPEAKERS).values():
        np.testing.assert_allclose(weights[:, members].sum(axis=1), len(members))
    assert (weights[:, SPEAKERS.index("urdu/1")] == 1).all()
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.1)
    values = np.arange(8.0)
    spread = (weights[:, :8] @ values / 8).std()
    assert spread == pytest.approx(values.std(ddof=1) / np.sqrt(8), rel=0.05)


def test_the_same_seed_draws_the_same() -> None:
    first = speaker_weights(SPEAKERS, 20, seed=3)
    np.testing.assert_array_equal(first, speaker_weights(SPEAKERS, 20, seed=3))
    assert (first != speaker_weights(SPEAKERS, 20, seed=4)).any()


def test_a_tail_lies_as_far_out_as_students() -> None:
    for degrees in (5, 20):
        assert norm.ppf(tail(degrees)) == pytest.approx(t.ppf(0.025, degrees))
    assert tail(10**9) == pytest.approx(0.025)
