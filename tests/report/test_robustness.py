from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluation.degraded import ASKED, MANY, answers, by_speaker, hits
from tests.report.runs import NOTE, full_run, result, row, table_of
from tests.report.test_write import Page
from voxaffect.evaluation.robustness.robustness import Robustness, robustness
from voxaffect.evaluation.summary import Summary
from voxaffect.report.robustness import (
    by_condition,
    comparisons,
    retained,
    robustness_csv,
    robustness_markdown,
    robustness_section,
    summary_table,
)
from voxaffect.report.text import ABSENT
from voxaffect.report.write import write_report


@pytest.fixture(scope="module")
def found() -> Robustness:
    """A good system, and one that guesses clean speech."""
    results = [
        answers(hits(8, 6, 4, 5), "svm", speakers=MANY),
        *(answers(hits(2, 4, 4, 4), "dnn-stl", speakers=MANY, seed=seed) for seed in (0, 1)),
    ]
    scored = robustness(table_of(results, by_speaker), ASKED, {"room-800ms": 2}, NOTE)
    assert scored is not None
    return scored


def test_no_section_without_measurements() -> None:
    assert robustness_section(None) is None


def test_rows_have_one_cell_per_column(found: Robustness) -> None:
    section = robustness_section(found)
    assert section is not None
    for table in (*section.tables, *section.more):
        assert {len(cells) for cells in table.rows} == {len(table.columns)}
        assert max(table.text_columns) < len(table.columns)


def test_summary_has_clean_and_degraded_accuracy_and_robustness(found: Robustness) -> None:
    table = summary_table(found)
    degraded = ((0.6 + 0.4) / 2 + 0.5) / 2
    assert row(table, "svm") == {
        "System": "svm",
        "Clean UA": ".800 [.800, .800]",
        "Degraded UA": f".{1000 * degraded:.0f} [.500, .500]",
        "Robustness": f".{1000 * (degraded - 0.25) / 0.55:.0f} [.455, .455]",
    }
    assert row(table, "dnn-stl")["Robustness"] == ABSENT
    notes = " ".join(table.notes)
    for text in ("Chance is .250", "8 speakers", "2 seeds", "clean UA is not above chance"):
        assert text in notes
    assert "room-800ms: 2 utterances could not be processed, counted as errors." in notes


def test_conditions_and_means_of_groups(found: Robustness) -> None:
    table = by_condition(found)
    assert [cells[0].text for cells in table.body][:2] == ["clean", "white-20db"]
    assert [cells[0].text for cells in table.foot] == ["mean of noise", "mean of room"]
    assert row(table, "mean of noise")["svm"] == ".500"
    assert "quieter-20db: controls" in table.notes[0]
    assert row(retained(found), "quieter-20db")["svm"] == "1.000"


def test_too_few_folds_and_speakers_are_noted(found: Robustness) -> None:
    assert row(comparisons(found), "dnn-stl")["Result"] == "too few folds (1) for a test"
    results = [answers(hits(8, 6, 4, 5))]
    alone = robustness(table_of(results, by_speaker), ASKED)
    assert alone is not None
    assert "No confidence intervals: too few speakers (1 speaker of 1 corpus)" in " ".join(
        summary_table(alone).notes
    )
    section = robustness_section(alone)
    assert section is not None
    assert len(section.tables) == 1


def test_csv(found: Robustness) -> None:
    rows = list(csv.DictReader(io.StringIO(robustness_csv(found))))
    assert len(rows) == 2 * (len(found.conditions) + 1)
    assert rows[0]["condition"] == "clean"
    assert all(cells["note"] == NOTE for cells in rows)
    (last,) = [r for r in rows if (r["system"], r["condition"]) == ("dnn-stl", "all")]
    assert (last["ua"], last["retained"]) == ("0.400000", "")


def test_markdown_links_its_figure(found: Robustness) -> None:
    text, picture = robustness_markdown(found)
    assert f"](figures/{picture.name}.svg)" in text
    assert f"> {NOTE}" in text


def test_report_has_a_robustness_section(found: Robustness, tmp_path: Path) -> None:
    small = full_run(results=[result("emodb/a", "svm", (5,) * 4)])
    written = write_report(Summary(small), tmp_path, found)
    text = written[0].read_text("utf-8")
    page = Page(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert page.ids.index("aggregated") < page.ids.index("robustness") < page.ids.index("corpora")
    n_with_numbers = sum("<table" in part for part in text.split("<section ")[1:])
    assert text.count(f'<p class="note">{NOTE}</p>') == 1 + n_with_numbers  # one under the title
    assert tmp_path / "figures" / "robustness.svg" in written
    assert "## Robustness to degraded speech" in written[1].read_text("utf-8")


def test_empty_note_is_left_out(found: Robustness) -> None:
    assert "> " not in robustness_markdown(replace(found, note=""))[0]
