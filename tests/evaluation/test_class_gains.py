"""Gains in recall by class: differences on the same folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from tests.report.runs import full_run, result
from voxaffect.evaluation.class_gains import (
    FEWEST_FOLDS,
    ClassGain,
    ClassGains,
    class_gains,
)
from voxaffect.evaluation.experiment.run import FoldResult
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


def test_gain_is_the_mean_difference_of_recalls_over_folds() -> None:
    found = only(two({"dnn-stl": ((2, 5, 5, 5), (4, 5, 5, 5)), "dnn-mtl": ((5, 5, 4, 5),) * 2}))
    assert (found.system, found.reference, found.subtasks) == ("dnn-mtl", "dnn-stl", "both")
    assert found.n_folds == 2
    assert found.gains["neutral"].mean == pytest.approx(0.2)
    assert found.gains["happy"].mean == 0
    assert found.gains["sad"].mean == pytest.approx(-0.1)


def test_seeds_are_averaged_and_do_not_count_as_samples() -> None:
    folds = tuple((n, 5, 5, 5) for n in range(8))
    systems = {"dnn-stl": ((5,) * 4,) * 8, "dnn-gender": folds}
    one, several = only(two(systems)), only(two(systems, seeds=(0, 1, 2)))
    assert one == several
    assert one.subtasks == "gender"


def test_untested_class_has_no_gain_and_its_fold_does_not_count() -> None:
    without = ((5, 5, -1, 5),) * 7
    stl, mtl = (*without, (5, 5, 2, 5)), (*without, (5, 5, 6, 5))
    found = only(two({"lstm-stl": stl, "lstm-naturalness": mtl}))
    assert found.gains["sad"] == ClassGain(1, 0.4, None, None)
    assert found.gains["angry"] == ClassGain(8, 0.0, 0.0, 0.0)
    assert not found.gains["angry"].excludes_zero
    never = only(two({"lstm-stl": without, "lstm-mtl": without}))
    assert never.gains["sad"] == ClassGain(0, None, None, None)


def test_few_folds_have_no_interval() -> None:
    folds = ((5, 5, 5, 5),) * (FEWEST_FOLDS - 1)
    better = ((7, 7, 7, 7),) * (FEWEST_FOLDS - 1)
    gain = only(two({"dnn-stl": folds, "dnn-mtl": better})).gains["happy"]
    assert (gain.low, gain.high, gain.excludes_zero) == (None, None, False)


def test_folds_missing_for_one_system_are_left_out() -> None:
    results = two({"dnn-stl": ((5,) * 4,) * 3, "dnn-mtl": ((6,) * 4,) * 2})
    assert only(results).n_folds == 2
    apart = [result("emodb/a", "dnn-stl", (5,) * 4), result("emodb/b", "dnn-mtl", (5,) * 4)]
    assert class_gains(score_table(apart)) == ()


def test_nets_without_a_single_task_net_and_the_svm_have_no_gains() -> None:
    for results in (
        [result("emodb/a", "svm", (5,) * 4)],
        [result("emodb/a", "dnn-mtl", (5,) * 4), result("emodb/a", "lstm-stl", (5,) * 4)],
    ):
        assert class_gains(score_table(results)) == ()
    within = [r for r in full_run().results if r.protocol == "within"]
    assert [g.system for g in class_gains(score_table(within))] == ["dnn-mtl", "lstm-mtl"]
