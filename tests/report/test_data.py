from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.report.runs import NOTE, full_run, result
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.summary import Summary, summarise_run
from voxaffect.report.data import SCHEMA, report_json
from voxaffect.report.sections import sections


def data_of(run: Run) -> dict[str, Any]:
    summary = summarise_run(run)
    text = report_json(run, summary, ("A sentence.",), sections(run, summary, ()))
    loaded: dict[str, Any] = json.loads(text, parse_constant=pytest.fail)
    return loaded


def test_scores_hold_the_numbers_of_the_tables() -> None:
    run = full_run()
    summary, data = summarise_run(run), data_of(run)
    assert (data["schema"], data["note"], data["findings"]) == (SCHEMA, NOTE, ["A sentence."])
    assert len(data["scores"]) == sum(len(table.scores) for table in summary.tables)
    for stated in data["scores"]:
        table = summary.table(stated["protocol"])
        assert table is not None
        score = table.scores[stated["test"], stated["system"]]
        assert (stated["ua"], stated["sd"]) == (score.ua, score.ua_sd)
        assert stated["seeds"] == [0, 1]
    (emodb, *_) = data["scores"]
    assert (emodb["n"], emodb["n_folds"], emodb["n_folds_expected"]) == (320, 8, 8)


def test_folds_comparisons_card_and_tables_are_there() -> None:
    data = data_of(full_run())
    assert len(data["folds"]) == 70
    assert list(data["folds"][0]["ua"]) == ["0", "1"]
    assert data["folds"][0]["trainings"]["1"] == {"kept": 2, "n_epochs": 3}
    assert {"p_holm", "significant", "n_pairs", "reachable"} <= data["comparisons"][0].keys()
    assert data["card"]["n_results"] == 140
    assert data["corpora"][0]["n_utterances"] == 40
    names = [table["name"] for table in data["tables"]]
    assert len(names) == len(set(names))
    assert {"within-1", "folds-1", "making-1"} <= set(names)
    assert data["failures"][0]["reason"] == "no <audio>"


def test_a_number_that_does_not_exist_is_null() -> None:
    nobody = np.zeros(0, np.int64)
    untested = replace(result("emodb/a", "svm", (5,) * 4), ids=(), y_true=nobody, y_pred=nobody)
    run = Run({"note": None}, (), {}, (untested,))
    data = json.loads(report_json(run, Summary((), (), {}, run), (), ()))
    assert data["folds"][0]["ua"] == {"0": None}
    assert data["settings"] == {"note": None}


def test_a_record_stands_on_a_line_of_its_own() -> None:
    run = full_run()
    summary = summarise_run(run)
    lines = report_json(run, summary, (), ()).splitlines()
    first = lines.index('"folds": [') + 1
    assert json.loads(lines[first].removesuffix(","))["fold"] == "within/emodb/a"
