from __future__ import annotations

import re
from dataclasses import replace

from tests.report.runs import full_run, result, row
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.scores.tables import score_table
from voxaffect.evaluation.summary import summarise_run
from voxaffect.report import paired, tables
from voxaffect.report.table import ABSENT, Table


def accuracy(run: Run, protocol: str) -> Table:
    summary = summarise_run(run)
    found = summary.table(protocol)
    assert found is not None
    return tables.unweighted_accuracy(summary, found)


def pooled(run: Run, protocol: str) -> Table:
    summary = summarise_run(run)
    found = summary.table(protocol)
    assert found is not None
    return tables.pooled_accuracy(summary, found)


def test_within_gives_mean_and_deviation_and_marks_the_best_and_the_significant() -> None:
    table = accuracy(full_run(), "within")
    emodb = row(table, "emodb")
    assert emodb["dnn-stl"] == ".472 ± .035"
    assert emodb["dnn-mtl"].endswith("*")
    assert row(table, "urdu")["Chance"] == ".333"
    assert row(table, "mean")["dnn-stl"] == ".436"
    assert [cell.best for cell in table.rows[0]] == [False] * 6 + [True]
    assert tables.TWIN in table.notes


def test_cross_has_means_of_natural_of_acted_and_of_all() -> None:
    table = accuracy(full_run(), "cross")
    assert [cells[0].text for cells in table.foot] == ["mean of natural", "mean of acted", "mean"]
    assert row(table, "mean of natural")["dnn-stl"] == ".363"
    assert row(table, "mean")["dnn-stl"] == ".350"


def test_what_is_missing_is_neither_zero_nor_a_mean_over_less() -> None:
    run = full_run()
    kept = tuple(
        r
        for r in run.results
        if not (r.system == "svm" and r.fold in {"within/urdu/?", "within/emodb/a"})
    )
    table = accuracy(replace(run, results=kept), "within")
    assert row(table, "urdu")["svm"] == ABSENT
    assert row(table, "mean")["svm"] == ABSENT
    assert "(7 of 8 folds)" in row(table, "emodb")["svm"]
    assert not any(cell.best for cells in table.body for cell in cells[-1:])
    assert any("in no ranking" in note for note in table.notes)


def test_confusions_are_shares_of_the_true_class() -> None:
    scores = score_table([result("aggregated", "svm", (8, 5, -1, 10), protocol="aggregated")])
    table = tables.confusion(scores, "svm")
    assert table.title == "Table 4. svm: UA .767"
    assert list(row(table, "neutral").values()) == ["neutral", ".800", ".200", ".000", ".000", "10"]
    assert set(list(row(table, "sad").values())[1:]) == {ABSENT}


def test_one_pair_is_said_to_be_too_few() -> None:
    assert any("One pair" in note for note in accuracy(full_run(), "aggregated").notes)


def test_pooled_accuracy_has_intervals_where_speakers_are_known_and_enough() -> None:
    table = pooled(full_run(), "within")
    assert re.fullmatch(r"\.472 \[\.4\d\d, \.[45]\d\d\]", row(table, "emodb")["dnn-stl"])
    assert row(table, "urdu")["dnn-stl"] == ".400"
    assert row(table, "mean")["dnn-stl"] == ".436"
    assert [cell.best for cell in table.rows[0]] == [False] * 5 + [True]
    assert table.notes == (tables.INTERVAL, paired.NO_INTERVAL)


def test_pooled_accuracy_of_a_missing_fold_is_of_what_there_is_and_of_a_missing_set_absent() -> (
    None
):
    run = full_run()
    lost = {("svm", "within/emodb/a"), ("dnn-stl", "within/urdu/?")}
    kept = tuple(r for r in run.results if (r.system, r.fold) not in lost)
    table = pooled(replace(run, results=kept), "within")
    assert row(table, "emodb")["svm"].startswith(".6")
    assert row(table, "urdu")["dnn-stl"] == row(table, "mean")["dnn-stl"] == ABSENT
