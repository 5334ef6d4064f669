from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report.runs import result
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.measures import metrics
from voxaffect.evaluation.scores.tables import score
from voxaffect.evaluation.scores.tallies import (
    Cell,
    known_speakers,
    stated_speakers,
    tallies,
    total,
    unweighted_accuracy,
)


def speakers_by_turns(ids: tuple[str, ...], n: int) -> dict[str, str]:
    return {id_: f"emodb/{i % n}" for i, id_ in enumerate(ids)}


def test_a_tally_counts_what_was_recognised_above_what_there_is() -> None:
    found = result("emodb", "svm", (2, 10, -1, 0), protocol="cross")
    (fold,) = tallies([found], dict.fromkeys(found.ids, "emodb/03"))[Cell("emodb", "svm")].values()
    np.testing.assert_array_equal(fold["emodb/03"], [[2, 10, 0, 0], [10, 10, 0, 10]])


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(*[st.integers(0, 10)] * 4), min_size=1, max_size=4), st.integers(1, 5))
def test_ua_of_averaged_tallies_is_the_mean_of_the_seeds_ua(
    hits: list[tuple[int, ...]], n: int
) -> None:
    results = [result("emodb", "svm", h, seed=i, protocol="cross") for i, h in enumerate(hits)]
    counted = tallies(results, speakers_by_turns(results[0].ids, n))[Cell("emodb", "svm")]
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
    assert set(tallies([known, unknown], speaker_of)) == {Cell("emodb", "svm")}


def test_a_run_of_an_earlier_version_states_no_speakers() -> None:
    assert stated_speakers(Run({}, (), {}, ())) == {}
