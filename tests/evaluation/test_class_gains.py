"""Gains in recall by class: differences on the same folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan

import pytest

from tests.report.runs import full_results, in_turn, result, table_of
from voxaffect.evaluation.class_gains import ClassGains, class_gains
from voxaffect.evaluation.comparisons import ProtocolScores
from voxaffect.evaluation.experiment.run import FoldResult

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


def scores_of(results: list[FoldResult]) -> ProtocolScores:
    return ProtocolScores.of(table_of(results))


def only(results: list[FoldResult]) -> ClassGains:
    (found,) = class_gains(scores_of(results))
    return found


def test_gain_is_the_mean_difference_of_recalls_over_folds() -> None:
    found = only(two({"dnn-stl": ((2, 5, 5, 5), (4, 5, 5, 5)), "dnn-mtl": ((5, 5, 4, 5),) * 2}))
    assert (found.system, found.reference, found.subtasks) == ("dnn-mtl", "dnn-stl", "both")
    assert found.n_folds == 2
    assert found.gains["neutral"].value == pytest.approx(0.2)
    assert found.gains["happy"].value == 0
    assert found.gains["sad"].value == pytest.approx(-0.1)


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
    assert found.n_tested == {"neutral": 8, "happy": 8, "sad": 1, "angry": 8}
    assert found.gains["sad"].value == pytest.approx(0.4)
    assert not found.gains["sad"].has_interval
    angry = found.gains["angry"]
    assert (angry.low, angry.value, angry.high, angry.excludes_zero) == (0, 0, 0, False)
    never = only(two({"lstm-stl": without, "lstm-mtl": without}))
    assert never.n_tested["sad"] == 0
    assert isnan(never.gains["sad"].value)
    assert not never.gains["sad"].excludes_zero


def test_interval_is_over_speakers_also_where_a_corpus_is_one_fold() -> None:
    results = [
        result("emodb", system, (n, 5, 5, 5), protocol="cross")
        for system, n in (("dnn-stl", 3), ("dnn-mtl", 9))
    ]
    (found,) = class_gains(ProtocolScores.of(table_of(results, in_turn(10))))
    gain = found.gains["neutral"]
    assert (found.n_folds, gain.n_speakers) == (1, 10)
    assert gain.value == pytest.approx(0.6)
    assert 0 < gain.low < 0.6 < gain.high
    (unknown,) = class_gains(scores_of(results))
    assert not unknown.gains["neutral"].has_interval


def test_few_speakers_have_no_interval() -> None:
    few = {"dnn-stl": ((5, 5, 5, 5),) * 5, "dnn-mtl": ((7, 7, 7, 7),) * 5}
    gain = only(two(few)).gains["happy"]
    assert gain.value == pytest.approx(0.2)
    assert (gain.has_interval, gain.excludes_zero) == (False, False)


def test_folds_missing_for_one_system_are_left_out() -> None:
    results = two({"dnn-stl": ((5,) * 4,) * 3, "dnn-mtl": ((6,) * 4,) * 2})
    assert only(results).n_folds == 2
    apart = [result("emodb/a", "dnn-stl", (5,) * 4), result("emodb/b", "dnn-mtl", (5,) * 4)]
    assert class_gains(scores_of(apart)) == ()


def test_nets_without_a_single_task_net_and_the_svm_have_no_gains() -> None:
    for results in (
        [result("emodb/a", "svm", (5,) * 4)],
        [result("emodb/a", "dnn-mtl", (5,) * 4), result("emodb/a", "lstm-stl", (5,) * 4)],
    ):
        assert class_gains(scores_of(results)) == ()
    within = [r for r in full_results() if r.protocol == "within"]
    assert [g.system for g in class_gains(scores_of(within))] == ["dnn-mtl", "lstm-mtl"]
