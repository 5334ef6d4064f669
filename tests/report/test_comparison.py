from __future__ import annotations

from dataclasses import replace

from tests.report.runs import NOTE, full_run, result, row
from voxaffect.evaluation.compare_runs import RunsCompared, compare_runs
from voxaffect.evaluation.experiment.run import FoldResult, Run
from voxaffect.report.comparison import brief, comparison_markdown, differing, full, sentences

NAMES = ("runs/one", "runs/two")


def said(found: RunsCompared) -> list[str]:
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text in sentences(found, NAMES)]


def run(*results: FoldResult) -> Run:
    return replace(full_run(), results=results)


def folds(system: str, hits: list[int]) -> list[FoldResult]:
    return [result(f"emodb/{i}", system, (n,) * 4) for i, n in enumerate(hits)]


def test_equal_runs_are_said_to_be_equal() -> None:
    found = compare_runs(full_run(), full_run())
    opening, shared, within, *_ = said(found)
    assert opening == "A is runs/one, B is runs/two; every gain is that of B on A."
    assert shared.startswith("The runs share 14 folds with 590 test utterances")
    assert "in B dnn-stl gained .000 (equal on 9 speakers)" in within
    assert differing(found).notes[0].endswith("are the same.")
    assert {cells[-1].text for cells in brief(found).rows if "within" in cells[1].text} == {
        *("equal on 9 speakers", "equal on 8 speakers", "equal on 2 corpora")
    }


def test_gains_are_told_by_the_protocols_own_question_alone() -> None:
    a, b = run(*folds("svm", [1, 2, 3, 4, 5, 6])), run(*folds("svm", [3, 4, 5, 6, 7, 9]))
    found = compare_runs(a, b)
    *_, gain = said(found)
    assert gain.startswith(
        "Within each corpus, on speakers held out, in B svm gained .217 (significant over 6 "
        "speakers, p = .031; pooled +.217, 95 % interval +.200 to +.2"
    )
    shown = row(brief(found), "svm")
    assert (shown["Tested on"], shown["A"], shown["B"]) == ("within, all speakers", ".350", ".567")
    (table,) = full(found)
    assert row(table, "svm")["Better : worse"] == "6 : 0"


def test_what_does_not_match_is_named() -> None:
    a = run(*folds("svm", [1, 2, 3]), *folds("dnn-stl", [1, 2, 3]), *folds("dnn-mtl", [1, 2, 3]))
    fewer = [
        replace(r, ids=(*r.ids[:-1], f"{r.fold}/new"))
        for r in (*folds("svm", [1, 2]), *folds("dnn-mtl", [2]))
    ]
    b = run(*fewer, result("urdu/1", "svm", (5,) * 4))
    text = " ".join(said(compare_runs(a, b)))
    assert "Only A has 1 fold (within/emodb/2), not compared." in text
    assert "Only B has 1 fold (within/urdu/1), not compared." in text
    assert "only in A: 2, only in B: 2, of another class in each: 0." in text
    assert "Only A has dnn-stl." in text
    assert "dnn-mtl is compared on 1 of 2 shared folds: A has results of 2, B of 1." in text


def test_systems_of_other_names_say_so() -> None:
    a, b = run(*folds("dnn-stl", [1, 2])), run(*folds("dnn-mtl", [3, 4]))
    found = compare_runs(a, b, [("dnn-stl", "dnn-mtl")])
    assert brief(found).rows[0][0].text == "dnn-mtl (A: dnn-stl)"
    assert "in B dnn-mtl (A: dnn-stl) gained .200 (2 speakers cannot tell)." in said(found)[-1]


def test_the_markdown_holds_notes_sentences_and_tables() -> None:
    found = compare_runs(full_run(), replace(full_run(), versions={"torch": "2.14.0"}))
    text = comparison_markdown(found, NAMES, (NOTE, NOTE))
    assert text.count(f"> {NOTE}") == 1
    assert "| versions | torch | 2.13.0 | 2.14.0 |" in text
    assert "**Within each corpus, on speakers held out**" in text
    assert "Wilcoxon signed-rank" in text
