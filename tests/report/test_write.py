from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd

from tests.model.events import read_events
from tests.report.runs import NOTE, full_run, result, run_of
from voxaffect.evaluation.experiment.run import FoldResult, Run
from voxaffect.evaluation.summary import Summary
from voxaffect.report.write import (
    curves_csv,
    results_csv,
    terminal_markdown,
    write_events,
    write_report,
)


def test_events_have_a_folder_per_training(tmp_path: Path) -> None:
    trainings = full_run().trainings
    folder = write_events(trainings[trainings["protocol"] == "aggregated"], tmp_path)
    names = {path.relative_to(folder).as_posix() for path in folder.glob("*/*")}
    systems = ("dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl")
    assert names == {f"aggregated/{system}-{seed}" for system in systems for seed in (0, 1)}
    found = read_events(folder / "aggregated" / "dnn-stl-1")
    assert [event[:2] for event in found["loss/train"]] == [(1, 0.5), (2, 0.25), (3, 0.125)]


def trainings_of(*names: str) -> pd.DataFrame:
    return run_of([result(name, "dnn-stl", (5,) * 4) for name in names]).trainings


def test_speaker_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    names = ("mine/..", "mine/.", "mine/?", "a:b/c d")
    folder = write_events(trainings_of(*names), tmp_path / "out")
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]
    found = {path.parent.relative_to(folder).as_posix() for path in folder.rglob("dnn-stl-0")}
    parts = {"mine/%2E%2E", "mine/%2E", "mine/%3F", "a%3Ab/c d"}
    assert found == {f"within/{part}" for part in parts}


def test_terminal_markdown_has_note_tables_and_findings() -> None:
    text = terminal_markdown(Summary(full_run()))
    assert text.startswith("> Simulated speech stands in")
    for number in (1, 2, 3, 4):
        assert f"Table {number}. " in text
    assert "- Within each corpus (held-out speakers): svm has the highest UA" in text


TEXTS = ["report.html", "report.md", "curves.csv", "results.csv", "report.json", "tables.tex"]
VOID = {"meta", "br", "link", "img", "hr", "input"}


class Page(HTMLParser):
    """Collects what a page loads, and whether its elements nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.note(attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.note(attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def note(self, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.loads += [str(v) for k, v in attrs if k in {"src", "href", "xlink:href", "data"}]
        self.ids += [str(named["id"])] if "id" in named else []


def test_all_files_are_written(written: list[Path]) -> None:
    root = written[0].parent
    assert [path.name for path in written[:6]] == TEXTS
    assert {p for p in root.rglob("*") if p.is_file()} == set(written)
    assert {p.name for p in written[6:]} == {
        "utterances.csv",
        "groups.csv",
        "class-gains-within.svg",
        "class-gains-cross.svg",
        "class-gains-aggregated.svg",
        "accuracy-within.svg",
        "accuracy-cross.svg",
        "accuracy-aggregated.svg",
        "confusion.svg",
        "confusion-within-emodb.svg",
        "confusion-within-urdu.svg",
        "confusion-cross-emodb.svg",
        "confusion-cross-iemocap-acted.svg",
        "confusion-cross-iemocap-natural.svg",
        "confusion-cross-urdu.svg",
        "groups-within.svg",
        "groups-cross.svg",
        "groups-aggregated.svg",
        "high-level.svg",
        "learning-within.svg",
        "learning-cross.svg",
        "learning-aggregated.svg",
        "reliability-within.svg",
        "reliability-cross.svg",
        "reliability-aggregated.svg",
    }


def test_page_parses_and_is_self_contained(written: list[Path]) -> None:
    text = written[0].read_text("utf-8")
    page = Page(text)
    assert page.open == []
    assert all(target.startswith("#") for target in page.loads)
    assert {target[1:] for target in page.loads} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert "<script src" not in text
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_note_is_shown_with_all_numbers(written: list[Path]) -> None:
    page, page_md, epochs, rows, data, tex = (path.read_text("utf-8") for path in written[:6])
    n_with_numbers = sum("<table" in part for part in page.split("<section ")[1:])
    assert page.count(f'<p class="note">{NOTE}</p>') == 1 + n_with_numbers  # one under the title
    assert page_md.count(f"> {NOTE}") == 1 + n_with_numbers
    assert all(NOTE in line for line in (rows + epochs).splitlines() if "0." in line)
    assert json.loads(data)["note"] == NOTE
    assert tex.count(NOTE) == tex.count("\\caption")
    figures = [path for path in written if path.suffix == ".svg"]
    assert all("Simulated speech" in path.read_text("utf-8") for path in figures)


def test_failures_are_listed_and_escaped(written: list[Path]) -> None:
    text = written[0].read_text("utf-8")
    assert "cross/ldc" in text
    assert "no &lt;audio&gt;" in text
    assert "no \\<audio>" in written[1].read_text("utf-8")


def test_card_has_digests_versions_and_time(written: list[Path]) -> None:
    text = written[0].read_text("utf-8")
    for part in (
        "fedcba9876543210",
        "2.13.0",
        "1 h 02 min",
        "evaluate.seeds",
        "set shares 1 corpus with",
    ):
        assert part in text


def test_figures_of_the_markdown_exist(written: list[Path]) -> None:
    names = re.findall(r"\]\((figures/[^)]+)\)", written[1].read_text("utf-8"))
    assert {written[0].parent / name for name in names} == {
        path for path in written if path.suffix == ".svg"
    }


def test_one_system_and_fold_with_missing_protocols(tmp_path: Path) -> None:
    run = replace(full_run("", [result("emodb/a", "svm", (5,) * 4)]), failures=())
    page, page_md, *_ = (path.read_text("utf-8") for path in write_report(Summary(run), tmp_path))
    assert page.count("No results for this protocol.") == 2
    assert 'class="note"' not in page
    assert "nan" not in page_md.lower().split()


def test_report_of_a_run_without_results(tmp_path: Path) -> None:
    page, _, *texts = write_report(Summary(Run({}, (), {}, note=NOTE)), tmp_path)
    assert "No results yet." in page.read_text("utf-8")
    assert [len(rows.read_text("utf-8").splitlines()) for rows in texts[:2]] == [1, 1]
    assert json.loads(texts[2].read_text("utf-8"))["scores"] == []


def test_second_report_replaces_the_first(tmp_path: Path) -> None:
    write_report(Summary(Run({}, (), {}, note="of yesterday")), tmp_path)
    page, *_ = write_report(Summary(Run({}, (), {}, note="second")), tmp_path)
    assert "of yesterday" not in page.read_text("utf-8")


def results_csv_of(*results: FoldResult) -> str:
    run = run_of(results)
    return results_csv(run.results, run.trainings)


def test_csv_has_one_row_per_result_and_empty_absent_recalls() -> None:
    (row,) = csv.DictReader(io.StringIO(results_csv_of(result("urdu/?", "svm", (5, 10, -1, 0)))))
    assert (row["fold"], row["system"], row["seed"], row["n"]) == (
        "within/urdu/?",
        "svm",
        "0",
        "30",
    )
    assert (row["ua"], row["wa"]) == ("0.500000", "0.500000")
    assert (row["recall_sad"], row["recall_angry"]) == ("", "0.000000")


def test_curves_have_one_row_per_epoch_and_the_epoch_kept() -> None:
    results = [result("emodb/a", system, (5,) * 4, seed=1) for system in ("dnn-mtl", "svm")]
    rows = list(csv.DictReader(io.StringIO(curves_csv(run_of(results).trainings))))
    assert [row["kept"] for row in rows] == ["0", "1", "0"]
    assert list(rows[1].values()) == [
        *("within", "within/emodb/a", "dnn-mtl", "1", "2"),
        *("0.25", "0.5", "0.5", "2000", "1", ""),
    ]
