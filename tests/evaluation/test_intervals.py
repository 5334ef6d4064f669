"""Confidence intervals: the bootstrap against loops, the theory of a mean, SciPy, and few data."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t

from tests.report.runs import result
from voxaffect.evaluation import metrics
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.intervals import (
    LEVEL,
    Pool,
    bootstrap_interval,
    bootstrap_mean,
    bootstrap_weights,
    count_by_speaker,
    degrees_of_freedom,
    intervals,
    known_speakers,
    merge,
    speakers_by_corpus,
    stated_speakers,
    tail,
    unweighted_accuracy,
)
from voxaffect.evaluation.metrics import Floats
from voxaffect.evaluation.results import score_table

SPEAKERS = [*(f"emodb/{n}" for n in range(8)), "urdu/1", "emovo/1", "emovo/2"]


def test_speakers_are_grouped_by_corpus() -> None:
    assert speakers_by_corpus(SPEAKERS) == {"emodb": [*range(8)], "urdu": [8], "emovo": [9, 10]}
    assert degrees_of_freedom(SPEAKERS) == 11 - 3


def test_weights_keep_the_size_of_every_corpus_and_spread_like_a_mean() -> None:
    weights = bootstrap_weights(SPEAKERS, 4000, seed=0)
    assert (weights >= 0).all()
    for own in speakers_by_corpus(SPEAKERS).values():
        np.testing.assert_allclose(weights[:, own].sum(axis=1), len(own))
    assert (weights[:, SPEAKERS.index("urdu/1")] == 1).all()
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.1)
    values = np.arange(8.0)
    spread = (weights[:, :8] @ values / 8).std()
    assert spread == pytest.approx(values.std(ddof=1) / np.sqrt(8), rel=0.05)


def test_weights_depend_on_the_seed_alone() -> None:
    first = bootstrap_weights(SPEAKERS, 20, seed=3)
    np.testing.assert_array_equal(first, bootstrap_weights(SPEAKERS, 20, seed=3))
    assert (first != bootstrap_weights(SPEAKERS, 20, seed=4)).any()


def test_tail_is_that_of_students_t() -> None:
    for degrees in (5, 20):
        assert norm.ppf(tail(degrees)) == pytest.approx(t.ppf(0.025, degrees))
    assert tail(10**9) == pytest.approx(0.025)


def counts(correct: tuple[float, ...], total: tuple[float, ...]) -> Floats:
    return np.array([correct, total], np.float64)


def one_class(shares: Floats, corpus: str = "a") -> Pool:
    """Speakers with a hundred utterances of one class: pooled UA is the mean of their shares."""
    found = np.zeros((1, shares.size, 2, 4))
    found[0, :, 0, 0], found[0, :, 1, 0] = 100 * shares, 100
    return Pool(tuple(f"{corpus}/{i:03}" for i in range(shares.size)), found)


def random_pool(seed: int, n_speakers: int, n_tests: int = 1, n_corpora: int = 1) -> Pool:
    rng = np.random.default_rng(seed)
    total = rng.integers(0, 4, (n_tests, n_speakers, 4)).astype(float)
    total[:, :, 0] += 1
    drawn = np.stack([rng.binomial(total.astype(int), 0.6), total], axis=2)
    names = sorted(f"{'abc'[i % n_corpora]}/{i}" for i in range(n_speakers))
    return Pool(tuple(names), drawn)


def test_resampling_a_mean_has_the_spread_of_a_mean() -> None:
    shares = np.random.default_rng(0).uniform(0, 1, 12)
    drawn = unweighted_accuracy(one_class(shares).resample(0, 40_000))[:, 0]
    assert drawn.mean() == pytest.approx(shares.mean(), abs=0.003)
    assert drawn.std() == pytest.approx(scipy.stats.sem(shares), rel=0.02)


def test_many_speakers_give_students_interval_of_their_mean() -> None:
    shares = np.random.default_rng(1).normal(0.5, 0.1, 80)
    found = bootstrap_interval(one_class(shares), n_resamples=40_000)
    assert found is not None
    expected = scipy.stats.t.interval(0.95, 79, shares.mean(), scipy.stats.sem(shares))
    assert (found.low, found.high) == pytest.approx(expected, abs=0.002)
    assert found.value == pytest.approx(shares.mean())
    assert found.n_speakers == 80


def test_difference_between_corpora_adds_no_spread() -> None:
    shares = np.r_[np.full(6, 0.2), np.full(6, 0.8)]
    apart = one_class(shares)
    apart = Pool(tuple(f"{'ab'[i // 6]}/{i:02}" for i in range(12)), apart.counts)
    found = bootstrap_interval(apart)
    assert found is not None
    assert (found.low, found.value, found.high) == pytest.approx((0.5,) * 3)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 99), st.integers(1, 9), st.integers(1, 3), st.integers(1, 3))
def test_resample_equals_a_loop_over_speakers(
    seed: int, n_speakers: int, n_tests: int, n_corpora: int
) -> None:
    pooled = random_pool(seed, n_speakers, n_tests, n_corpora)
    identity = Pool(pooled.speakers, np.zeros((n_speakers, n_speakers, 2, 4)))
    identity.counts[np.arange(n_speakers), np.arange(n_speakers)] = 1  # shows the weights
    weights = identity.resample(seed, 7)[:, :, 0, 0]
    for drawn, weight in zip(pooled.resample(seed, 7), weights, strict=True):
        looped = sum(w * pooled.counts[:, s] for s, w in enumerate(weight))
        np.testing.assert_allclose(drawn, looped)
    for stratum in speakers_by_corpus(pooled.speakers).values():
        np.testing.assert_allclose(weights[:, stratum].sum(axis=1), len(stratum))
        times = weights[:, stratum] * max(1, len(stratum) - 1) / len(stratum)
        np.testing.assert_allclose(times, np.rint(times))


def test_interval_has_nominal_coverage() -> None:
    """Speakers differ, classes differ; eight speakers, four hundred experiments."""
    rng = np.random.default_rng(3)

    def experiment(n: int) -> Floats:
        ability = rng.normal(0, 0.8, (n, 1)) + np.array([0.5, -0.5, 1.0, 0.0])
        total = rng.integers(4, 11, (n, 4))
        correct = rng.binomial(total, 1 / (1 + np.exp(-ability)))
        return np.stack([correct, total], axis=1).astype(np.float64)[None]

    truth = float(unweighted_accuracy(experiment(200_000).sum(axis=1))[0])
    names = tuple(f"a/{i}" for i in range(8))
    covered = 0
    for seed in range(400):
        found = bootstrap_interval(Pool(names, experiment(8)), seed=seed, n_resamples=500)
        assert found is not None
        covered += found.low <= truth <= found.high
    assert 0.91 <= covered / 400 <= 0.98


def test_interval_depends_on_the_seed_alone() -> None:
    pooled = random_pool(0, 10)
    assert (
        bootstrap_interval(pooled, seed=1)
        == bootstrap_interval(pooled, seed=1)
        != bootstrap_interval(pooled, seed=2)
    )


def test_difficulty_of_a_speaker_cancels_out_of_a_paired_difference() -> None:
    shares = np.random.default_rng(2).uniform(0.1, 0.8, 10)
    harder, easier = one_class(shares), one_class(shares + 0.1)
    gain = bootstrap_interval(easier, harder)
    alone = bootstrap_interval(easier)
    assert gain is not None
    assert alone is not None
    assert (gain.low, gain.value, gain.high) == pytest.approx((0.1,) * 3)
    assert gain.low > 0
    assert alone.high - alone.low > 0.1


def test_swapping_systems_negates_the_interval() -> None:
    one, other = random_pool(5, 9), random_pool(5, 9)
    other.counts[:, :, 0] = other.counts[:, :, 1] - other.counts[:, :, 0]
    gain, loss = bootstrap_interval(one, other), bootstrap_interval(other, one)
    assert gain is not None
    assert loss is not None
    assert (gain.low, gain.value, gain.high) == pytest.approx((-loss.high, -loss.value, -loss.low))


def test_equal_systems_have_no_difference() -> None:
    same = bootstrap_interval(random_pool(4, 8), random_pool(4, 8))
    assert same is not None
    assert (same.low, same.value, same.high) == (0, 0, 0)


def test_constant_prediction_is_at_chance_with_an_empty_interval() -> None:
    sad = np.zeros((1, 9, 2, 4))
    sad[:, :, 1] = np.random.default_rng(0).integers(1, 9, (1, 9, 4))
    sad[:, :, 0, 2] = sad[:, :, 1, 2]  # all predictions are sad
    found = bootstrap_interval(Pool(tuple(f"a/{i}" for i in range(9)), sad))
    assert found is not None
    assert (found.low, found.value, found.high) == pytest.approx((0.25,) * 3)


def test_share_of_resamples_that_lost_a_class_is_reported() -> None:
    happy = np.zeros((1, 8, 2, 4))
    happy[0, :, 1, 0] = 10
    happy[0, :, 0, 0] = 5
    happy[0, 3, :, 1] = 4  # of one speaker only, always recognized
    found = bootstrap_interval(Pool(tuple(f"a/{i}" for i in range(8)), happy), n_resamples=20_000)
    assert found is not None
    assert found.value == pytest.approx(0.75)
    assert found.lost == pytest.approx((7 / 8) ** 7, abs=0.01)
    assert (found.low, found.high) == pytest.approx((0.5, 0.75))


@pytest.mark.parametrize("n_speakers", [1, 2, 5])
def test_few_speakers_have_no_interval(n_speakers: int) -> None:
    few = random_pool(0, n_speakers)
    assert bootstrap_interval(few) is None
    assert bootstrap_interval(few, few) is None


def test_six_speakers_of_two_corpora_have_no_interval() -> None:
    assert bootstrap_interval(random_pool(0, 6)) is not None
    assert bootstrap_interval(random_pool(0, 6, n_corpora=2)) is None
    assert bootstrap_interval(random_pool(0, 7, n_corpora=2)) is not None


def test_speaker_in_two_test_sets_counts_once() -> None:
    half = {f"iemocap/{i}": counts((1, 0, 0, 0), (2, 0, 0, 0)) for i in range(6)}
    more = {**half, "iemocap/6": counts((2, 0, 0, 0), (2, 0, 0, 0))}
    both = Pool.of([half, more])
    assert both.counts.shape == (2, 7, 2, 4)
    assert both.accuracy() == pytest.approx((0.5 + 8 / 14) / 2)
    assert degrees_of_freedom(both.speakers) == 6


def test_mean_needs_every_test_set() -> None:
    fold = {"f": {f"a/{i}": counts((1, 1, 1, 1), (2, 2, 2, 2)) for i in range(6)}}
    few = {"f": {"b/0": counts((1, 1, 1, 1), (2, 2, 2, 2))}}
    cells = {
        ("a", "svm"): fold,
        ("b", "svm"): few,
        ("a", "dnn-stl"): fold,
    }
    found = intervals(cells, ["a", "b"])
    assert set(found) == {("a", "svm"), (None, "svm"), ("a", "dnn-stl")}
    assert found[None, "svm"].n_speakers == 7


def speakers_in_turn(ids: tuple[str, ...], n: int) -> dict[str, str]:
    return {id_: f"emodb/{i % n}" for i, id_ in enumerate(ids)}


def test_counts_are_correct_predictions_above_utterances() -> None:
    found = result("emodb", "svm", (2, 10, -1, 0), protocol="cross")
    (fold,) = count_by_speaker([found], dict.fromkeys(found.ids, "emodb/03"))[
        ("emodb", "svm")
    ].values()
    np.testing.assert_array_equal(fold["emodb/03"], [[2, 10, 0, 0], [10, 10, 0, 10]])


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(*[st.integers(0, 10)] * 4), min_size=1, max_size=4), st.integers(1, 5))
def test_ua_of_mean_counts_is_the_mean_of_the_seeds_ua(hits: list[tuple[int, ...]], n: int) -> None:
    results = [result("emodb", "svm", h, seed=i, protocol="cross") for i, h in enumerate(hits)]
    counted = count_by_speaker(results, speakers_in_turn(results[0].ids, n))[("emodb", "svm")]
    pooled = sum(merge(counted.values()).values())
    (score,) = score_table(results).scores.values()
    assert unweighted_accuracy(np.asarray(pooled)) == pytest.approx(
        score.pooled(metrics.unweighted_accuracy)
    )


def test_ua_ignores_absent_classes() -> None:
    each = np.array([[[1, 0, 0, 0], [2, 4, 0, 0]], [[0, 0, 0, 0], [0, 0, 0, 0]]], float)
    np.testing.assert_array_equal(unweighted_accuracy(each), [0.25, np.nan])


def test_counts_of_a_speaker_in_two_folds_are_added() -> None:
    fold = {"iemocap/1F": np.ones((2, 4))}
    assert merge([fold, fold])["iemocap/1F"].sum() == 16


def test_speakers_are_known_within_corpora_and_unknown_ones_are_left_out() -> None:
    named, unknown = result("emodb/03", "svm", (5,) * 4), result("mine/?", "svm", (5,) * 4)
    known = known_speakers([named, unknown], {"other/1": "other/a", "other/2": "other/?"})
    assert set(known) == {*named.ids, "other/1"}
    assert set(known.values()) == {"emodb/03", "other/a"}


def test_one_unknown_speaker_leaves_its_test_set_without_counts() -> None:
    known, unknown = (result(c, "svm", (5,) * 4, protocol="cross") for c in ("emodb", "urdu"))
    speaker_of = dict.fromkeys((*known.ids, *unknown.ids[1:]), "emodb/03")
    assert set(count_by_speaker([known, unknown], speaker_of)) == {("emodb", "svm")}


def test_run_of_an_earlier_version_states_no_speakers() -> None:
    assert stated_speakers(Run({}, (), {}, ())) == {}


def test_interval_of_a_mean_is_scipys_percentile_bootstrap() -> None:
    values = np.random.default_rng(5).normal(0.05, 0.1, 40)
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, confidence_level=LEVEL, method="percentile", n_resamples=9999
    ).confidence_interval
    np.testing.assert_allclose(bootstrap_mean(values, 0), (theirs.low, theirs.high), atol=0.004)


def test_interval_of_a_mean_has_nominal_coverage() -> None:
    rng = np.random.default_rng(11)
    hits = [
        low <= 0.03 <= high
        for low, high in (bootstrap_mean(rng.normal(0.03, 0.1, 30), 0) for _ in range(120))
    ]
    assert 0.87 <= np.mean(hits) <= 0.99


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=6, max_size=30), st.integers(0, 99))
def test_interval_of_a_mean_is_within_the_values_and_depends_on_the_seed(
    values: list[float], seed: int
) -> None:
    array = np.array(values)
    low, high = bootstrap_mean(array, seed)
    assert array.min() - 1e-9 <= low <= high <= array.max() + 1e-9
    assert (low, high) == bootstrap_mean(array, seed)
