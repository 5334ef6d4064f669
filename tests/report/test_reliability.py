from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.report.runs import full_run, result, row
from voxaffect.evaluation.calibration import reliabilities
from voxaffect.evaluation.experiment.run import FoldResult, Run
from voxaffect.evaluation.summary import summarize_run
from voxaffect.report.reliability import coverage, findings, measures, section


def said_of(*results: FoldResult) -> tuple[str, ...]:
    return tuple(findings(reliabilities(Run({}, (), {}, results))))


@pytest.mark.parametrize(
    ("right", "judged"),
    [(1, "so it promises too much"), (10, "so it promises too little"), (7, "alike on the whole")],
)
def test_confidence_is_held_against_accuracy_in_words(right: int, judged: str) -> None:
    first, _ = said_of(result("emodb/a", "svm", (right,) * 4))
    assert f"70 % sure on average and right in {10 * right} % of its answers, {judged}" in first


def test_the_furthest_from_the_truth_is_named() -> None:
    near, far = result("emodb/a", "svm", (7,) * 4), result("emodb/a", "dnn-stl", (2,) * 4)
    first, _ = said_of(near, far)
    assert "the confidence of dnn-stl is furthest from the truth" in first


def test_what_withholding_gains_is_told() -> None:
    one = result("emodb/a", "svm", (5,) * 4)
    surer = np.where((one.y_true == one.y_pred)[:, None], 1.2, 1.0)
    telling = replace(one, probabilities=one.probabilities * surer)
    _, second = said_of(telling)
    assert "of the others 100 % are right, of all 50 %" in second


def test_tables_have_a_row_a_system() -> None:
    found = [r for r in reliabilities(full_run()) if r.protocol == "cross"]
    table = measures(found)
    assert {len(cells) for cells in table.rows} == {len(table.columns)}
    shown = row(table, "svm")
    assert shown["Confidence"] == ".700"
    assert len(shown["Too sure by"]) == len("+.123")
    assert row(coverage(found, "accuracy"), "svm")["100 %"] == shown["Accuracy"]


def test_the_section_says_on_what_probabilities_were_calibrated() -> None:
    part = section(summarize_run(full_run()), ())
    assert part is not None
    assert "calibrated on dev sets" in part.lead[0]
    assert len(part.tables) == 3


def test_no_results_no_section() -> None:
    assert section(summarize_run(Run({}, (), {}, ())), ()) is None
