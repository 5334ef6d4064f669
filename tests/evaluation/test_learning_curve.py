from __future__ import annotations

from dataclasses import replace
from statistics import stdev

import pytest

from tests.evaluation.learning_curves import at_share, learning_curve_run, thinned_run
from tests.report.runs import full_run
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.learning_curve import LearningCurves, learning_curves


def found_in(run: Run) -> LearningCurves:
    found = learning_curves(run)
    assert found is not None
    return found


def test_run_with_whole_training_sets_only_has_no_learning_curves() -> None:
    assert learning_curves(full_run()) is None


def test_points_are_sorted_by_share() -> None:
    found = found_in(thinned_run())
    assert found.protocols == ("within",)
    stl, mtl = found.curves_of("within")
    assert (stl.system, mtl.system) == ("dnn-stl", "dnn-mtl")
    assert [p.share for p in stl.points] == [0.1, 1.0]
    assert [p.ua for p in stl.points] == pytest.approx([0.2, 0.6])
    assert [p.ua for p in mtl.points] == pytest.approx([25 / 60, 0.6])
    assert [p.n_train for p in stl.points] == pytest.approx([22.5, 202.5])
    assert {(p.n_folds, p.n_seeds) for p in (*stl.points, *mtl.points)} == {(6, 1)}


def test_gains_are_over_paired_folds_and_corrected_for_all() -> None:
    few, whole = found_in(thinned_run()).gains_of("within")
    assert (few.system, few.reference, few.share, few.n_folds) == ("dnn-mtl", "dnn-stl", 0.1, 6)
    assert (few.n_better, few.n_worse) == (6, 0)
    assert few.difference == pytest.approx((5 * 0.2 + 0.3) / 6)
    assert few.error == pytest.approx(stdev([0.2] * 5 + [0.3]) / 6**0.5)
    assert few.p_holm == pytest.approx(2 * 2 / 2**6)  # 2 / 2^6, twice for two shares
    assert few.reachable
    assert (whole.n_better, whole.n_worse) == (1, 1)
    assert whole.difference == pytest.approx(0)
    assert not whole.reachable
    assert whole.p_holm == 1


def test_seeds_are_averaged_within_a_fold_and_folds_within_a_corpus() -> None:
    run = learning_curve_run(
        [
            at_share(share, test, "svm", hits, n_train=9, seed=seed)
            for share in (0.5, 1.0)
            for test, seed, hits in [("a/1", 0, 2), ("a/1", 1, 4), ("a/2", 0, 5), ("b/1", 0, 8)]
        ]
    )
    (curve,) = found_in(run).curves
    for point in curve.points:
        assert point.ua == pytest.approx(((0.3 + 0.5) / 2 + 0.8) / 2)
        assert (point.n_folds, point.n_seeds) == (3, 1)


def test_curve_counts_only_folds_present_at_every_share() -> None:
    whole = [at_share(1.0, f"a/{n}", "svm", n, n_train=9) for n in (1, 5, 9)]
    part = [at_share(0.5, f"a/{n}", "svm", n, n_train=4) for n in (1, 5)]
    (curve,) = found_in(learning_curve_run([*whole, *part])).curves
    assert [p.n_folds for p in curve.points] == [2, 2]
    assert [p.ua for p in curve.points] == pytest.approx([0.3, 0.3])


def test_system_without_a_common_fold_has_no_curve_and_no_gain() -> None:
    apart = [
        at_share(1.0, "a/1", "dnn-stl", 3, n_train=9),
        at_share(0.5, "a/2", "dnn-stl", 3, n_train=9),
        at_share(1.0, "a/1", "dnn-mtl", 3, n_train=9),
        at_share(0.5, "a/1", "dnn-mtl", 3, n_train=9),
    ]
    found = found_in(learning_curve_run(apart))
    assert [curve.system for curve in found.curves] == ["dnn-mtl"]
    assert found.gains == ()


def test_gain_of_one_fold_has_no_standard_error_and_cannot_be_significant() -> None:
    (gain, *_) = found_in(
        learning_curve_run(
            [
                at_share(s, "aggregated", f"dnn-{kind}", hits, n_train=9, protocol="aggregated")
                for s in (0.5, 1.0)
                for kind, hits in (("stl", 4), ("mtl", 6))
            ]
        )
    ).gains
    assert (gain.n_folds, gain.error, gain.reachable) == (1, None, False)
    assert gain.difference == pytest.approx(0.2)


def test_untested_class_does_not_matter() -> None:
    full = at_share(0.5, "a/1", "svm", 5, n_train=9)
    three = full.y_true != 2
    absent = replace(
        full,
        y_true=full.y_true[three],
        y_pred=full.y_pred[three],
        probabilities=full.probabilities[three],
        ids=full.ids[: three.sum()],
    )
    whole = at_share(1.0, "a/1", "svm", 5, n_train=9)
    (curve,) = found_in(learning_curve_run([absent, whole])).curves
    assert [p.ua for p in curve.points] == pytest.approx([0.5, 0.5])
