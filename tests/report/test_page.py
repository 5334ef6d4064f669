from __future__ import annotations

from dataclasses import replace

from tests.report.runs import corpus, full_run, result
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.summary import summarise_run
from voxaffect.report.page import counts, html_page, markdown_page
from voxaffect.report.section import Section
from voxaffect.report.sections import sections
from voxaffect.report.table import Cell, Table
from voxaffect.report.words import findings
from voxaffect.report.write import downloads

MEGABYTE = 1_000_000


def test_the_size_of_a_run_is_said_in_a_line() -> None:
    run = Run({}, (corpus("emodb", {}),), {}, (result("emodb/a", "svm", (5,) * 4),))
    assert counts(run) == "1 result · 1 fold · 1 system · 1 seed · 1 corpus"


def test_what_names_contain_is_text_in_the_page() -> None:
    hostile = "</script><img src=x onerror=alert(1)>"
    table = Table(hostile, ("A", hostile), ((Cell(hostile), Cell(hostile)),), (hostile,))
    section = Section("made", hostile, (hostile,), (table,))
    run = Run({}, (), {}, (), note=hostile)
    page = html_page(
        run, (hostile,), (section,), downloads(run, summarise_run(run), (), (section,))
    )
    assert "<img" not in page
    assert page.count("</script>") == 4


def test_hundreds_of_rows_are_left_to_the_page() -> None:
    rows = tuple((Cell(f"fold {n}"), Cell(".5")) for n in range(99))
    section = Section("made", "Made", more=(Table("All_folds", ("Fold", "UA"), rows),))
    text = markdown_page(Run({}, (), {}, ()), (), (section,))
    assert "**All\\_folds**\n\n99 rows: in report.html, tables.tex and report.json." in text
    assert "fold 7" not in text


def test_two_thousand_results_stay_far_below_three_megabytes() -> None:
    systems = ("dnn-stl", "dnn-mtl", "lstm-stl", "lstm-mtl", "svm", "dnn-gender", "lstm-gender")
    results = tuple(
        result(f"emodb/{n}", system, (n % 10, (n + seed) % 11, 5, 6), seed=seed)
        for n in range(96)
        for system in systems
        for seed in range(3)
    )
    run = replace(full_run(""), results=results)
    summary = summarise_run(run)
    said, parts = findings(run, summary), sections(run, summary, ())
    carried = downloads(run, summary, said, parts)
    assert len(results) > 2000
    assert sum(len(file.packed) for file in carried) < 0.3 * MEGABYTE
    assert len(html_page(run, said, parts, carried)) < 1 * MEGABYTE
