"""Gains are differences of recalls on the same folds, and an interval covers what it should."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.report.runs import full_run, result
from voxaffect.evaluation.class_gains import (
    FEWEST_FOLDS,
    ClassGain,
    ClassGains,
    bootstrap,
    class_gains,
)
from voxaffect.evaluation.experiment.run import FoldResult
from voxaffect.evaluation.intervals import LEVEL
from voxaffect.evaluation.results import score_table

SPEAKERS = "abcdefgh"


def two(
    n_right: Mapping[str, Sequence[tuple[int, ...]]], seeds: tuple[int, ...] = (0,)
) -> list[FoldResult]:
    """System -> right answers of ten by class, a tuple a fold."""
    return [
        result(f"emodb/{speaker}", system, right, seed=seed)
        for system, folds in n_right.items()
        for speaker, right in zip(SPEAKERS, folds, strict=False)
        for seed in seeds
    ]


def only(results: list[FoldResult]) -> ClassGains:
    (found,) = class_gains(score_table(results))
    return found


def test_a_gain_is_the_mean_difference_of_recalls_over_folds() -> None:
    found = only(two({"dnn-stl": ((2, 5, 5, 5), (4, 5, 5, 5)), "dnn-mtl": ((5, 5, 4, 5),) * 2}))
    assert (found.system, found.reference, found.subtasks) == ("dnn-mtl", "dnn-stl", "both")
    assert found.n_folds == 2
    assert found.gains["neutral"].mean == pytest.approx(0.2)
    assert found.gains["happy"].mean == 0
    assert found.gains["sad"].mean == pytest.approx(-0.1)


def test_seeds_are_averaged_and_no_samples() -> None:
    folds = tuple((n, 5, 5, 5) for n in range(8))
    systems = {"dnn-stl": ((5,) * 4,) * 8, "dnn-gender": folds}
    one, several = only(two(systems)), only(two(systems, seeds=(0, 1, 2)))
    assert one == several
    assert one.subtasks == "gender"


def test_a_class_that_is_not_tested_has_no_gain_and_counts_for_no_fold() -> None:
    without = ((5, 5, -1, 5),) * 7
    stl, mtl = (*without, (5, 5, 2, 5)), (*without, (5, 5, 6, 5))
    found = only(two({"lstm-stl": stl, "lstm-naturalness": mtl}))
    assert found.gains["sad"] == ClassGain(1, 0.4, None, None)
    assert found.gains["angry"] == ClassGain(8, 0.0, 0.0, 0.0)
    assert not found.gains["angry"].clear
    never = only(two({"lstm-stl": without, "lstm-mtl": without}))
    assert never.gains["sad"] == ClassGain(0, None, None, None)


def test_few_folds_have_no_interval() -> None:
    folds = ((5, 5, 5, 5),) * (FEWEST_FOLDS - 1)
    better = ((7, 7, 7, 7),) * (FEWEST_FOLDS - 1)
    gain = only(two({"dnn-stl": folds, "dnn-mtl": better})).gains["happy"]
    assert (gain.low, gain.high, gain.clear) == (None, None, False)


def test_folds_that_one_of_the_two_lacks_are_left_out() -> None:
    results = two({"dnn-stl": ((5,) * 4,) * 3, "dnn-mtl": ((6,) * 4,) * 2})
    assert only(results).n_folds == 2
    apart = [result("emodb/a", "dnn-stl", (5,) * 4), result("emodb/b", "dnn-mtl", (5,) * 4)]
    assert class_gains(score_table(apart)) == ()


def test_nets_without_a_twin_and_the_svm_are_not_there() -> None:
    for results in (
        [result("emodb/a", "svm", (5,) * 4)],
        [result("emodb/a", "dnn-mtl", (5,) * 4), result("emodb/a", "lstm-stl", (5,) * 4)],
    ):
        assert class_gains(score_table(results)) == ()
    within = [r for r in full_run().results if r.protocol == "within"]
    assert [g.system for g in class_gains(score_table(within))] == ["dnn-mtl", "lstm-mtl"]


def test_the_interval_is_scipys_percentile_bootstrap() -> None:
    values = np.random.default_rng(5).normal(0.05, 0.1, 40)
    theirs = stats.bootstrap(
        (values,), np.mean, confidence_level=LEVEL, method="percentile", n_resamples=9999
    ).confidence_interval
    np.testing.assert_allclose(bootstrap(values, 0), (theirs.low, theirs.high), atol=0.004)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    hits = [
        low <= 0.03 <= high
        for low, high in (bootstrap(rng.normal(0.03, 0.1, 30), 0) for _ in range(120))
    ]
    assert 0.87 <= np.mean(hits) <= 0.99


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=FEWEST_FOLDS, max_size=30), st.integers(0, 99))
def test_the_interval_lies_within_the_values_and_is_of_its_seed(
    values: list[float], seed: int
) -> None:
    array = np.array(values)
    low, high = bootstrap(array, seed)
    assert array.min() - 1e-9 <= low <= high <= array.max() + 1e-9
    assert (low, high) == bootstrap(array, seed)
