from __future__ import annotations

import numpy as np
import pytest

from voxaffect.evaluation.scores import embedding
from voxaffect.evaluation.scores.embedding import embed


def clusters(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.repeat([[0.0] * 16, [1.0] * 16], n, axis=0).astype(np.float32) + rng.normal(
        0, 0.02, (2 * n, 16)
    ).astype(np.float32)


def test_two_clusters_stay_apart_and_a_seed_decides_all() -> None:
    placed = embed(clusters(12), seed=3)
    assert placed is not None
    rows, positions = placed
    assert rows.tolist() == list(range(24))
    left, right = positions[:12], positions[12:]
    spread = max(np.linalg.norm(side - side.mean(axis=0), axis=1).mean() for side in (left, right))
    assert np.linalg.norm(left.mean(axis=0) - right.mean(axis=0)) > 2 * spread
    again = embed(clusters(12), seed=3)
    assert again is not None
    np.testing.assert_array_equal(positions, again[1])


@pytest.mark.parametrize("features", [clusters(2), np.ones((9, 16), np.float32)])
def test_too_few_or_equal_points_cannot_be_placed(features: np.ndarray) -> None:
    assert embed(features) is None


def test_many_points_are_sampled_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "MAX_POINTS", 10)
    placed = embed(clusters(20))
    assert placed is not None
    rows, positions = placed
    assert (len(rows), positions.shape) == (10, (10, 2))
    assert (np.diff(rows) > 0).all()
