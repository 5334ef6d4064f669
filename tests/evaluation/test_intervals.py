"""Confidence intervals: the bootstrap against loops, the theory of a mean, SciPy, and few data."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t

from tests.report.runs import in_turn, result, table_of
from voxaffect.evaluation.experiment.run import FoldResult
from voxaffect.evaluation.intervals import (
    Estimate,
    Resamples,
    SpeakerCounts,
    degrees_of_freedom,
    pooled_estimates,
    speakers_by_corpus,
    tail,
    weighted_mean,
)
from voxaffect.evaluation.metrics import Floats, mean_known, ratio
from voxaffect.evaluation.results import row

SPEAKERS = [*(f"emodb/{n}" for n in range(8)), "urdu/1", "emovo/1", "emovo/2"]


def test_speakers_are_grouped_by_corpus() -> None:
    assert speakers_by_corpus(SPEAKERS) == {"emodb": [*range(8)], "urdu": [8], "emovo": [9, 10]}
    assert degrees_of_freedom(SPEAKERS) == 11 - 3
    assert degrees_of_freedom([*SPEAKERS, "mine/?"]) == 0


def test_weights_keep_the_size_of_every_corpus_and_spread_like_a_mean() -> None:
    resamples = Resamples.of(SPEAKERS)
    names, weights = list(resamples.speakers), resamples.weights
    assert (weights[0] == 1).all()
    assert (weights >= 0).all()
    for own in speakers_by_corpus(names).values():
        np.testing.assert_allclose(weights[:, own].sum(axis=1), len(own))
        times = weights[1:, own] * max(1, len(own) - 1) / len(own)
        np.testing.assert_allclose(times, np.rint(times), atol=1e-9)
    assert (weights[:, names.index("urdu/1")] == 1).all()
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.1)
    values = np.arange(8.0)
    spread = (weights[1:, :8] @ values / 8).std()
    assert spread == pytest.approx(values.std(ddof=1) / np.sqrt(8), rel=0.05)


def test_weights_depend_on_the_seed_alone() -> None:
    first = Resamples.of(SPEAKERS, 20, seed=3).weights
    np.testing.assert_array_equal(first, Resamples.of(reversed(SPEAKERS), 20, seed=3).weights)
    assert (first != Resamples.of(SPEAKERS, 20, seed=4).weights).any()


def test_tail_is_that_of_students_t() -> None:
    for degrees in (5, 20):
        assert norm.ppf(tail(degrees)) == pytest.approx(t.ppf(0.025, degrees))
    assert tail(10**9) == pytest.approx(0.025)


def names_of(n: int, corpus: str = "a") -> tuple[str, ...]:
    return tuple(f"{corpus}/{i:03}" for i in range(n))


def of_mean(values: Floats, names: Sequence[str], n_resamples: int = 4000) -> Estimate:
    """Interval of the mean of a value of each speaker."""
    resamples = Resamples.of(names, n_resamples)
    return resamples.estimate(resamples.sums(values) / values.size)


def test_resampling_a_mean_has_the_spread_of_a_mean() -> None:
    shares = np.random.default_rng(0).uniform(0, 1, 12)
    drawn = Resamples.of(names_of(12), 40_000).sums(shares)[1:] / 12
    assert drawn.mean() == pytest.approx(shares.mean(), abs=0.003)
    assert drawn.std() == pytest.approx(scipy.stats.sem(shares), rel=0.02)


def test_many_speakers_give_students_interval_of_their_mean() -> None:
    shares = np.random.default_rng(1).normal(0.5, 0.1, 80)
    found = of_mean(shares, names_of(80), 40_000)
    expected = scipy.stats.t.interval(0.95, 79, shares.mean(), scipy.stats.sem(shares))
    assert (found.low, found.high) == pytest.approx(expected, abs=0.002)
    assert found.value == pytest.approx(shares.mean())
    assert found.n_speakers == 80


def test_difference_between_corpora_adds_no_spread() -> None:
    shares = np.r_[np.full(6, 0.2), np.full(6, 0.8)]
    found = of_mean(shares, (*names_of(6, "a"), *names_of(6, "b")))
    assert (found.low, found.value, found.high) == pytest.approx((0.5,) * 3)


@pytest.mark.parametrize("n_speakers", [6, 10, 25, 60])
def test_interval_has_nominal_coverage(n_speakers: int) -> None:
    """Speakers differ, classes differ; three hundred experiments.

    With a coverage of .95 their number of hits has a standard deviation of 3.8; the bounds are
    four of them below, for a bootstrap of few speakers, and three above.
    """
    rng = np.random.default_rng(n_speakers)

    def experiment(n: int) -> Floats:
        ability = rng.normal(0, 0.8, (n, 1)) + np.array([0.5, -0.5, 1.0, 0.0])
        total = rng.integers(4, 11, (n, 4))
        correct = rng.binomial(total, 1 / (1 + np.exp(-ability)))
        return np.stack([correct, total], axis=1).astype(np.float64)

    correct, total = experiment(200_000).sum(axis=0)
    truth = float(mean_known(ratio(correct, total)))
    covered = 0
    for seed in range(300):
        resamples = Resamples.of(names_of(n_speakers), 500, seed)
        sums = resamples.sums(experiment(n_speakers))
        found = resamples.estimate(mean_known(ratio(sums[:, 0], sums[:, 1])))
        covered += found.low <= truth <= found.high
    assert 285 - 15 <= covered <= 285 + 11


def test_estimate_depends_on_the_seed_alone() -> None:
    values = np.random.default_rng(0).uniform(size=10)

    def estimate(seed: int) -> Estimate:
        resamples = Resamples.of(names_of(10), 500, seed)
        return resamples.estimate(resamples.sums(values))

    assert estimate(1) == estimate(1) != estimate(2)


def test_undefined_numbers_have_no_interval() -> None:
    resamples = Resamples.of(names_of(9), 100)
    values = np.ones(101)
    values[7] = np.nan
    assert resamples.estimate(values).has_interval  # one in a hundred is left out
    values[9] = np.nan
    assert resamples.estimate(values).value == 1
    assert not resamples.estimate(values).has_interval
    values[0] = np.nan
    assert isnan(resamples.estimate(values).value)


@pytest.mark.parametrize("n_speakers", [1, 2, 5])
def test_few_speakers_have_no_interval(n_speakers: int) -> None:
    found = of_mean(np.ones(n_speakers), names_of(n_speakers))
    assert not found.has_interval
    assert (found.value, found.n_speakers) == (1, n_speakers)


def test_six_speakers_of_two_corpora_and_unknown_ones_have_no_interval() -> None:
    two = (*names_of(3, "a"), *names_of(3, "b"))
    assert of_mean(np.arange(6.0), names_of(6)).has_interval
    assert not of_mean(np.arange(6.0), two).has_interval
    assert of_mean(np.arange(7.0), (*two, "b/9")).has_interval
    assert not of_mean(np.arange(8.0), (*names_of(7), "b/?")).has_interval


def test_a_number_of_some_speakers_has_their_degrees_of_freedom() -> None:
    resamples = Resamples.of(names_of(9))
    values = resamples.sums(np.arange(9.0))
    assert not resamples.estimate(values, names_of(5)).has_interval
    few, all_of_them = resamples.estimate(values, names_of(6)), resamples.estimate(values)
    assert few.low < all_of_them.low < all_of_them.high < few.high


def test_weighted_mean_leaves_out_what_is_not_known() -> None:
    values = np.array([[1.0, 3.0, np.nan], [np.nan, 5.0, 7.0]])
    weights = np.array([[1.0, 3.0, 9.0], [9.0, 0.0, 0.0]])
    np.testing.assert_allclose(weighted_mean(values, weights), [2.5, np.nan])


def spoken(results: Sequence[FoldResult], n: int) -> pd.DataFrame:
    """Table of results whose utterances are of n speakers of each corpus in turn."""
    return table_of(results, in_turn(n))


def cross(system: str, hits: tuple[int, ...], corpus: str = "emodb", seed: int = 0) -> FoldResult:
    return result(corpus, system, hits, protocol="cross", seed=seed)


def counts_of(results: pd.DataFrame, by: str = "fold") -> SpeakerCounts:
    return SpeakerCounts.of(results, by, Resamples.of(results["speaker"]))


def test_counts_are_correct_predictions_above_utterances() -> None:
    found = counts_of(spoken([cross("svm", (2, 10, -1, 0))], 1))
    np.testing.assert_array_equal(found.counts[0, 0], [[2, 10, 0, 0], [10, 10, 0, 10]])
    assert [*found.groups] == ["cross/emodb"]
    assert found.speakers() == ["emodb/0"]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(*[st.integers(0, 10)] * 4), min_size=1, max_size=4), st.integers(1, 5))
def test_counts_of_seeds_are_averaged(hits: list[tuple[int, ...]], n: int) -> None:
    results = spoken([cross("svm", h, seed=i) for i, h in enumerate(hits)], n)
    correct, total = counts_of(results).counts.sum(axis=(0, 1))
    np.testing.assert_allclose(correct, np.mean(hits, axis=0))
    np.testing.assert_array_equal(total, 10)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 9), st.integers(0, 99))
def test_recalls_in_a_resample_equal_a_loop_over_speakers(n: int, seed: int) -> None:
    results = spoken([cross("svm", (2, 10, -1, 4)), cross("svm", (7, 1, 5, 0), "urdu")], n)
    resamples = Resamples.of(results["speaker"], 3, seed)
    counted = SpeakerCounts.of(results, "test_set", resamples)
    for drawn, weights in zip(counted.recalls(), resamples.weights, strict=True):
        looped = sum(w * counted.counts[s] for s, w in enumerate(weights))
        np.testing.assert_allclose(drawn, ratio(looped[:, 0], looped[:, 1]))
    np.testing.assert_allclose(counted.accuracies(), mean_known(counted.recalls()))


def test_fold_weighs_as_its_speakers_do() -> None:
    results = table_of([result(f"a/{i}", "svm", (5,) * 4) for i in range(6)])
    counted = counts_of(results)
    np.testing.assert_array_equal(counted.weights(), counted.resamples.weights)


def test_ua_of_groups_taken_together_pools_them() -> None:
    results = table_of([result("a/0", "svm", (2,) * 4), result("a/1", "svm", (18,) * 4, of=20)])
    counted = counts_of(results)
    assert counted.accuracies()[0].tolist() == pytest.approx([0.2, 0.9])
    assert counted.pooled([0, 1])[0] == pytest.approx(20 / 30)
    assert counted.speaker_accuracies().to_dict() == pytest.approx({"a/0": 0.2, "a/1": 0.9})


def test_share_of_resamples_that_lost_a_class_is_reported() -> None:
    rows = [result(f"a/{i}", "svm", (5, -1, -1, -1)) for i in range(7)]
    results = table_of([*rows, result("a/7", "svm", (5, 10, -1, -1))])
    found, *_ = pooled_estimates(results).to_dict("records")
    assert found["value"] == pytest.approx(0.75)
    assert found["lost"] == pytest.approx((7 / 8) ** 7, abs=0.03)
    assert (found["low"], found["high"]) == pytest.approx((0.5, 0.75))
    assert counts_of(results).share_lost([[0], [1]]) > 0.3


def test_constant_prediction_is_at_chance_with_an_empty_interval() -> None:
    results = spoken([cross("svm", (0, 0, 10, 0))], 9)
    found, *_ = pooled_estimates(results).to_dict("records")
    assert [found[name] for name in ("value", "low", "high")] == pytest.approx([0.25] * 3)


def test_mean_needs_every_test_set() -> None:
    both = [cross("svm", (5,) * 4, corpus) for corpus in ("a", "b")]
    found = pooled_estimates(spoken([*both, cross("dnn-stl", (5,) * 4, "a")], 6))
    assert {key[1:] for key in found.index} == {
        ("a", "svm"),
        ("b", "svm"),
        ("", "svm"),
        ("a", "dnn-stl"),
    }
    assert row(found, "cross", "", "svm")["n_speakers"] == 12


def test_speaker_in_two_test_sets_counts_once() -> None:
    parts = [cross("svm", (5,) * 4, f"iemocap:{part}") for part in ("natural", "acted")]
    found = row(pooled_estimates(spoken(parts, 7)), "cross", "", "svm")
    assert found["n_speakers"] == 7


def test_one_unknown_speaker_leaves_its_test_set_without_an_interval() -> None:
    results = spoken([cross("svm", (5,) * 4, corpus) for corpus in ("a", "b")], 8)
    speaker = results["speaker"].astype(str)
    results["speaker"] = speaker.where(results["utterance"] != "b/3", "b/?")
    found = pooled_estimates(results)["low"].droplevel(["protocol", "system"])
    assert found.isna().to_dict() == {"a": False, "b": True, "": True}
