"""The bootstrap against loops, against the theory of a mean, and on data too thin for it."""

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
    ConfusionCell,
    Floats,
    Pool,
    freedom,
    interval,
    interval_of_difference,
    intervals,
    known_speakers,
    pool,
    resample,
    speaker_weights,
    stated_speakers,
    strata,
    tail,
    tallies,
    total,
    unweighted_accuracy,
)
from voxaffect.evaluation.results import score

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


def tally(recognized: tuple[float, ...], there: tuple[float, ...]) -> Floats:
    return np.array([recognized, there], np.float64)


def one_class(shares: Floats, corpus: str = "a") -> Pool:
    """Speakers who each say one class a hundred times: pooled UA is the mean of their shares."""
    counts = np.zeros((1, shares.size, 2, 4))
    counts[0, :, 0, 0], counts[0, :, 1, 0] = 100 * shares, 100
    return Pool(tuple(f"{corpus}/{i:03}" for i in range(shares.size)), counts)


def random_pool(seed: int, n_speakers: int, n_tests: int = 1, n_corpora: int = 1) -> Pool:
    rng = np.random.default_rng(seed)
    there = rng.integers(0, 4, (n_tests, n_speakers, 4)).astype(float)
    there[:, :, 0] += 1
    counts = np.stack([rng.binomial(there.astype(int), 0.6), there], axis=2)
    names = sorted(f"{'abc'[i % n_corpora]}/{i}" for i in range(n_speakers))
    return Pool(tuple(names), counts)


def test_resampling_a_mean_has_the_spread_of_a_mean() -> None:
    shares = np.random.default_rng(0).uniform(0, 1, 12)
    drawn = unweighted_accuracy(resample(one_class(shares), 0, 40_000))[:, 0]
    assert drawn.mean() == pytest.approx(shares.mean(), abs=0.003)
    assert drawn.std() == pytest.approx(scipy.stats.sem(shares), rel=0.02)


def test_many_speakers_give_students_interval_of_their_mean() -> None:
    shares = np.random.default_rng(1).normal(0.5, 0.1, 80)
    found = interval(one_class(shares), n_resamples=40_000)
    assert found is not None
    expected = scipy.stats.t.interval(0.95, 79, shares.mean(), scipy.stats.sem(shares))
    assert (found.low, found.high) == pytest.approx(expected, abs=0.002)
    assert found.value == pytest.approx(shares.mean())
    assert found.n_speakers == 80


def test_corpora_are_fixed_so_that_their_difference_adds_no_spread() -> None:
    shares = np.r_[np.full(6, 0.2), np.full(6, 0.8)]
    apart = one_class(shares)
    apart = Pool(tuple(f"{'ab'[i // 6]}/{i:02}" for i in range(12)), apart.counts)
    found = interval(apart)
    assert found is not None
    assert (found.low, found.value, found.high) == pytest.approx((0.5,) * 3)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 99), st.integers(1, 9), st.integers(1, 3), st.integers(1, 3))
def test_a_resample_is_what_a_loop_over_speakers_adds_up(
    seed: int, n_speakers: int, n_tests: int, n_corpora: int
) -> None:
    pooled = random_pool(seed, n_speakers, n_tests, n_corpora)
    identity = Pool(pooled.speakers, np.zeros((n_speakers, n_speakers, 2, 4)))
    identity.counts[np.arange(n_speakers), np.arange(n_speakers)] = 1  # tells who was drawn
    weights = resample(identity, seed, 7)[:, :, 0, 0]
    for drawn, weight in zip(resample(pooled, seed, 7), weights, strict=True):
        looped = sum(w * pooled.counts[:, s] for s, w in enumerate(weight))
        np.testing.assert_allclose(drawn, looped)
    for stratum in strata(pooled.speakers).values():
        np.testing.assert_allclose(weights[:, stratum].sum(axis=1), len(stratum))
        times = weights[:, stratum] * max(1, len(stratum) - 1) / len(stratum)
        np.testing.assert_allclose(times, np.rint(times))


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Speakers differ, classes differ; eight speakers, four hundred experiments."""
    rng = np.random.default_rng(3)

    def experiment(n: int) -> Floats:
        ability = rng.normal(0, 0.8, (n, 1)) + np.array([0.5, -0.5, 1.0, 0.0])
        there = rng.integers(4, 11, (n, 4))
        right = rng.binomial(there, 1 / (1 + np.exp(-ability)))
        return np.stack([right, there], axis=1).astype(np.float64)[None]

    truth = float(unweighted_accuracy(experiment(200_000).sum(axis=1))[0])
    names = tuple(f"a/{i}" for i in range(8))
    held = 0
    for seed in range(400):
        found = interval(Pool(names, experiment(8)), seed=seed, n_resamples=500)
        assert found is not None
        held += found.low <= truth <= found.high
    assert 0.91 <= held / 400 <= 0.98


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    pooled = random_pool(0, 10)
    assert interval(pooled, seed=1) == interval(pooled, seed=1) != interval(pooled, seed=2)


def test_what_makes_a_speaker_hard_cancels_out_of_a_difference() -> None:
    shares = np.random.default_rng(2).uniform(0.1, 0.8, 10)
    harder, easier = one_class(shares), one_class(shares + 0.1)
    gain = interval_of_difference(easier, harder)
    alone = interval(easier)
    assert gain is not None
    assert alone is not None
    assert (gain.low, gain.value, gain.high) == pytest.approx((0.1,) * 3)
    assert gain.excludes_zero
    assert alone.high - alone.low > 0.1


def test_swapping_systems_turns_the_interval_around() -> None:
    one, other = random_pool(5, 9), random_pool(5, 9)
    other.counts[:, :, 0] = other.counts[:, :, 1] - other.counts[:, :, 0]
    gain, loss = interval_of_difference(one, other), interval_of_difference(other, one)
    assert gain is not None
    assert loss is not None
    assert (gain.low, gain.value, gain.high) == pytest.approx((-loss.high, -loss.value, -loss.low))


def test_equal_systems_differ_by_nothing() -> None:
    same = interval_of_difference(random_pool(4, 8), random_pool(4, 8))
    assert same is not None
    assert (same.low, same.value, same.high) == (0, 0, 0)
    assert not same.excludes_zero


def test_one_answer_to_everything_is_chance_without_doubt() -> None:
    counts = np.zeros((1, 9, 2, 4))
    counts[:, :, 1] = np.random.default_rng(0).integers(1, 9, (1, 9, 4))
    counts[:, :, 0, 2] = counts[:, :, 1, 2]  # everything is called sad
    found = interval(Pool(tuple(f"a/{i}" for i in range(9)), counts))
    assert found is not None
    assert (found.low, found.value, found.high) == pytest.approx((0.25,) * 3)


def test_a_class_that_one_speaker_has_may_be_lost_and_that_is_told() -> None:
    counts = np.zeros((1, 8, 2, 4))
    counts[0, :, 1, 0] = 10
    counts[0, :, 0, 0] = 5
    counts[0, 3, :, 1] = 4  # the only one who says it, always recognized
    found = interval(Pool(tuple(f"a/{i}" for i in range(8)), counts), n_resamples=20_000)
    assert found is not None
    assert found.value == pytest.approx(0.75)
    assert found.lost == pytest.approx((7 / 8) ** 7, abs=0.01)
    assert (found.low, found.high) == pytest.approx((0.5, 0.75))


@pytest.mark.parametrize("n_speakers", [1, 2, 5])
def test_few_speakers_have_no_interval(n_speakers: int) -> None:
    few = random_pool(0, n_speakers)
    assert interval(few) is None
    assert interval_of_difference(few, few) is None


def test_six_speakers_have_one_of_two_corpora_not() -> None:
    assert interval(random_pool(0, 6)) is not None
    assert interval(random_pool(0, 6, n_corpora=2)) is None
    assert interval(random_pool(0, 7, n_corpora=2)) is not None


def test_speakers_of_two_test_sets_are_drawn_once() -> None:
    half = {f"iemocap/{i}": tally((1, 0, 0, 0), (2, 0, 0, 0)) for i in range(6)}
    more = {**half, "iemocap/6": tally((2, 0, 0, 0), (2, 0, 0, 0))}
    both = pool([half, more])
    assert both.counts.shape == (2, 7, 2, 4)
    assert both.accuracy() == pytest.approx((0.5 + 8 / 14) / 2)
    assert both.freedom == 6


def test_the_mean_takes_every_test_set_or_is_absent() -> None:
    fold = {"f": {f"a/{i}": tally((1, 1, 1, 1), (2, 2, 2, 2)) for i in range(6)}}
    few = {"f": {"b/0": tally((1, 1, 1, 1), (2, 2, 2, 2))}}
    cells = {
        ConfusionCell("a", "svm"): fold,
        ConfusionCell("b", "svm"): few,
        ConfusionCell("a", "dnn-stl"): fold,
    }
    found = intervals(cells, ["a", "b"])
    assert set(found) == {("a", "svm"), (None, "svm"), ("a", "dnn-stl")}
    assert found[None, "svm"].n_speakers == 7


def speakers_by_turns(ids: tuple[str, ...], n: int) -> dict[str, str]:
    return {id_: f"emodb/{i % n}" for i, id_ in enumerate(ids)}


def test_a_tally_counts_what_was_recognized_above_what_there_is() -> None:
    found = result("emodb", "svm", (2, 10, -1, 0), protocol="cross")
    (fold,) = tallies([found], dict.fromkeys(found.ids, "emodb/03"))[
        ConfusionCell("emodb", "svm")
    ].values()
    np.testing.assert_array_equal(fold["emodb/03"], [[2, 10, 0, 0], [10, 10, 0, 10]])


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(*[st.integers(0, 10)] * 4), min_size=1, max_size=4), st.integers(1, 5))
def test_ua_of_averaged_tallies_is_the_mean_of_the_seeds_ua(
    hits: list[tuple[int, ...]], n: int
) -> None:
    results = [result("emodb", "svm", h, seed=i, protocol="cross") for i, h in enumerate(hits)]
    counted = tallies(results, speakers_by_turns(results[0].ids, n))[ConfusionCell("emodb", "svm")]
    pooled = sum(total(counted.values()).values())
    assert unweighted_accuracy(np.asarray(pooled)) == pytest.approx(
        score(results).pooled(metrics.unweighted_accuracy)
    )


def test_ua_leaves_out_classes_that_are_not_there() -> None:
    each = np.array([[[1, 0, 0, 0], [2, 4, 0, 0]], [[0, 0, 0, 0], [0, 0, 0, 0]]], float)
    np.testing.assert_array_equal(unweighted_accuracy(each), [0.25, np.nan])


def test_a_speaker_in_two_folds_is_one() -> None:
    fold = {"iemocap/1F": np.ones((2, 4))}
    assert total([fold, fold])["iemocap/1F"].sum() == 16


def test_within_knows_its_speakers_and_nobody_is_no_speaker() -> None:
    named, nobody = result("emodb/03", "svm", (5,) * 4), result("mine/?", "svm", (5,) * 4)
    known = known_speakers([named, nobody], {"other/1": "other/a", "other/2": "other/?"})
    assert set(known) == {*named.ids, "other/1"}
    assert set(known.values()) == {"emodb/03", "other/a"}


def test_one_unknown_speaker_leaves_its_test_set_without_tallies() -> None:
    known, unknown = (result(c, "svm", (5,) * 4, protocol="cross") for c in ("emodb", "urdu"))
    speaker_of = dict.fromkeys((*known.ids, *unknown.ids[1:]), "emodb/03")
    assert set(tallies([known, unknown], speaker_of)) == {ConfusionCell("emodb", "svm")}


def test_a_run_of_an_earlier_version_states_no_speakers() -> None:
    assert stated_speakers(Run({}, (), {}, ())) == {}
