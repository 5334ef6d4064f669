from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.runs import NOTE, full_run, result, run_of
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.results import row
from voxaffect.evaluation.summary import Summary
from voxaffect.report.export import LONG, SCHEMA, escape, latex, latex_document, report_json
from voxaffect.report.page import sections
from voxaffect.report.table import Cell, Table, named_tables
from voxaffect.report.text import ABSENT

SPECIAL = re.compile(r"(?<!\\)[&%$#_{}~^<>|]")
KNOWN = re.compile(r"\\[a-z]+\{\}|\\[&%$#_{}]|\$(<|>|-|\\[a-zA-Z]+)\$|\{\[\}|~")
ENDS = re.compile(r"\\(begin|end)\{(\w+)\}")

SMALL = Table(
    title="Table 2. Shares of 50 % & more",
    columns=("Name_1", "UA", "What"),
    rows=(
        (Cell("a_b"), Cell(".5 ± .1", best=True), Cell("x" * 40)),
        (Cell("mean"), Cell(ABSENT), Cell("")),
    ),
    notes=("p ≤ .05.",),
    n_last=1,
    text_columns=(0, 2),
)


def assert_well_formed(text: str) -> None:
    """Environments nest, braces pair, and every row has a cell for every column."""
    open_ones: list[str] = []
    for kind, name in ENDS.findall(text):
        if kind == "begin":
            open_ones.append(name)
        else:
            assert open_ones.pop() == name
    assert open_ones == []
    plain = re.sub(r"\\[{}]", "", text)
    assert plain.count("{") == plain.count("}")
    columns = re.search(r"\\begin\{(?:tabular|longtable)\}\{((?:[lr]|p\{[^}]*\})+)\}\n", text)
    assert columns is not None
    n_columns = len(re.sub(r"\{[^}]*\}", "", columns[1]))
    for line in text.splitlines():
        if line.endswith(r" \\"):
            assert len(re.findall(r"(?<!\\)&", line)) == n_columns - 1, line


def test_latex_table_uses_booktabs() -> None:
    assert latex("x-1", SMALL, "Of simulated speech.").splitlines() == [
        r"\begin{table}[htbp]",
        r"\centering",
        r"\caption{Shares of 50 \% \& more. Of simulated speech.}\label{tab:x-1}",
        r"\begin{tabular}{lrp{0.80\linewidth}}",
        r"\toprule",
        r"Name\_1 & UA & What \\",
        r"\midrule",
        r"a\_b & \textbf{.5 $\pm$ .1} & " + "x" * 40 + r" \\",
        r"\midrule",
        r"mean & -- &  \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\smallskip{\footnotesize p $\leq$ .05.\par}",
        r"\end{table}",
    ]


def test_long_table_is_a_longtable() -> None:
    rows = tuple((Cell(str(n)), Cell(".5")) for n in range(LONG + 1))
    text = latex("long", Table("Long", ("Fold", "UA"), rows))
    assert r"\begin{longtable}{lr}" in text
    assert_well_formed(text)


def test_all_latex_tables_are_well_formed_and_separated() -> None:
    run = full_run()
    named = list(named_tables(sections(run, Summary(run), ())))
    _, *blocks = latex_document(named, run.note).split("\n\n")
    assert len(blocks) == len(named)
    for (name, _), block in zip(named, blocks, strict=True):
        assert_well_formed(block)
        assert f"\\label{{tab:{name}}}" in block


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])))
def test_special_characters_are_escaped(text: str) -> None:
    rest = KNOWN.sub("", escape(text))
    assert not SPECIAL.search(rest)
    assert "\\" not in rest


def test_white_space_is_collapsed() -> None:
    assert escape(" a\n\n b\tc ") == "a b c"


def data_of(run: Run) -> dict[str, Any]:
    summary = Summary(run)
    text = report_json(run, summary, ("A sentence.",), sections(run, summary, ()))
    loaded: dict[str, Any] = json.loads(text, parse_constant=pytest.fail)
    return loaded


def test_json_scores_equal_the_tables() -> None:
    run = full_run()
    summary, data = Summary(run), data_of(run)
    assert (data["schema"], data["note"], data["findings"]) == (SCHEMA, NOTE, ["A sentence."])
    assert len(data["scores"]) == sum(len(table) for table in summary.scores.values())
    for stated in data["scores"]:
        score = row(summary.scores[stated["protocol"]], stated["test"], stated["system"])
        assert stated["ua"] == score["ua"]
        assert stated["sd"] == (None if np.isnan(score["sd"]) else score["sd"])
        assert stated["seeds"] == [0, 1]
    (emodb, *_) = data["scores"]
    assert (emodb["n"], emodb["n_folds"], emodb["n_folds_expected"]) == (320, 8, 8)


def test_json_has_folds_comparisons_card_and_tables() -> None:
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


def test_nan_is_null() -> None:
    run = run_of([result("emodb/a", "svm", (5, -1, 5, 5))], settings={"note": None})
    data = json.loads(report_json(run, Summary(run), (), ()))
    assert (data["scores"][0]["sd"], data["folds"][0]["n_dev"]) == (None, None)
    assert data["settings"] == {"note": None}


def test_json_has_every_confusion_matrix_in_counts_and_shares() -> None:
    run = run_of([result("emodb/a", "svm", (5, 10, -1, 0), seed=seed) for seed in (0, 1)])
    (found,) = json.loads(report_json(run, Summary(run), (), ()))["confusions"]
    assert (found["protocol"], found["test"], found["system"]) == ("within", "emodb", "svm")
    assert found["counts"] == [[10, 10, 0, 0], [0, 20, 0, 0], [0] * 4, [20, 0, 0, 0]]
    assert found["shares"][0] == [0.5, 0.5, 0, 0]
    assert found["shares"][2] == [None] * 4


def test_json_has_one_record_per_line() -> None:
    run = full_run()
    summary = Summary(run)
    lines = report_json(run, summary, (), ()).splitlines()
    first = lines.index('"folds": [') + 1
    assert json.loads(lines[first].removesuffix(","))["fold"] == "within/emodb/a"
