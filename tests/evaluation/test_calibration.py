from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.runs import full_run, result, table_of
from voxaffect.evaluation.calibration import (
    COVERAGES,
    N_BINS,
    Predictions,
    coverage,
    equal_mass,
    equal_width,
    measure,
    reliabilities,
    sums_at,
)


def predictions(confidence: Sequence[float], correct: Sequence[bool]) -> Predictions:
    """Predictions `happy` with the given confidences; the wrong ones are of sad utterances."""
    given_ = np.array(confidence, np.float64)
    hits = np.array(correct, bool)
    probabilities = np.repeat((1 - given_)[:, None] / 3, 4, axis=1)
    probabilities[:, 1] = given_
    return Predictions(np.where(hits, 1, 2), np.ones(hits.size, np.int64), probabilities)


CASES = st.lists(
    st.tuples(st.sampled_from([0.3, 0.5, 0.7, 0.9, 1.0]) | st.floats(0.25, 1), st.booleans()),
    min_size=1,
    max_size=40,
)


def test_calibrated_confidences_have_no_error() -> None:
    confidence = [0.3] * 10 + [0.5] * 10 + [0.8] * 10
    right = [i < 3 for i in range(10)] + [i < 5 for i in range(10)] + [i < 8 for i in range(10)]
    found = measure(predictions(confidence, right))
    assert found.equal_mass == pytest.approx(0)
    assert found.equal_width == pytest.approx(0)
    assert found.maximum == pytest.approx(0)
    assert found.accuracy == pytest.approx(found.confidence)


def test_confident_and_always_wrong_is_the_worst() -> None:
    found = measure(predictions([1.0] * 8, [False] * 8))
    assert found == pytest.approx((0, 1, 1, 1, 1, 2, 1))


def test_confident_and_always_correct_is_the_best() -> None:
    found = measure(predictions([1.0] * 8, [True] * 8))
    assert found == pytest.approx((1, 1, 0, 0, 0, 0, 0))


def test_equal_probabilities_are_calibrated_guesses() -> None:
    truth = np.arange(40) % 4
    guesses = Predictions(truth, np.zeros(40, np.int64), np.full((40, 4), 0.25))
    found = measure(guesses)
    assert found.equal_mass == pytest.approx(0)
    assert found.brier == pytest.approx(0.75)
    assert found.risk_area == pytest.approx(0.75)
    np.testing.assert_allclose(coverage(guesses).accuracy, 0.25)
    np.testing.assert_allclose(coverage(guesses).ua, 0.25)


def test_bins_of_equal_width_include_their_lower_border_and_the_last_includes_one() -> None:
    found = equal_width(np.array([0.1, 0.95, 1.0]), np.array([1.0, 0.0, 1.0]))
    assert np.flatnonzero(found.share).tolist() == [1, 9]
    assert found.accuracy[[1, 9]].tolist() == [1.0, 0.5]
    assert np.isnan(found.confidence[0])


def test_bins_of_equal_mass_have_equal_shares_and_rise() -> None:
    rng = np.random.default_rng(0)
    found = equal_mass(rng.uniform(size=200), rng.integers(0, 2, 200).astype(float))
    np.testing.assert_allclose(found.share, 1 / N_BINS)
    assert np.all(np.diff(found.confidence) > 0)


@given(CASES)
def test_invariants_for_any_predictions(cases: list[tuple[float, bool]]) -> None:
    one = predictions([c for c, _ in cases], [r for _, r in cases])
    found = measure(one)
    gap = abs(found.confidence - found.accuracy)
    # A mean of distances is no less than the distance of means, and no more than the greatest.
    assert gap - 1e-9 <= found.equal_mass <= found.maximum + 1e-9 <= 1 + 2e-9
    assert gap - 1e-9 <= found.equal_width <= 1
    assert 0 <= found.brier <= 2
    assert 0 <= found.risk_area <= 1
    for bins in (equal_mass(one.confidence, one.correct), equal_width(one.confidence, one.correct)):
        assert bins.share.sum() == pytest.approx(1)
        assert np.nansum(bins.share * bins.accuracy) == pytest.approx(found.accuracy)
        assert np.nansum(bins.share * bins.confidence) == pytest.approx(found.confidence)
    curve = coverage(one)
    assert curve.accuracy[-1] == pytest.approx(found.accuracy)
    assert np.all((curve.accuracy > -1e-9) & (curve.accuracy < 1 + 1e-9))


@given(CASES, st.randoms(use_true_random=False))
def test_order_of_utterances_does_not_matter(
    cases: list[tuple[float, bool]], random: Random
) -> None:
    shuffled = list(cases)
    random.shuffle(shuffled)
    first, second = (predictions(*zip(*some, strict=True)) for some in (cases, shuffled))
    np.testing.assert_allclose(measure(first), measure(second), atol=1e-12)
    np.testing.assert_allclose(coverage(first).ua, coverage(second).ua, atol=1e-9)


def test_risk_area_is_the_mean_risk_of_the_k_most_confident() -> None:
    rng = np.random.default_rng(0)
    confidence, right = rng.permutation(np.linspace(0.3, 0.9, 50)), rng.integers(0, 2, 50)
    ranked = right[np.argsort(-confidence)]
    risks = [1 - ranked[:k].mean() for k in range(1, 51)]
    found = measure(predictions(confidence.tolist(), right.astype(bool).tolist()))
    assert found.risk_area == pytest.approx(np.mean(risks))


def test_perfect_ranking_answers_correct_predictions_first() -> None:
    one = predictions([0.9] * 10 + [0.4] * 10, [True] * 10 + [False] * 10)
    curve = coverage(one)
    np.testing.assert_allclose(curve.accuracy[COVERAGES <= 0.5 + 1e-9], 1)
    assert curve.accuracy[-1] == pytest.approx(0.5)


def test_ties_count_by_the_share_answered() -> None:
    sums = sums_at(
        np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5, 0.9, 0.5, 0.5]), np.array([1.0, 1, 1, 0])
    )
    np.testing.assert_allclose(sums, [1, 1 + 2 / 3, 1 + 4 / 3, 3])


def test_ua_ignores_classes_without_answers() -> None:
    one = predictions([0.9, 0.9, 0.3, 0.3], [True, True, False, False])
    curve = coverage(one)
    assert curve.ua[9] == pytest.approx(1.0)  # half: happy alone
    assert curve.ua[-1] == pytest.approx(0.5)  # all: happy right, sad wrong


def test_seeds_are_averaged_and_not_pooled() -> None:
    right, wrong = result("emodb/a", "svm", (10,) * 4), result("emodb/a", "svm", (0,) * 4, seed=1)
    (found,) = reliabilities(table_of([right, wrong]))
    assert (found.n_utterances, found.n_seeds) == (40, 2)
    assert found.measures.accuracy == pytest.approx(0.5)
    # .7 stated: a distance of .3 where all is right, of .7 where nothing is; pooled it were .2.
    assert found.measures.equal_mass == pytest.approx((0.3 + 0.7) / 2)
    np.testing.assert_allclose(found.coverage.accuracy, 0.5)


def test_one_reliability_a_protocol_and_system_joins_folds() -> None:
    found = reliabilities(full_run().results)
    keys = [(r.protocol, r.system) for r in found]
    assert len(set(keys)) == len(keys) == 3 * 5
    within = next(r for r in found if r.protocol == "within")
    assert within.n_utterances == 8 * 40 + 30


def test_run_without_results_has_no_reliability() -> None:
    assert reliabilities(table_of([])) == ()


def test_bin_empty_for_one_seed_has_the_value_of_the_other() -> None:
    one = result("emodb/a", "svm", (5,) * 4)
    rng = np.random.default_rng(0)
    other = replace(one, seed=1, probabilities=rng.dirichlet(np.ones(4), 40))
    (found,) = reliabilities(table_of([one, other]))
    assert not np.isnan(found.diagram.accuracy).any()
    assert found.diagram.share.sum() == pytest.approx(1)
