"""Wilcoxon's test against SciPy and all signs, Holm's correction by hand, and families of pairs."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report.runs import FactsOf, facts_of_one, in_turn, result, table_of
from voxaffect.errors import FoldError
from voxaffect.evaluation.comparisons import (
    EXACT_PAIRS,
    Comparison,
    PairedTest,
    ProtocolScores,
    before_after,
    compare_all,
    compare_by_other_units,
    default_pairs,
    holm,
    wilcoxon,
)
from voxaffect.evaluation.experiment.run import FoldResult

coarse = st.lists(st.integers(-4, 4), min_size=1, max_size=9)  # few values: zeros and ties abound


@pytest.mark.parametrize("n", [5, 8, 20, 45])
def test_equals_scipys_exact_test_where_nothing_ties(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.3, 1, n)
    ours, oracle = wilcoxon(list(differences)), scipy.stats.wilcoxon(differences, method="exact")
    assert ours.p == pytest.approx(oracle.pvalue)


@settings(deadline=None)
@given(coarse)
def test_p_value_is_the_share_of_all_signs_as_extreme(values: list[int]) -> None:
    ours = wilcoxon([value / 10 for value in values])
    size = np.abs([v for v in values if v])
    ranks = scipy.stats.rankdata(size)
    sums = [ranks[np.array(signs, bool)].sum() for signs in product([0, 1], repeat=len(size))]
    positive = ranks[np.array([v for v in values if v]) > 0].sum()
    statistic = min(positive, ranks.sum() - positive)
    as_extreme = np.mean([min(s, ranks.sum() - s) <= statistic for s in sums])
    assert ours.p == pytest.approx(as_extreme)
    assert ours.n_pairs == len(values)
    assert ours.n_better + ours.n_worse == len(size)


@settings(deadline=None)
@given(coarse)
def test_swapping_systems_negates_the_effect_only(values: list[int]) -> None:
    one, other = wilcoxon([float(v) for v in values]), wilcoxon([float(-v) for v in values])
    assert one.effect == -other.effect
    assert one.p == other.p
    assert one.difference == -other.difference


def test_many_folds_approach_the_normal_distribution() -> None:
    differences = np.random.default_rng(0).normal(0.1, 1, 300)
    oracle = scipy.stats.wilcoxon(differences, method="approx")
    assert wilcoxon(list(differences)).p == pytest.approx(oracle.pvalue, rel=0.02)


def test_equal_systems_have_p_value_one() -> None:
    same = wilcoxon([0.0] * 8)
    assert (same.p, same.n_pairs) == (1, 8)
    assert (same.n_better, same.n_worse) == (0, 0)
    assert not same.reachable
    assert same.least_p == 1
    assert same.effect == 0


@pytest.mark.parametrize("n", [4, 30])
def test_effect_follows_from_scipys_rank_sums(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.2, 1, n)
    positive = scipy.stats.wilcoxon(differences, alternative="greater").statistic
    share = positive / (n * (n + 1) / 2)
    assert wilcoxon(list(differences)).effect == pytest.approx(2 * share - 1)


def test_effect_at_its_extremes_and_with_tied_ranks() -> None:
    assert wilcoxon([0.1, 0.2, 0.3]).effect == 1
    assert wilcoxon([-0.1, -0.2, 0.0]).effect == -1
    assert wilcoxon([0.1, -0.1]).effect == 0
    assert wilcoxon([0.1, 0.2, -0.3]).effect == 0
    assert wilcoxon([0.2, 0.3, -0.1]).effect == pytest.approx(4 / 6)


def test_normal_approximation_beyond_exact_pairs_is_continuous() -> None:
    differences = np.random.default_rng(1).integers(-8, 10, EXACT_PAIRS + 40) / 10
    signed = differences[differences != 0]
    exact = wilcoxon(list(signed[:EXACT_PAIRS]))
    more = scipy.stats.wilcoxon(np.tile(signed, 2), method="approx")
    assert exact.p == pytest.approx(
        scipy.stats.wilcoxon(signed[:EXACT_PAIRS], method="approx").pvalue, abs=1e-3
    )
    assert wilcoxon(list(np.tile(signed, 2))).p == pytest.approx(more.pvalue)


def test_rounding_noise_is_not_a_difference() -> None:
    found = wilcoxon([0.1 + 0.2 - 0.3])
    assert (found.n_better, found.n_worse) == (0, 0)


@pytest.mark.parametrize("n", range(1, 9))
def test_reachable_is_whether_full_agreement_would_be_significant(n: int) -> None:
    agreed = wilcoxon([0.01 * (i + 1) for i in range(n)])
    assert agreed.reachable == (agreed.p <= 0.05) == (n >= 6)


def test_nothing_cannot_be_tested() -> None:
    with pytest.raises(FoldError, match="at least one fold, speaker or corpus of both systems"):
        wilcoxon([])


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_array_equal(holm([0.4, 0.6]), [0.8, 0.8])
    assert holm([]).size == 0


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_lowers_keeps_the_order_and_is_at_most_bonferroni(
    p_values: list[float],
) -> None:
    p, adjusted = np.array(p_values), holm(p_values)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, len(p) * p)).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


def folds(system: str, hits: list[int]) -> list[FoldResult]:
    return [result(f"emodb/{i}", system, (n,) * 4) for i, n in enumerate(hits)]


def cross(hits: dict[str, tuple[int, int]]) -> list[FoldResult]:
    """Results on corpora left out, with the hits of dnn-stl and of dnn-mtl."""
    return [
        result(corpus, system, (n,) * 4, protocol="cross")
        for corpus, of_each in hits.items()
        for system, n in zip(("dnn-stl", "dnn-mtl"), of_each, strict=True)
    ]


def compared(results: list[FoldResult], n_speakers: int = 0) -> list[Comparison]:
    """Comparisons by the main unit of the protocol, then by others."""
    scores = scores_of(results, in_turn(n_speakers) if n_speakers else facts_of_one)
    return [*compare_all(scores), *compare_by_other_units(scores)]


def scores_of(results: list[FoldResult], facts: FactsOf = facts_of_one) -> ProtocolScores:
    return ProtocolScores.of(table_of(results, facts))


def test_default_pairs_are_with_the_single_task_net_and_the_baseline() -> None:
    assert default_pairs(("dnn-stl", "dnn-mtl", "lstm-mtl", "svm")) == (
        ("dnn-stl", "dnn-mtl"),
        ("svm", "dnn-stl"),
        ("svm", "dnn-mtl"),
        ("svm", "lstm-mtl"),
    )


def test_default_pairs_of_variants_and_of_nets_without_the_elm() -> None:
    found = default_pairs(
        ("lstm-stl", "lstm-mtl", "lstm-mtl-rates", "lstm-mean", "egemaps-svm", "majority")
    )
    assert found == (
        ("lstm-stl", "lstm-mtl"),
        ("lstm-mtl", "lstm-mtl-rates"),
        ("lstm-mean", "lstm-stl"),
    )


def test_six_folds_that_all_gain_have_p_of_2_in_64() -> None:
    scores = scores_of(
        [*folds("dnn-stl", [1, 2, 3, 4, 5, 6]), *folds("dnn-mtl", [2, 4, 6, 8, 10, 10])]
    )
    (found,) = compare_all(scores)
    assert (found.reference, found.system) == ("dnn-stl", "dnn-mtl")
    assert (found.n_pairs, found.n_better, found.n_worse) == (6, 6, 0)
    assert found.p == pytest.approx(2 / 2**6)
    assert found.difference == pytest.approx(19 / 60)
    assert (found.below, found.above) == pytest.approx((0.35, 40 / 60))
    assert (found.unit, found.effect, found.n_family) == ("speakers", 1, 1)
    assert found.reachable
    assert found.significant
    assert found.with_single_task


def test_holm_counts_all_comparisons_of_the_family() -> None:
    gains = [*folds("dnn-stl", [1, 2, 3, 4, 5, 6]), *folds("dnn-mtl", [2, 4, 6, 8, 10, 10])]
    scores = scores_of([*gains, *folds("svm", [0, 0, 0, 0, 0, 0])])
    found = compare_all(scores)
    assert [c.p_holm for c in found] == pytest.approx([3 * 2 / 2**6] * 3)
    assert [c.n_family for c in found] == [3] * 3
    assert not any(c.reachable for c in found)  # six pairs are too few for three comparisons
    assert not any(c.significant for c in found)


def test_only_shared_folds_are_compared_and_few_cannot_be_significant() -> None:
    scores = scores_of([*folds("dnn-stl", [1, 2, 3]), *folds("dnn-mtl", [5, 5])])
    (found,) = compare_all(scores)
    assert found.n_pairs == 2
    assert not found.reachable
    assert not found.significant


def test_systems_without_a_common_fold_are_not_compared() -> None:
    apart = [result("a", "dnn-stl", (1,) * 4), result("b", "dnn-mtl", (1,) * 4)]
    assert compare_all(scores_of(apart)) == ()


def test_across_corpora_units_are_corpora_then_speakers() -> None:
    first, *by_test, other = compared(cross({"a": (2, 6), "b": (3, 5)}), n_speakers=7)
    assert (first.test, first.unit, first.n_pairs) == (None, "corpora", 2)
    assert [(c.test, c.unit, c.n_pairs) for c in by_test] == [
        ("a", "speakers", 7),
        ("b", "speakers", 7),
    ]
    assert (other.test, other.unit, other.n_pairs) == (None, "speakers", 14)
    assert first.pooled == other.pooled
    assert first.pooled is not None
    assert first.pooled.value == pytest.approx(first.difference) == pytest.approx(0.3)
    assert first.pooled.low < 0.3 < first.pooled.high


def test_without_speakers_units_are_corpora_and_there_is_no_interval() -> None:
    (only,) = compared(cross({"a": (2, 6), "b": (3, 5)}))
    assert (only.unit, only.n_pairs, only.pooled) == ("corpora", 2, None)


def test_parts_of_a_corpus_count_as_one_corpus() -> None:
    parts = cross({"iemocap:natural": (2, 6), "iemocap:acted": (4, 6), "emodb": (5, 5)})
    first, *by_test, other = compared(parts, n_speakers=8)
    assert (first.n_pairs, first.n_better, first.n_worse) == (2, 1, 0)
    assert first.difference == pytest.approx((0.3 + 0) / 2)
    assert [c.n_pairs for c in by_test] == [8, 8, 8]
    assert other.n_pairs == 16


def test_aggregated_is_paired_by_speakers_where_they_are_known() -> None:
    results = [
        result("aggregated", system, (n,) * 4, protocol="aggregated")
        for system, n in (("dnn-stl", 3), ("dnn-mtl", 9))
    ]
    (known,), (unknown,) = compared(results, n_speakers=10), compared(results)
    assert (known.unit, known.n_pairs, known.n_better) == ("speakers", 10, 6)
    assert (unknown.unit, unknown.n_pairs) == ("folds", 1)


def test_within_corpora_units_are_speakers_then_corpora() -> None:
    results = [
        result(f"{corpus}/{i}", system, (n + i % 2,) * 4)
        for corpus in ("a", "b")
        for i in range(4)
        for system, n in (("dnn-stl", 3), ("dnn-mtl", 6))
    ]
    found = compared(results)
    assert [(c.test, c.unit, c.n_pairs) for c in found] == [
        (None, "speakers", 8),
        ("a", "speakers", 4),
        ("b", "speakers", 4),
        (None, "corpora", 2),
    ]


def test_comparisons_average_seeds() -> None:
    once = cross({"a": (2, 6), "b": (3, 5)})
    thrice = [replace(r, seed=seed) for r in once for seed in range(3)]
    assert compared(thrice, n_speakers=7) == compared(once, n_speakers=7)


def test_equal_predictions_have_no_difference() -> None:
    first, *_, other = compared(cross({"a": (4, 4), "b": (5, 5)}), n_speakers=7)
    for c in (first, other):
        assert (c.n_better, c.n_worse, c.difference, c.effect, c.p_holm) == (0, 0, 0, 0, 1)
        assert not c.reachable
        assert c.pooled is not None
        assert (c.pooled.low, c.pooled.high) == (0, 0)


def test_untested_class_does_not_matter() -> None:
    results = [
        result(test, system, (n, n, -1, n), protocol="cross")
        for test in ("a", "b")
        for system, n in (("dnn-stl", 3), ("dnn-mtl", 6))
    ]
    first, *_ = compared(results, n_speakers=5)
    assert first.difference == pytest.approx(0.3)
    assert first.pooled is not None
    assert first.pooled.value == pytest.approx(0.3)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 4)), min_size=1, max_size=8))
def test_least_p_values_bound_what_can_be_significant_after_correction(
    sizes: list[tuple[int, int]],
) -> None:
    def test(n: int, against: int) -> PairedTest:
        return wilcoxon([-(i + 1.0) if i < against else i + 1.0 for i in range(max(1, n))])

    mixed, agreed = [test(*size) for size in sizes], [test(n, 0) for n, _ in sizes]
    least = holm([t.least_p for t in mixed])
    np.testing.assert_allclose(least, holm([t.p for t in agreed]))
    assert np.all(least <= holm([t.p for t in mixed]) + 1e-12)


def test_before_after_by_class_and_by_speaker() -> None:
    truth = np.array([0, 1, 0, 1])
    before, after = np.array([0, 0, 0, 0]), np.array([0, 1, 0, 0])
    found = before_after(truth, before, after, np.array(["a", "a", "b", "b"]))
    assert (found.n, found.before, found.after) == (4, 0.5, 0.75)
    assert found.recalls == {"neutral": (1.0, 1.0), "happy": (0.0, 0.5)}
    assert found.speakers == {"a": (0.5, 1.0), "b": (0.5, 0.5)}
    assert (found.paired.n_better, found.paired.n_worse) == (1, 0)


def test_before_after_of_seven_speakers_who_all_gain_is_significant() -> None:
    truth = np.tile([0, 1], 7)
    speakers = np.repeat([*"abcdefg"], 2)
    found = before_after(truth, np.zeros(14, np.int64), truth, speakers)
    assert found.paired.p == pytest.approx(2 / 2**7)
    assert found.paired.reachable
