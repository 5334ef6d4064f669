from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.fairness_runs import described_run, facts_for, results_of
from tests.report.runs import row, run_of
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.fairness import GroupScores
from voxaffect.evaluation.summary import Summary
from voxaffect.report.groups import findings, gaps, groups, groups_csv, section, speakers
from voxaffect.report.table import Section
from voxaffect.report.text import ABSENT, signed
from voxaffect.report.write import write_report

EACH = {"a": (10, 10, 10, 10), "b": (8, 10, 8, 10), "c": (4, 4, 4, 4), "d": (2, 6, 2, 6)}
RIGHTS = {f"north/{name}{i}": right for name, right in EACH.items() for i in range(3)}
GENDER = {speaker: "female" if speaker[6] in "ab" else "male" for speaker in RIGHTS}


def made(rights: Mapping[str, Sequence[int]] = RIGHTS, **known: Mapping[str, Any]) -> Run:
    return run_of(results_of(rights), facts_for(**(known or {"gender": GENDER})))


def scores_of(run: Run) -> GroupScores:
    found = Summary(run).groups
    assert found is not None
    return found


def section_of(run: Run) -> Section:
    found = section(Summary(run))
    assert found is not None
    return found


def test_findings_have_the_largest_gap_and_spread() -> None:
    first, second = findings(scores_of(made()), "within")
    assert first.startswith(
        "Within each corpus (held-out speakers): dnn-stl has the largest gap by gender: UA .950 "
        "(female) and .400 (male), difference .550 (95 % CI"
    )
    assert "includes zero" not in first
    assert "1.000 for north/a0 and .400 for north/" in second
    assert "the worst is expected at about ." in second


def test_interval_that_includes_zero_is_noted() -> None:
    rights = (9, 2, 8, 1)
    uneven = {name: (rights["abcd".index(name[6])],) * 4 for name in RIGHTS}
    first, _ = findings(scores_of(made(uneven)), "within")
    assert f"difference .100 (95 % CI {signed(-0.6)[0]}" in first
    assert "includes zero)." in first


def test_group_of_few_speakers_has_no_interval() -> None:
    few = dict.fromkeys([name for name, sex in GENDER.items() if sex == "male"][1:], "female")
    first = next(iter(findings(scores_of(made(gender={**GENDER, **few})), "within")))
    assert "no confidence interval, because a group has too few known speakers" in first


def test_nothing_to_compare() -> None:
    part = section_of(made({"north/a0": (5, 5, 5, 5)}))
    assert any("no two groups are large enough" in text for text in part.lead)
    (table,) = part.tables
    assert row(table, "dnn-stl")["Compared"] == "1 of 1"
    assert {cell.text for cell in table.rows[0][2:]} == {ABSENT}


def test_tables_have_group_sizes_and_intervals() -> None:
    scores = scores_of(made())
    female = row(groups(scores, "within", "gender"), "female")
    assert (female["Utterances"], female["Speakers"], female["Classes"]) == ("240", "6", "4")
    assert female["dnn-stl"].startswith(".950 [.9")
    assert row(gaps(scores, "within"), "dnn-stl")["gender"].startswith(".550 [.")
    assert row(speakers(scores, "within"), "dnn-stl")["Best"] == "north/a0"


def test_groups_that_are_not_compared_are_marked() -> None:
    scores = scores_of(made(gender={**GENDER, "north/d0": None}))
    table = groups(scores, "within", "gender")
    assert [cells[0].text for cells in table.rows] == ["female", "male", "unknown †"]
    assert "† not compared: fewer than" in table.notes[0]


def test_rows_have_one_cell_per_column() -> None:
    part = section_of(described_run())
    assert len(part.tables) == 6
    for table in (*part.tables, *part.more):
        assert {len(cells) for cells in table.rows} == {len(table.columns)}, table.title


def test_csv_has_every_group_and_speaker_with_recalls() -> None:
    scores = scores_of(made(gender={**GENDER, "north/d0": None}))
    rows = list(csv.DictReader(io.StringIO(groups_csv(scores, "made up"))))
    found = {(r["kind"], r["group"]): r for r in rows}
    assert list(rows[0])[:8] == [
        *("protocol", "system", "kind", "group"),
        *("n_utterances", "n_speakers", "n_classes", "ua"),
    ]
    assert found["gender", "female"]["recall_happy"] == "1.000000"
    assert found["gender", "male"]["ua_low"] == ""
    assert found["gender", "unknown"]["compared"] == "0"
    assert found["speaker", "north/d0"]["n_utterances"] == "40"
    assert {r["note"] for r in rows} == {"made up"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_report(Summary(made()), folder)
    return folder


def test_report_of_a_described_run_has_facts_and_groups(written: Path) -> None:
    text = (written / "utterances.csv").read_text("utf-8")
    facts = list(csv.DictReader(io.StringIO(text)))
    assert len(facts) == 40 * len(RIGHTS)
    assert facts[0] == {
        "id": "north/a0/0",
        "corpus": "north",
        "speaker": "north/a0",
        "gender": "female",
        "language": "German",
        "style": "acted",
        "duration_s": "1.0",
        "snr_db": "20.0",
        "content": "00ff",
    }
    assert "north/a" in (written / "groups.csv").read_text("utf-8")
    page = (written / "report.html").read_text("utf-8")
    assert page.index('id="within"') < page.index('id="groups"') < page.index('id="reliability"')
    assert (written / "figures" / "groups-within.svg").is_file()
