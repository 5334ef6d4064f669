from __future__ import annotations

from dataclasses import replace

from tests.report.runs import full_run, result
from voxaffect.evaluation.run import Run
from voxaffect.evaluation.summary import summarise_run
from voxaffect.report.words import findings, flat, leakage


def said(run: Run) -> list[str]:
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text in findings(run, summarise_run(run))]


def test_the_summary_says_what_was_compared_what_won_and_how_sure() -> None:
    compared, within, cross, _, failed = said(full_run())
    assert compared.startswith("5 systems (dnn-stl, lstm-stl, dnn-mtl, lstm-mtl and svm) on 3")
    assert "svm came first with a UA of .603 (chance .292), ahead of lstm-mtl with .561" in within
    assert "dnn-mtl gained .096 (significant over 9 folds, p = .023)" in within
    assert "4 folds cannot tell" in cross
    assert failed.startswith("1 result could not be computed")


def test_one_system_reaches_but_does_not_win() -> None:
    run = replace(full_run(), results=(result("emodb/a", "svm", (5,) * 4),), failures=())
    assert said(run)[1:] == [
        "Within each corpus, on speakers held out, svm reached a UA of .500 (chance .250)."
    ]


def test_equal_systems_share_the_first_place() -> None:
    results = tuple(result("emodb/a", s, (5,) * 4) for s in ("dnn-stl", "lstm-stl"))
    run = replace(full_run(), results=results, failures=())
    assert "dnn-stl and lstm-stl came first with a UA of .500 (chance .250)." in said(run)[1]


def test_no_winner_among_systems_that_were_tested_on_different_corpora() -> None:
    results = (result("a/1", "svm", (5,) * 4), result("b/1", "dnn-stl", (5,) * 4))
    run = replace(full_run(), results=results, failures=())
    assert "no system has a result on every test set" in said(run)[1]


def test_an_empty_run_says_so() -> None:
    assert said(Run({}, (), {}, ()))[-1] == "There are no results yet."


def test_statements_on_leakage_lose_the_fold_and_are_counted() -> None:
    stated = leakage(full_run().results)
    text = "the test set shares no speaker with the training data."
    assert stated["within", "emodb", text] == 8
    silent = replace(full_run().results[0], details={})
    assert next(iter(leakage([silent])))[2] == "no statement was recorded"


def test_settings_are_flat_and_plain() -> None:
    settings = {"seeds": [0, 1], "model": {"elm": {"hidden": 120}, "lr": None}, "extra": {}}
    assert flat(settings) == {
        "seeds": "0, 1",
        "model.elm.hidden": "120",
        "model.lr": "none",
        "extra": "none",
    }
