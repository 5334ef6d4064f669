from __future__ import annotations

import numpy as np
import pytest

from tests.report.runs import plain_history, result, run_of
from voxaffect.evaluation import curves
from voxaffect.evaluation.curves import Curves, embed, histories, training_curves
from voxaffect.evaluation.experiment.run import FoldResult


def clusters(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.repeat([[0.0] * 16, [1.0] * 16], n, axis=0).astype(np.float32) + rng.normal(
        0, 0.02, (2 * n, 16)
    ).astype(np.float32)


def test_embedding_separates_clusters_and_depends_on_the_seed() -> None:
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
def test_few_or_equal_points_have_no_embedding(features: np.ndarray) -> None:
    assert embed(features) is None


def test_embedding_of_many_points_is_of_an_ordered_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "MAX_POINTS", 10)
    placed = embed(clusters(20))
    assert placed is not None
    rows, positions = placed
    assert (len(rows), positions.shape) == (10, (10, 2))
    assert (np.diff(rows) > 0).all()


def trained(system: str, n_epochs: int, best: int = 2, seed: int = 0) -> FoldResult:
    details = {"history": plain_history(n_epochs, best)}
    return result("emodb/a", system, (5,) * 4, seed=seed, details=details)


def two() -> Curves:
    both = [trained("dnn-stl", 2), trained("dnn-stl", 4, best=4, seed=1)]
    (curves,) = training_curves(run_of(both).trainings)
    return curves


def test_stopped_training_keeps_the_values_of_its_last_epoch() -> None:
    values = two().values("dev_ua")
    np.testing.assert_allclose(values, [[0.4, 0.5, 0.5, 0.5], [0.4, 0.5, 0.6, 0.7]])


def test_numbers_of_trainings_running_and_kept_by_epoch() -> None:
    assert two().running().tolist() == [2, 2, 1, 1]
    assert two().kept().tolist() == [0, 1, 0, 1]
    assert two().kept().sum() == len(two().histories)


def test_histories_are_in_the_order_of_tables_without_systems_without_epochs() -> None:
    results = [trained(system, 3) for system in ("lstm-mtl", "dnn-stl")]
    results.append(result("emodb/a", "svm", (5,) * 4))
    found = training_curves(run_of(results).trainings)
    assert [curves.system for curves in found] == ["dnn-stl", "lstm-mtl"]
    assert training_curves(run_of(results[2:]).trainings) == ()


@pytest.mark.parametrize("details", [{}, {"history": None}, {"history": {"epochs": [], "best": 0}}])
def test_training_may_have_no_history(details: dict[str, object]) -> None:
    one = result("emodb/a", "svm", (5,) * 4, details=details)
    assert histories(run_of([one]).trainings).empty
