from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.runs import result
from voxaffect.evaluation.comparisons import (
    Comparison,
    Family,
    compare_all,
    compare_by_other_units,
    pairs,
)
from voxaffect.evaluation.experiment.run import FoldResult
from voxaffect.evaluation.intervals import tallies
from voxaffect.evaluation.results import score_table
from voxaffect.evaluation.significance import wilcoxon


def folds(system: str, hits: list[int]) -> list[FoldResult]:
    return [result(f"emodb/{i}", system, (n,) * 4) for i, n in enumerate(hits)]


def speakers(results: list[FoldResult], n: int) -> dict[str, str]:
    """Each corpus's utterances said by n speakers in turn."""
    return {
        id_: f"{r.corpus.split(':')[0]}/{i % n}" for r in results for i, id_ in enumerate(r.ids)
    }


def cross(hits: dict[str, tuple[int, int]]) -> list[FoldResult]:
    """Corpora left out, with the hits of dnn-stl and of dnn-mtl."""
    return [
        result(corpus, system, (n,) * 4, protocol="cross")
        for corpus, of_each in hits.items()
        for system, n in zip(("dnn-stl", "dnn-mtl"), of_each, strict=True)
    ]


def compared(results: list[FoldResult], n_speakers: int = 0) -> list[Comparison]:
    """First by the protocol's own unit, then by others."""
    counted = tallies(results, speakers(results, n_speakers)) if n_speakers else {}
    table = score_table(results)
    return [*compare_all(table, counted), *compare_by_other_units(table, counted)]


def test_pairs_are_twins_and_everything_against_the_baseline() -> None:
    assert pairs(("dnn-stl", "dnn-mtl", "lstm-mtl", "svm")) == (
        ("dnn-stl", "dnn-mtl"),
        ("svm", "dnn-stl"),
        ("svm", "dnn-mtl"),
        ("svm", "lstm-mtl"),
    )


def test_variants_meet_what_they_vary_and_nets_meet_those_without_the_elm() -> None:
    found = pairs(
        ("lstm-stl", "lstm-mtl", "lstm-mtl-rates", "lstm-mean", "egemaps-svm", "majority")
    )
    assert found == (
        ("lstm-stl", "lstm-mtl"),
        ("lstm-mtl", "lstm-mtl-rates"),
        ("lstm-mean", "lstm-stl"),
    )


def test_six_folds_that_all_gain_have_p_one_in_thirty_two() -> None:
    table = score_table(
        [*folds("dnn-stl", [1, 2, 3, 4, 5, 6]), *folds("dnn-mtl", [2, 4, 6, 8, 10, 10])]
    )
    (found,) = compare_all(table, {})
    assert (found.reference, found.system) == ("dnn-stl", "dnn-mtl")
    assert (found.n_pairs, found.n_better, found.n_worse) == (6, 6, 0)
    assert found.p == pytest.approx(2 / 2**6)
    assert found.difference == pytest.approx(19 / 60)
    assert (found.below, found.above) == pytest.approx((0.35, 40 / 60))
    assert (found.unit, found.effect, found.n_family) == ("speakers", 1, 1)
    assert found.reachable
    assert found.significant
    assert found.with_twin


def test_holm_counts_the_comparisons_made() -> None:
    gains = [*folds("dnn-stl", [1, 2, 3, 4, 5, 6]), *folds("dnn-mtl", [2, 4, 6, 8, 10, 10])]
    table = score_table([*gains, *folds("svm", [0, 0, 0, 0, 0, 0])])
    found = compare_all(table, {})
    assert [c.p_holm for c in found] == pytest.approx([3 * 2 / 2**6] * 3)
    assert [c.n_family for c in found] == [3] * 3
    assert not any(c.reachable for c in found)  # six pairs are too few for three comparisons
    assert not any(c.significant for c in found)


def test_only_shared_folds_are_compared_and_few_cannot_be_significant() -> None:
    table = score_table([*folds("dnn-stl", [1, 2, 3]), *folds("dnn-mtl", [5, 5])])
    (found,) = compare_all(table, {})
    assert found.n_pairs == 2
    assert not found.reachable
    assert not found.significant


def test_systems_without_a_common_fold_are_not_compared() -> None:
    apart = [result("a", "dnn-stl", (1,) * 4), result("b", "dnn-mtl", (1,) * 4)]
    assert compare_all(score_table(apart), {}) == ()


def test_across_corpora_corpora_are_paired_first_and_speakers_beside_them() -> None:
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


def test_without_speakers_there_are_corpora_alone_and_no_interval() -> None:
    (only,) = compared(cross({"a": (2, 6), "b": (3, 5)}))
    assert (only.unit, only.n_pairs, only.pooled) == ("corpora", 2, None)


def test_parts_of_a_corpus_share_their_speakers_and_count_once() -> None:
    parts = cross({"iemocap:natural": (2, 6), "iemocap:acted": (4, 6), "emodb": (5, 5)})
    first, *by_test, other = compared(parts, n_speakers=8)
    assert (first.n_pairs, first.n_better, first.n_worse) == (2, 1, 0)
    assert first.difference == pytest.approx((0.3 + 0) / 2)
    assert [c.n_pairs for c in by_test] == [8, 8, 8]
    assert other.n_pairs == 16


def test_the_shuffled_test_set_is_paired_by_speakers_where_they_are_known() -> None:
    results = [
        result("aggregated", system, (n,) * 4, protocol="aggregated")
        for system, n in (("dnn-stl", 3), ("dnn-mtl", 9))
    ]
    (known,), (unknown,) = compared(results, n_speakers=10), compared(results)
    assert (known.unit, known.n_pairs, known.n_better) == ("speakers", 10, 6)
    assert (unknown.unit, unknown.n_pairs) == ("folds", 1)


def test_within_pairs_speakers_and_beside_them_corpora() -> None:
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


def test_seeds_are_averaged_and_never_counted() -> None:
    once = cross({"a": (2, 6), "b": (3, 5)})
    thrice = [replace(r, seed=seed) for r in once for seed in range(3)]
    assert compared(thrice, n_speakers=7) == compared(once, n_speakers=7)


def test_equal_answers_differ_nowhere() -> None:
    first, *_, other = compared(cross({"a": (4, 4), "b": (5, 5)}), n_speakers=7)
    for c in (first, other):
        assert (c.n_better, c.n_worse, c.difference, c.effect, c.p_holm) == (0, 0, 0, 0, 1)
        assert not c.reachable
        assert c.pooled is not None
        assert (c.pooled.low, c.pooled.high) == (0, 0)


def test_a_class_that_no_test_set_has_changes_nothing_else() -> None:
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
def test_what_is_not_reachable_is_never_significant_and_full_agreement_shows_what_is(
    sizes: list[tuple[int, int]],
) -> None:
    def test(n: int, against: int) -> dict[str, list[float]]:
        return {str(i): [-(i + 1.0) if i < against else i + 1.0] for i in range(max(1, n))}

    nothing = {str(i): [0.0] for i in range(12)}
    mixed = [wilcoxon(t, {k: nothing[k] for k in t}) for t in (test(*size) for size in sizes)]
    agreed = [wilcoxon(t, {k: nothing[k] for k in t}) for t in (test(n, 0) for n, _ in sizes)]
    for found, best in zip(Family.of(mixed), Family.of(agreed), strict=True):
        assert found.reachable == best.reachable == (best.p_holm <= 0.05)
        assert found.reachable or found.p_holm > 0.05
