from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.report.runs import full_run, result, row, table_of
from voxaffect.evaluation.calibration import reliabilities
from voxaffect.evaluation.experiment.run import FoldResult, Run
from voxaffect.evaluation.summary import Summary
from voxaffect.report.reliability import coverage, findings, measures, section


def findings_of(*results: FoldResult) -> tuple[str, ...]:
    return tuple(findings(reliabilities(table_of(results))))


@pytest.mark.parametrize(
    ("right", "judged"),
    [(1, "overconfident"), (10, "underconfident"), (7, "well calibrated on average")],
)
def test_over_and_underconfidence_are_reported(right: int, judged: str) -> None:
    first, _ = findings_of(result("emodb/a", "svm", (right,) * 4))
    assert f"mean confidence of 70 % and {10 * right} % correct predictions: {judged}." in first


def test_worst_calibrated_system_is_named() -> None:
    near, far = result("emodb/a", "svm", (7,) * 4), result("emodb/a", "dnn-stl", (2,) * 4)
    first, _ = findings_of(near, far)
    assert "dnn-stl is calibrated worst (ECE .500)" in first


def test_gain_from_rejection_is_reported() -> None:
    one = result("emodb/a", "svm", (5,) * 4)
    surer = np.where((one.y_true == one.y_pred)[:, None], 1.2, 1.0)
    confident = replace(one, probabilities=one.probabilities * surer)
    _, second = findings_of(confident)
    assert "100 % of the remaining predictions are correct, instead of 50 %." in second


def test_tables_have_one_row_per_system() -> None:
    found = [r for r in reliabilities(full_run().results) if r.protocol == "cross"]
    table = measures(found)
    assert {len(cells) for cells in table.rows} == {len(table.columns)}
    shown = row(table, "svm")
    assert shown["Confidence"] == ".700"
    assert len(shown["Overconfidence"]) == len("+.123")
    assert row(coverage(found, "accuracy"), "svm")["100 %"] == shown["Accuracy"]


def test_lead_says_that_dev_sets_were_used_for_calibration() -> None:
    part = section(Summary(full_run()))
    assert part is not None
    assert "Probabilities were calibrated on dev sets" in part.lead[0]
    assert len(part.tables) == 3


def test_no_section_without_results() -> None:
    assert section(Summary(Run({}, (), {}))) is None
