"""Wilcoxon's test against SciPy and against counting all signs; Holm's correction by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from voxaffect.errors import FoldError
from voxaffect.evaluation.significance import EXACT_PAIRS, PairedTest, holm, wilcoxon

coarse = st.lists(st.integers(-4, 4), min_size=1, max_size=9)  # few values: zeros and ties abound


def test_of(differences: list[float]) -> PairedTest:
    folds = {f"fold {i}": [0.5 + d] for i, d in enumerate(differences)}
    return wilcoxon(folds, {fold: [0.5] for fold in folds})


test_of.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize("n", [5, 8, 20, 45])
def test_equals_scipys_exact_test_where_nothing_ties(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.3, 1, n)
    ours, oracle = test_of(list(differences)), scipy.stats.wilcoxon(differences, method="exact")
    assert ours.statistic == oracle.statistic
    assert ours.p_value == pytest.approx(oracle.pvalue)
    assert ours.median_difference == pytest.approx(np.median(differences))


@settings(deadline=None)
@given(coarse)
def test_p_value_is_the_share_of_all_signs_that_are_as_extreme(values: list[int]) -> None:
    ours = test_of([value / 10 for value in values])
    size = np.abs([v for v in values if v])
    ranks = scipy.stats.rankdata(size)
    sums = [ranks[np.array(signs, bool)].sum() for signs in product([0, 1], repeat=len(size))]
    as_extreme = np.mean([min(s, ranks.sum() - s) <= ours.statistic for s in sums])
    assert ours.p_value == pytest.approx(as_extreme)
    assert ours.n_pairs == len(values)
    assert ours.n_nonzero == len(size)


@settings(deadline=None)
@given(coarse)
def test_swapping_the_systems_turns_the_sign_and_nothing_else(values: list[int]) -> None:
    one, other = test_of([float(v) for v in values]), test_of([float(-v) for v in values])
    assert one.rank_biserial == -other.rank_biserial
    assert (one.statistic, one.p_value) == (other.statistic, other.p_value)
    assert one.median_difference == -other.median_difference


def test_many_folds_approach_the_normal_distribution() -> None:
    differences = np.random.default_rng(0).normal(0.1, 1, 300)
    oracle = scipy.stats.wilcoxon(differences, method="approx")
    assert test_of(list(differences)).p_value == pytest.approx(oracle.pvalue, rel=0.02)


def test_systems_that_agree_everywhere_do_not_differ() -> None:
    same = test_of([0.0] * 8)
    assert (same.p_value, same.statistic, same.n_pairs, same.n_nonzero) == (1, 0, 8, 0)
    assert not same.reachable
    assert same.least_p == 1
    assert same.rank_biserial == 0


@pytest.mark.parametrize("n", [4, 30])
def test_the_effect_is_what_scipys_rank_sums_say(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.2, 1, n)
    positive = scipy.stats.wilcoxon(differences, alternative="greater").statistic
    share = positive / (n * (n + 1) / 2)
    assert test_of(list(differences)).rank_biserial == pytest.approx(2 * share - 1)


def test_kerbys_extremes_and_a_tie_of_ranks() -> None:
    assert test_of([0.1, 0.2, 0.3]).rank_biserial == 1
    assert test_of([-0.1, -0.2, 0.0]).rank_biserial == -1
    assert test_of([0.1, -0.1]).rank_biserial == 0
    assert test_of([0.1, 0.2, -0.3]).rank_biserial == 0
    assert test_of([0.2, 0.3, -0.1]).rank_biserial == pytest.approx(4 / 6)


def test_beyond_some_hundred_pairs_the_normal_distribution_takes_over_without_a_step() -> None:
    differences = np.random.default_rng(1).integers(-8, 10, EXACT_PAIRS + 40) / 10
    signed = differences[differences != 0]
    exact = test_of(list(signed[:EXACT_PAIRS]))
    more = scipy.stats.wilcoxon(np.tile(signed, 2), method="approx")
    assert exact.p_value == pytest.approx(
        scipy.stats.wilcoxon(signed[:EXACT_PAIRS], method="approx").pvalue, abs=1e-3
    )
    assert test_of(list(np.tile(signed, 2))).p_value == pytest.approx(more.pvalue)


def test_noise_of_summation_is_no_difference() -> None:
    assert wilcoxon({"a": [0.1 + 0.2]}, {"a": [0.3]}).n_nonzero == 0


@pytest.mark.parametrize("n", range(1, 9))
def test_reachable_says_whether_full_agreement_would_be_significant(n: int) -> None:
    agreed = test_of([0.01 * (i + 1) for i in range(n)])
    assert agreed.reachable == agreed.significant == (n >= 6)


def test_seeds_are_averaged_not_counted() -> None:
    first = {"a": [0.6, 0.8], "b": [0.5, 0.5], "c": [0.4, 0.5]}
    second = {"a": [0.5, 0.5], "b": [0.4, 0.6], "c": [0.5, 0.6]}
    paired = wilcoxon(first, second)
    assert (paired.n_pairs, paired.n_nonzero) == (3, 2)
    assert paired.median_difference == 0


@pytest.mark.parametrize(
    ("first", "second"), [({}, {}), ({"a": [1.0]}, {"b": [1.0]}), ({"a": [1.0]}, {})]
)
def test_other_folds_cannot_be_paired(
    first: dict[str, list[float]], second: dict[str, list[float]]
) -> None:
    with pytest.raises(FoldError, match="same folds, speakers or corpora"):
        wilcoxon(first, second)


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_array_equal(holm([0.4, 0.6]), [0.8, 0.8])
    assert holm([]).size == 0


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_lowers_keeps_the_order_and_is_no_stricter_than_bonferroni(
    p_values: list[float],
) -> None:
    p, adjusted = np.array(p_values), holm(p_values)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, len(p) * p)).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()
