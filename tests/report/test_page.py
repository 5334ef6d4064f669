from __future__ import annotations

import base64
import gzip

from hypothesis import given
from hypothesis import strategies as st

from tests.report.runs import corpus, full_run, result, run_of
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.summary import Summary
from voxaffect.report.findings import findings
from voxaffect.report.page import Download, counts, html_page, markdown_page, sections
from voxaffect.report.table import Cell, Section, Table
from voxaffect.report.write import downloads


def packed(text: str) -> str:
    return Download("a.csv", "rows", "text/csv", text).packed


@given(st.text(st.characters(codec="utf-8")))
def test_packed_text_is_restored_and_has_no_markup(text: str) -> None:
    assert gzip.decompress(base64.b64decode(packed(text))).decode("utf-8") == text
    assert not set(packed(text)) & set("<>&\"'-")


def test_packing_is_reproducible_and_small() -> None:
    rows = "".join(f"within/emodb/{n:02d},dnn-stl,0.{n:06d}\n" for n in range(2000))
    assert packed(rows) == packed(rows)
    assert len(packed(rows)) < len(rows) / 3


def tables_of(run: Run) -> list[Table]:
    parts = sections(run, Summary(run), ())
    return [table for part in parts for table in (*part.tables, *part.more)]


def test_rows_have_one_cell_per_column() -> None:
    for run in (full_run(), Run({}, (), {})):
        for table in tables_of(run):
            assert {len(row) for row in table.rows} <= {len(table.columns)}, table.title
            assert max(table.text_columns) < len(table.columns)


def test_missing_protocols_keep_their_sections() -> None:
    parts = sections(Run({}, (), {}), Summary(Run({}, (), {})), ())
    assert [part.key for part in parts] == ["within", "cross", "aggregated", "corpora", "making"]
    assert all(part.lead[0] == "No results for this protocol." for part in parts[:3])


def test_failures_are_listed_before_the_protocol_card() -> None:
    titles = [table.title for table in tables_of(full_run())]
    assert titles.index("Failed folds") < titles.index("Protocol card")


MEGABYTE = 1_000_000


def test_counts_of_a_run() -> None:
    run = run_of([result("emodb/a", "svm", (5,) * 4)], corpora=(corpus("emodb", {}),))
    assert counts(run) == "1 result · 1 fold · 1 system · 1 seed · 1 corpus"


def test_html_in_names_is_escaped() -> None:
    hostile = "</script><img src=x onerror=alert(1)>"
    table = Table(hostile, ("A", hostile), ((Cell(hostile), Cell(hostile)),), (hostile,))
    section = Section("made", hostile, (hostile,), (table,))
    run = Run({}, (), {}, note=hostile)
    page = html_page(run, (hostile,), (section,), downloads(run, Summary(run), (), (section,)))
    assert "<img" not in page
    assert page.count("</script>") == 4


def test_markdown_leaves_out_long_tables() -> None:
    rows = tuple((Cell(f"fold {n}"), Cell(".5")) for n in range(99))
    section = Section("made", "Made", more=(Table("All_folds", ("Fold", "UA"), rows),))
    text = markdown_page(Run({}, (), {}), (), (section,))
    assert "**All\\_folds**\n\n99 rows: see report.html, tables.tex and report.json." in text
    assert "fold 7" not in text


def test_page_with_two_thousand_results_is_below_one_megabyte() -> None:
    systems = ("dnn-stl", "dnn-mtl", "lstm-stl", "lstm-mtl", "svm", "dnn-gender", "lstm-gender")
    results = tuple(
        result(f"emodb/{n}", system, (n % 10, (n + seed) % 11, 5, 6), seed=seed)
        for n in range(96)
        for system in systems
        for seed in range(3)
    )
    run = full_run("", results)
    summary = Summary(run)
    text, parts = findings(run, summary), sections(run, summary, ())
    carried = downloads(run, summary, text, parts)
    assert len(results) > 2000
    assert sum(len(file.packed) for file in carried) < 0.3 * MEGABYTE
    assert len(html_page(run, text, parts, carried)) < 1 * MEGABYTE
