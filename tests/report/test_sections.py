from __future__ import annotations

from tests.report.runs import full_run
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.summary import summarise_run
from voxaffect.report.sections import sections
from voxaffect.report.table import Table


def tables_of(run: Run) -> list[Table]:
    parts = sections(run, summarise_run(run), ())
    return [table for part in parts for table in (*part.tables, *part.more)]


def test_every_row_has_a_cell_for_every_column() -> None:
    for run in (full_run(), Run({}, (), {}, ())):
        for table in tables_of(run):
            assert {len(row) for row in table.rows} <= {len(table.columns)}, table.title
            assert max(table.words) < len(table.columns)


def test_missing_protocols_keep_their_place() -> None:
    parts = sections(Run({}, (), {}, ()), summarise_run(Run({}, (), {}, ())), ())
    assert [part.key for part in parts] == ["within", "cross", "aggregated", "corpora", "making"]
    assert all("no results" in part.lead[0] for part in parts[:3])


def test_failures_come_first_where_the_run_is_described() -> None:
    titles = [table.title for table in tables_of(full_run())]
    assert titles.index("Folds that could not be computed") < titles.index("Protocol card")
