from __future__ import annotations

from tests.report.runs import corpus, full_run, row
from voxaffect.report import run_info
from voxaffect.report.text import ABSENT


def test_overview_has_counts_sums_and_absent_values() -> None:
    table = run_info.overview(full_run().corpora)
    assert row(table, "iemocap")["sad"] == ABSENT
    assert row(table, "urdu")["gender unknown"] == "10"
    total = row(table, "total")
    assert (total["speakers"], total["neutral"], total["utterances"]) == ("12", "60", "120")
    assert total["hours"] == "0.30"
    assert "female child" not in table.columns


def test_excluded_labels_and_files_are_counted() -> None:
    refused = {"duplicate": 2, "recording refused": 1}
    table = run_info.left_out(
        [
            corpus("a", {}, excluded={}, problems={"duplicate": 2}),
            corpus("b", {}, problems=refused),
        ]
    )
    assert [[cell.text for cell in cells] for cells in table.rows] == [
        ["a", "40", "40", "none", "duplicate 2"],
        ["b", "44", "40", "boredom 3", "duplicate 2, recording refused 1"],
    ]
