from __future__ import annotations

from dataclasses import replace

from tests.report.runs import NOTE, full_run, result, row
from voxaffect.evaluation.compare_runs import RunsCompared, compare_runs
from voxaffect.evaluation.experiment.run import FoldResult, Run
from voxaffect.report.comparison import (
    brief_table,
    comparison_markdown,
    describe_comparison,
    differences_table,
    gains_tables,
)

NAMES = ("runs/one", "runs/two")


def texts_of(found: RunsCompared) -> list[str]:
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text in describe_comparison(found, NAMES)]


def run(*results: FoldResult) -> Run:
    return full_run(results=results)


def folds(system: str, hits: list[int]) -> list[FoldResult]:
    return [result(f"emodb/{i}", system, (n,) * 4) for i, n in enumerate(hits)]


def test_equal_runs_are_reported_as_equal() -> None:
    found = compare_runs(full_run(), full_run())
    opening, shared, within, *_ = texts_of(found)
    assert opening == "A is runs/one, B is runs/two. Gain: B minus A."
    assert shared.startswith(
        "The runs share 14 folds and 590 test utterances (with the same label)."
    )
    assert "dnn-stl gained .000 (equal on 9 speakers)" in within
    assert differences_table(found).notes[0].endswith("are the same.")
    assert {cells[-1].text for cells in brief_table(found).rows if "within" in cells[1].text} == {
        *("equal on 9 speakers", "equal on 8 speakers", "equal on 2 corpora")
    }


def test_gains_are_reported_over_the_main_unit_of_the_protocol() -> None:
    a, b = run(*folds("svm", [1, 2, 3, 4, 5, 6])), run(*folds("svm", [3, 4, 5, 6, 7, 9]))
    found = compare_runs(a, b)
    *_, gain = texts_of(found)
    assert gain.startswith(
        "Within each corpus (held-out speakers): svm gained .217 (significant over 6 speakers, "
        "p = .031; pooled +.217, 95 % CI +.200 to +.2"
    )
    shown = row(brief_table(found), "svm")
    assert (shown["Test set"], shown["A"], shown["B"]) == ("within, all speakers", ".350", ".567")
    (table,) = gains_tables(found)
    assert row(table, "svm")["Wins/losses"] == "6 : 0"


def test_unmatched_folds_and_systems_are_named() -> None:
    a = run(*folds("svm", [1, 2, 3]), *folds("dnn-stl", [1, 2, 3]), *folds("dnn-mtl", [1, 2, 3]))
    fewer = [
        replace(r, ids=(*r.ids[:-1], f"{r.fold}/new"))
        for r in (*folds("svm", [1, 2]), *folds("dnn-mtl", [2]))
    ]
    b = run(*fewer, result("urdu/1", "svm", (5,) * 4))
    text = " ".join(texts_of(compare_runs(a, b)))
    assert "Only in A, not compared: 1 fold (within/emodb/2)." in text
    assert "Only in B, not compared: 1 fold (within/urdu/1)." in text
    assert "Left out: 2 only in A, 2 only in B, 0 with different labels." in text
    assert "Only in A: dnn-stl." in text
    assert "dnn-mtl is compared on 1 of 2 shared folds: A has results for 2, B for 1." in text


def test_systems_with_different_names() -> None:
    a, b = run(*folds("dnn-stl", [1, 2])), run(*folds("dnn-mtl", [3, 4]))
    found = compare_runs(a, b, [("dnn-stl", "dnn-mtl")])
    assert brief_table(found).rows[0][0].text == "dnn-mtl (A: dnn-stl)"
    assert (
        "dnn-mtl (A: dnn-stl) gained .200 (too few speakers (2) for a test)." in texts_of(found)[-1]
    )


def test_markdown_has_notes_sentences_and_tables() -> None:
    found = compare_runs(full_run(), replace(full_run(), versions={"torch": "2.14.0"}))
    text = comparison_markdown(found, NAMES, (NOTE, NOTE))
    assert text.count(f"> {NOTE}") == 1
    assert "| versions | torch | 2.13.0 | 2.14.0 |" in text
    assert "**Within each corpus (held-out speakers)**" in text
    assert "Wilcoxon signed-rank" in text
