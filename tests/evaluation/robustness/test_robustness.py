from __future__ import annotations

from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.corpora import several, utterance
from tests.evaluation.degraded import ASKED, MANY, answers, by_speaker, hits
from tests.report.runs import table_of
from voxaffect.audio.degrade.degradation import CLEAN
from voxaffect.evaluation.experiment.run import FoldResult, Run, RunFolder, result_name
from voxaffect.evaluation.intervals import Resamples
from voxaffect.evaluation.metrics import confusion, unweighted_accuracy
from voxaffect.evaluation.results import FACTS
from voxaffect.evaluation.robustness.degraded_tests import talkers_of
from voxaffect.evaluation.robustness.robustness import (
    FOLDER,
    REFUSED,
    Robustness,
    load_robustness,
    measure,
    robustness,
)
from voxaffect.evaluation.splits import draws

UTTERANCES, _ = several("emodb", "urdu")


def test_talkers_are_different_other_speakers() -> None:
    speakers = draws.by_speaker(UTTERANCES)
    for u in UTTERANCES:
        talkers = talkers_of(u, speakers, 6, seed=0)
        assert len(talkers) == 6
        assert len({t.speaker for t in talkers} - {u.speaker}) == 6
    assert len({t.corpus for u in UTTERANCES for t in talkers_of(u, speakers, 6, 0)}) == 2


def test_talkers_depend_on_utterance_and_seed_and_not_on_order() -> None:
    u, speakers = UTTERANCES[0], draws.by_speaker(UTTERANCES)
    again = draws.by_speaker(reversed(UTTERANCES))
    assert talkers_of(u, speakers, 6, 0) == talkers_of(u, again, 6, 0)
    drawn = {talkers_of(v, speakers, 6, seed) for v in UTTERANCES[:2] for seed in (0, 1)}
    assert len(drawn) == 4


def test_few_talkers_repeat_and_a_single_unknown_speaker_has_none() -> None:
    two = [utterance("emodb", who, n) for who in "ab" for n in range(9)]
    talkers = talkers_of(two[0], draws.by_speaker(two), 6, 0)
    assert [t.speaker for t in talkers] == ["emodb/b"] * 6
    assert len(set(talkers)) > 1
    unknown = [utterance("calls", "?", n) for n in range(9)]
    assert talkers_of(unknown[0], draws.by_speaker(unknown), 6, 0) == ()


CONDITIONS = (CLEAN, *(d.name for d in ASKED))


def ua_of(*results: FoldResult) -> dict[str, float]:
    """Condition -> UA of the only system."""
    (system,) = scored(*results).systems
    return {condition: estimate.value for condition, estimate in system.ua.items()}


@given(seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_ua_of_a_condition_is_that_of_its_confusion_matrix(seed: int) -> None:
    result = answers(hits(8, 6, 4, 2), speakers=MANY)
    rng = np.random.default_rng(seed)
    result.y_pred[:] = rng.integers(0, 4, result.y_pred.size)
    found = ua_of(result)
    for condition in CONDITIONS:
        rows = np.array([name == condition for name in result.conditions or ()])
        matrix = confusion(result.y_true[rows], result.y_pred[rows], 4)
        assert found[condition] == pytest.approx(float(unweighted_accuracy(matrix)))


def test_seeds_are_averaged_within_the_fold_and_test_sets_weigh_the_same() -> None:
    emodb = [answers(hits(n, 0, 0, 0), seed=n, speakers=MANY) for n in (2, 4)]
    urdu = answers(hits(9, 0, 0, 0), fold="cross/urdu", speakers=["urdu/1"])
    assert ua_of(*emodb, urdu)["clean"] == pytest.approx((0.3 + 0.9) / 2)


def test_fold_weighs_as_its_speaker() -> None:
    results = [
        answers(hits(n, 0, 0, 0), fold=f"within/emodb/{n}", speakers=[f"emodb/{n}"]) for n in (2, 8)
    ]
    table = table_of(results, by_speaker)
    resamples = Resamples(("emodb/2", "emodb/8"), np.array([[1.0, 1.0], [2.0, 0.0], [0.5, 1.5]]))
    conditions = scored(*results).conditions
    found = measure(table, conditions, resamples).ua[:, 0]
    np.testing.assert_allclose(found, [0.5, 0.2, (0.5 * 0.2 + 1.5 * 0.8) / 2])


def test_missing_prediction_is_wrong() -> None:
    result = answers(hits(10, 10, 10, 10))
    names = [*zip(result.conditions or (), result.ids, strict=True)]
    kept = [n for n, name in enumerate(names) if name[0] != "room-800ms" or "/1/0" not in name[1]]
    less = replace(
        result,
        ids=tuple(result.ids[n] for n in kept),
        conditions=tuple(names[n][0] for n in kept),
        y_true=result.y_true[kept],
        y_pred=result.y_pred[kept],
        probabilities=result.probabilities[kept],
    )
    np.testing.assert_allclose([*ua_of(less).values()], [1, 1, 1, 0.75, 1])


def test_chance_is_of_the_classes_present() -> None:
    two = answers(hits(5, 5, 5, 5), n_classes=2)
    four = answers(hits(5, 5, 5, 5), fold="cross/urdu", speakers=["urdu/1"])
    assert scored(two, four).chance == pytest.approx((0.5 + 0.25) / 2)


def scored(*results: FoldResult, **more: Any) -> Robustness:
    found = robustness(table_of(results, by_speaker), ASKED, **more)
    assert found is not None
    return found


def test_robustness_is_the_share_above_chance_with_equal_weights_of_groups() -> None:
    found = scored(answers(hits(10, 8, 4, 7), speakers=MANY))
    (system,) = found.systems
    degraded = ((0.8 + 0.4) / 2 + 0.7) / 2
    assert found.chance == 0.25
    assert system.clean.value == 1.0
    assert system.groups["noise"].value == pytest.approx(0.6)
    assert system.degraded.value == pytest.approx(degraded)
    assert system.robustness.value == pytest.approx((degraded - 0.25) / 0.75)
    assert system.retained["white-0db"].value == pytest.approx((0.4 - 0.25) / 0.75)


def test_unchanged_predictions_score_one_and_guessing_scores_zero() -> None:
    same = scored(answers(hits(7, 7, 7, 7))).systems[0]
    assert same.robustness.value == pytest.approx(1)
    guess = scored(answers(hits(10, 5, 5, 5), n_classes=2)).systems[0]
    assert guess.robustness.value == pytest.approx(0)


def test_controls_are_shown_and_not_scored() -> None:
    one, other = (scored(answers(hits(8, 6, 4, 5, quieter))).systems[0] for quieter in (8, 0))
    assert one.robustness == other.robustness
    assert other.ua["quieter-20db"].value == 0
    assert scored(answers(hits(8, 6, 4, 5))).scored_groups == ("noise", "room")


@pytest.mark.parametrize("n_right", [2, 0])
def test_robustness_is_undefined_without_accuracy_above_chance(n_right: int) -> None:
    (system,) = scored(answers(hits(n_right, 5, 5, 5), speakers=MANY)).systems
    assert isnan(system.robustness.value)
    assert isnan(system.retained["room-800ms"].value)
    assert system.degraded.value == pytest.approx(0.5)


def test_controls_alone_have_no_score() -> None:
    results = [answers({"clean": 8, "quieter-20db": 8}, s, speakers=MANY) for s in ("svm", "x-mtl")]
    found = robustness(table_of(results, by_speaker), ASKED[3:])
    assert found is not None
    assert isnan(found.systems[0].degraded.value)
    assert found.comparisons == ()


def test_intervals_enclose_the_value_and_need_six_known_speakers() -> None:
    (system,) = scored(answers(hits(6, 4, 2, 3), speakers=MANY)).systems
    ends = [system.degraded.low, system.degraded.high]
    assert ends == pytest.approx([system.degraded.value] * 2)
    (system,) = scored(answers(hits(3, 2, 1, 1), speakers=MANY, easier=1)).systems
    for estimate in (system.clean, system.degraded, system.robustness):
        assert estimate.low < estimate.value < estimate.high
    (system,) = scored(answers(hits(3, 2, 1, 1), speakers=MANY[:5], easier=1)).systems
    assert not system.clean.has_interval
    (system,) = scored(answers(hits(3, 2, 1, 1), speakers=[*MANY, "emodb/?"])).systems
    assert not system.clean.has_interval


def test_ratio_whose_base_may_be_chance_has_no_interval() -> None:
    (system,) = scored(answers(hits(0, 1, 0, 0), speakers=MANY, easier=1)).systems
    assert not isnan(system.robustness.value)
    assert not system.robustness.has_interval
    assert system.degraded.has_interval


def within(system: str, right: dict[str, int], seed: int = 0) -> list[FoldResult]:
    return [answers(right, system, fold=f"within/{s}", speakers=[s], seed=seed) for s in MANY]


def test_systems_are_paired_on_the_same_folds_with_seeds_averaged() -> None:
    nets = [r for seed in (0, 1, 2) for r in within("dnn-stl", hits(8, 5 + seed, 4, 6), seed)]
    found = scored(*nets, *within("svm", hits(8, 4, 4, 4)))
    (pair,) = found.comparisons
    assert (pair.system, pair.reference, pair.n_pairs) == ("dnn-stl", "svm", 8)
    assert pair.degraded.value == pytest.approx(((0.6 + 0.4) / 2 + 0.6) / 2 - 0.4)
    assert pair.p == pytest.approx(2 / 2**8)
    assert pair.significant
    assert found.n_seeds == 3
    alike = scored(*within("dnn-stl", hits(8, 4, 4, 4)), *within("svm", hits(8, 4, 4, 4)))
    assert alike.comparisons[0].p == 1
    assert not alike.comparisons[0].reachable


def test_too_few_folds_are_not_reachable() -> None:
    results = [answers(hits(8, n, 4, 4), s, speakers=MANY) for s, n in (("svm", 4), ("x-mtl", 8))]
    (pair,) = scored(*results).comparisons
    assert not pair.reachable
    assert pair.degraded.value == pytest.approx(0.1)
    assert pair.degraded.has_interval


def test_folds_missing_for_one_system_are_left_out_for_all() -> None:
    found = scored(*within("svm", hits(8, 4, 4, 4)), *within("dnn-stl", hits(9, 4, 4, 4))[2:])
    assert (found.n_folds, found.n_left_out) == (6, 2)
    assert found.n_utterances == 6 * 40
    assert found.n_speakers == {"emodb": 6}
    nothing = [within("svm", hits(8, 4, 4, 4))[0], within("dnn-stl", hits(8, 4, 4, 4))[1]]
    assert robustness(table_of(nothing), ASKED) is None
    assert robustness(table_of([]), ASKED) is None


def test_refused_utterances_are_counted() -> None:
    found = scored(answers(hits(8, 4, 4, 4)), n_refused={"room-800ms": 3}, note="made up")
    assert {c.name: c.n_refused for c in found.conditions}["room-800ms"] == 3
    assert found.note == "made up"


def test_robustness_of_a_folder_is_that_of_its_results(tmp_path: Path) -> None:
    results = [*within("svm", hits(8, 4, 4, 4)), *within("dnn-stl", hits(2, 4, 4, 5))]
    assert load_robustness(tmp_path) is None
    folder = RunFolder(tmp_path / FOLDER)
    settings = {"degradations": {d.name: {} for d in ASKED}, REFUSED: {"room-800ms": 3}}
    names = [result_name(r.protocol, r.system, r.seed, r.settings_digest) for r in results]
    folder.write_header(Run(settings, (), {}, note="made up"), names)
    for r in results:
        facts = pd.DataFrame({i: by_speaker(r, i) for i in r.ids}).T.reindex(columns=[*FACTS])
        folder.write_result(r, facts)
    expected = scored(*results, n_refused={"room-800ms": 3}, note="made up")
    assert repr(load_robustness(tmp_path)) == repr(expected)  # NaN is not equal to itself
