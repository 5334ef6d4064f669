from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.fairness_runs import described_run, facts_for, results_of, run_of
from tests.report.runs import full_run, row
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.experiment.utterance_facts import facts_csv
from voxaffect.evaluation.summary import summarize_run
from voxaffect.report.groups import findings, gaps, groups, groups_csv, section, speakers
from voxaffect.report.table import ABSENT, Section, signed
from voxaffect.report.write import write_report

RIGHTS = {
    "north/a": (10, 10, 10, 10),
    "north/b": (8, 10, 8, 10),
    "north/c": (4, 4, 4, 4),
    "north/d": (2, 6, 2, 6),
}
GENDER = {"north/a": "female", "north/b": "female", "north/c": "male", "north/d": "male"}


def made(rights: Mapping[str, Sequence[int]] = RIGHTS, **known: Mapping[str, Any]) -> Run:
    results = results_of(rights)
    return run_of(results, facts_for(results, **(known or {"gender": GENDER})))


def section_of(run: Run) -> Section:
    found = section(summarize_run(run))
    assert found is not None
    return found


def test_findings_have_the_largest_gap_and_spread() -> None:
    scores = summarize_run(made()).groups
    assert scores is not None
    first, second = findings(scores)
    assert first.startswith(
        "Within each corpus (held-out speakers): dnn-stl has the largest gap by gender: UA .950 "
        "(female) and .400 (male), difference .550 (95 % CI"
    )
    assert "includes zero" not in first
    assert "1.000 for north/a and .400 for north/" in second
    assert "the worst is expected at about ." in second


def test_interval_that_includes_zero_is_noted() -> None:
    uneven = {"north/a": (9,) * 4, "north/b": (2,) * 4, "north/c": (8,) * 4, "north/d": (1,) * 4}
    scores = summarize_run(made(uneven, gender=GENDER)).groups
    assert scores is not None
    first, _ = findings(scores)
    assert f"difference .100 (95 % CI {signed(-0.6)[0]}" in first
    assert "includes zero)." in first


def test_group_of_one_speaker_has_no_interval() -> None:
    scores = summarize_run(made(gender={**GENDER, "north/d": "female"})).groups
    assert scores is not None
    assert "no confidence interval, because one group is a single speaker" in next(
        iter(findings(scores))
    )


def test_nothing_to_compare() -> None:
    part = section_of(made({"north/a": (5, 5, 5, 5)}))
    assert any("no two groups are large enough" in text for text in part.lead)
    (table,) = part.tables
    assert row(table, "dnn-stl")["Compared"] == "1 of 1"
    assert {cell.text for cell in table.rows[0][2:]} == {ABSENT}


def test_tables_have_group_sizes_and_intervals() -> None:
    scores = summarize_run(made()).groups
    assert scores is not None
    table = groups([g for g in scores.groupings if g.kind == "gender"])
    female = row(table, "female")
    assert (female["Utterances"], female["Speakers"], female["Classes"]) == ("80", "2", "4")
    assert female["dnn-stl"].startswith(".950 [.900, 1.000]")
    assert row(gaps(scores.groupings), "dnn-stl")["gender"].startswith(".550 [.")
    assert row(speakers(scores.speakers), "dnn-stl")["Best"] == "north/a"


def test_groups_that_are_not_compared_are_marked() -> None:
    scores = summarize_run(made(gender={**GENDER, "north/d": None})).groups
    assert scores is not None
    table = groups([g for g in scores.groupings if g.kind == "gender"])
    assert [cells[0].text for cells in table.rows] == ["female", "male", "unknown †"]
    assert "† not compared: fewer than" in table.notes[0]


def test_rows_have_one_cell_per_column() -> None:
    part = section_of(described_run())
    assert len(part.tables) == 6
    for table in (*part.tables, *part.more):
        assert {len(cells) for cells in table.rows} == {len(table.columns)}, table.title


def test_csv_has_every_group_and_speaker_with_recalls() -> None:
    scores = summarize_run(made(gender={**GENDER, "north/d": None})).groups
    assert scores is not None
    rows = list(csv.DictReader(io.StringIO(groups_csv(scores, "made up"))))
    found = {(r["kind"], r["group"]): r for r in rows}
    assert found["gender", "female"]["recall_happy"] == "1.000000"
    assert found["gender", "male"]["ua_low"] == ""
    assert found["gender", "unknown"]["compared"] == "0"
    assert found["speaker", "north/d"]["n_utterances"] == "40"
    assert {r["note"] for r in rows} == {"made up"}


def test_run_without_facts_has_no_section_and_no_files(tmp_path: Path) -> None:
    assert section(summarize_run(full_run())) is None
    names = {
        path.name for path in write_report(summarize_run(replace(made(), utterances={})), tmp_path)
    }
    assert not names & {"utterances.csv", "groups.csv", "groups-within.svg"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_report(summarize_run(made()), folder)
    return folder


def test_report_of_a_described_run_has_facts_and_groups(written: Path) -> None:
    assert (written / "utterances.csv").read_text("utf-8").splitlines() == facts_csv(
        made().utterances
    ).splitlines()
    assert "north/a" in (written / "groups.csv").read_text("utf-8")
    page = (written / "report.html").read_text("utf-8")
    assert page.index('id="within"') < page.index('id="groups"') < page.index('id="reliability"')
    assert (written / "figures" / "groups-within.svg").is_file()
