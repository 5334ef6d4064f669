from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evaluation.learning_curves import at_share, thinned_run
from tests.report.runs import full_run, run_of
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.learning_curve import LearningCurves, learning_curves
from voxaffect.evaluation.results import pick


def found_in(run: Run) -> LearningCurves:
    found = learning_curves(run)
    assert found is not None
    return found


def test_run_with_whole_training_sets_only_has_no_learning_curves() -> None:
    assert learning_curves(full_run()) is None


def test_points_are_sorted_by_share() -> None:
    found = found_in(thinned_run())
    assert found.protocols == ("within",)
    ua = found.ua("within")
    assert [*ua] == ["dnn-stl", "dnn-mtl"]
    assert ua.index.tolist() == [0.1, 1.0]
    assert ua["dnn-stl"].tolist() == pytest.approx([0.2, 0.6])
    assert ua["dnn-mtl"].tolist() == pytest.approx([25 / 60, 0.6])
    stl = pick(found.points, system="dnn-stl")
    assert stl["n_train"].tolist() == pytest.approx([22.5, 202.5])
    assert set(found.points["n_folds"]) == {6}
    assert set(found.points["n_seeds"]) == {1}


def test_gains_are_over_paired_folds_and_corrected_for_all() -> None:
    few, whole = found_in(thinned_run()).gains_of("within")
    assert (few.system, few.reference, few.share, few.paired.n_pairs) == (
        "dnn-mtl",
        "dnn-stl",
        0.1,
        6,
    )
    assert (few.paired.n_better, few.paired.n_worse) == (6, 0)
    assert few.difference.value == pytest.approx((5 * 0.2 + 0.3) / 6)
    assert 0.2 <= few.difference.low < few.difference.value < few.difference.high <= 0.3
    assert few.p_holm == pytest.approx(2 * 2 / 2**6)  # 2 / 2^6, twice for two shares
    assert few.paired.reachable
    assert (whole.paired.n_better, whole.paired.n_worse) == (1, 1)
    assert whole.difference.value == pytest.approx(0)
    assert not whole.paired.reachable
    assert whole.p_holm == 1


def test_seeds_are_averaged_within_a_fold_and_folds_within_a_corpus() -> None:
    run = run_of(
        [
            at_share(share, test, "svm", hits, n_train=9, seed=seed)
            for share in (0.5, 1.0)
            for test, seed, hits in [("a/1", 0, 2), ("a/1", 1, 4), ("a/2", 0, 5), ("b/1", 0, 8)]
        ]
    )
    points = found_in(run).points
    assert points["ua"].tolist() == pytest.approx([((0.3 + 0.5) / 2 + 0.8) / 2] * 2)
    assert points[["n_folds", "n_seeds"]].to_numpy().tolist() == [[3, 1], [3, 1]]


def test_curve_counts_only_folds_present_at_every_share() -> None:
    whole = [at_share(1.0, f"a/{n}", "svm", n, n_train=9) for n in (1, 5, 9)]
    part = [at_share(0.5, f"a/{n}", "svm", n, n_train=4) for n in (1, 5)]
    points = found_in(run_of([*whole, *part])).points
    assert points["n_folds"].tolist() == [2, 2]
    assert points["ua"].tolist() == pytest.approx([0.3, 0.3])


def test_system_without_a_common_fold_has_no_curve_and_no_gain() -> None:
    apart = [
        at_share(1.0, "a/1", "dnn-stl", 3, n_train=9),
        at_share(0.5, "a/2", "dnn-stl", 3, n_train=9),
        at_share(1.0, "a/1", "dnn-mtl", 3, n_train=9),
        at_share(0.5, "a/1", "dnn-mtl", 3, n_train=9),
    ]
    found = found_in(run_of(apart))
    assert [*found.ua("within")] == ["dnn-mtl"]
    assert found.gains == ()


def test_gain_of_one_fold_of_unknown_speakers_has_no_interval_and_is_not_tested() -> None:
    (gain, *_) = found_in(
        run_of(
            [
                at_share(s, "aggregated", f"dnn-{kind}", hits, n_train=9, protocol="aggregated")
                for s in (0.5, 1.0)
                for kind, hits in (("stl", 4), ("mtl", 6))
            ]
        )
    ).gains
    assert gain.paired.n_pairs == 1
    assert not gain.difference.has_interval
    assert not gain.paired.reachable
    assert gain.difference.value == pytest.approx(0.2)


def test_untested_class_does_not_matter() -> None:
    full = at_share(0.5, "a/1", "svm", 5, n_train=9)
    three = full.y_true != 2
    absent = replace(
        full,
        y_true=full.y_true[three],
        y_pred=full.y_pred[three],
        probabilities=full.probabilities[three],
        high_level=full.high_level[three],
        ids=full.ids[: three.sum()],
    )
    whole = at_share(1.0, "a/1", "svm", 5, n_train=9)
    points = found_in(run_of([absent, whole])).points
    assert points["ua"].tolist() == pytest.approx([0.5, 0.5])
