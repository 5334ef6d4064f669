from __future__ import annotations

from dataclasses import replace

from tests.report.runs import full_run, result
from voxaffect.evaluation.experiment.run import Run, order
from voxaffect.evaluation.summary import summarize_run
from voxaffect.report.findings import NO_BREAK, at_least, findings, flat, leakage
from voxaffect.report.run_info import making


def said(run: Run) -> list[str]:
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text in findings(run, summarize_run(run))]


def test_the_summary_says_what_was_compared_what_won_and_how_sure() -> None:
    compared, within, cross, _, failed = said(full_run())
    assert compared.startswith("5 systems (dnn-stl, lstm-stl, dnn-mtl, lstm-mtl and svm) on 3")
    assert "svm came first with a UA of .603 (chance .292), ahead of lstm-mtl with .561" in within
    assert "dnn-mtl gained .096 (significant over 9 speakers, p = .023)" in within
    assert "3 corpora cannot tell" in cross
    assert failed.startswith("1 result could not be computed")


def speakers_everywhere() -> Run:
    """Two corpora of seven speakers; what `within` tests the other protocols test too."""
    results = []
    for skill, system in enumerate(("dnn-stl", "dnn-mtl")):
        for corpus in "ab":
            for n in range(7):
                good = (3 + skill + n % 2,) * 4
                results.append(result(f"{corpus}/{n}", system, good))
            crossed = result(corpus, system, (3 + 3 * skill,) * 4, protocol="cross")
            ids = tuple(f"{corpus}/{i % 7}/{i}" for i in range(40))
            results.append(replace(crossed, ids=ids))
        shuffled = result("aggregated", system, (3 + 2 * skill,) * 4, protocol="aggregated")
        ids = tuple(f"{'ab'[i % 2]}/{i % 7}/{i}" for i in range(40))
        results.append(replace(shuffled, ids=ids))
    return replace(full_run(), results=order(results), failures=())


def test_intervals_and_other_speakers_are_told_where_speakers_are_known() -> None:
    within, cross, aggregated = said(speakers_everywhere())[1:]
    gain = "significant over 14 speakers, p < .001; pooled +.100, 95 % interval +.100 to +.100"
    assert f"dnn-mtl gained .100 ({gain})" in within
    assert "dnn-mtl gained .300 (2 corpora cannot tell; pooled +.300, 95 % interval +.2" in cross
    assert "Over the 14 speakers, which tells of other speakers and not of other corpora, " in cross
    assert "other corpora, dnn-mtl gained .429 (significant over 14 speakers" in cross
    assert "dnn-mtl gained .2" in aggregated
    assert "over 14 speakers" in aggregated


def test_differences_that_chance_explains_are_told_together_where_they_are_many() -> None:
    results = [result(f"emodb/{n}", "dnn-stl", (5, 5, 5, 5)) for n in range(14)]
    for step, task in enumerate(("mtl", "gender", "naturalness"), start=1):
        for n in range(14):  # every step-th speaker gains and loses in turn
            moved = (-1) ** (n // step) if n % step == 0 else 0
            results.append(result(f"emodb/{n}", f"dnn-{task}", (5, 5, 5, 5 + moved)))
    run = replace(full_run(), results=order(results), failures=())
    (within,) = said(run)[1:]
    names = "dnn-mtl, dnn-gender and dnn-naturalness"
    assert f"the 3 multi-task nets ({names}) moved by" in within
    said_plainly = within.replace(NO_BREAK, " ")
    assert "(none significantly over 14 speakers, p = 1.000)" in said_plainly
    results += [result(f"emodb/{n}", "lstm-stl", (5, 5, 5, 5)) for n in range(14)]
    results += [result(f"emodb/{n}", "lstm-mtl", (6, 6, 6, 6)) for n in range(14)]
    (within,) = said(replace(run, results=order(results)))[1:]
    assert "Against its single-task twin lstm-mtl gained .100 (significant over 14" in within
    assert f"the 3 other multi-task nets ({names}) moved by" in within


def test_equal_systems_are_called_equal() -> None:
    results = tuple(
        result(f"emodb/{n}", s, (5,) * 4) for s in ("dnn-stl", "dnn-mtl") for n in range(7)
    )
    (within,) = said(replace(full_run(), results=results, failures=()))[1:]
    assert "dnn-mtl gained .000 (equal on 7 speakers; pooled +.000, 95 % interval" in within


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
    assert "no system has all folds, so that none is ranked" in said(run)[1]


def test_who_was_spared_the_hard_fold_has_not_won() -> None:
    results = (
        *(result(f"emodb/{n}", "svm", (5,) * 4) for n in "ab"),
        *(result(f"emodb/{n}", "dnn-stl", (6, 6, 6, 6)) for n in "ab"),
        result("emodb/a", "lstm-stl", (9,) * 4),
    )
    said_of_within = said(replace(full_run(), results=results, failures=()))[1]
    assert "dnn-stl came first with a UA of .600 (chance .250), ahead of svm" in said_of_within
    assert said_of_within.endswith("Not ranked, since they lack folds: lstm-stl.")


def test_second_attempts_are_told_and_listed() -> None:
    again = result("emodb/a", "dnn-stl", (5,) * 4, details={"restarted": "the loss became nan"})
    run = replace(full_run(), results=(again,), failures=())
    assert said(run)[-1] == "1 result came at a second attempt: the first net diverged."
    (table, *_) = making(run).tables
    assert [cell.text for cell in table.rows[0]] == [
        "within/emodb/a",
        "dnn-stl",
        "0",
        "the loss became nan",
    ]


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


def test_no_p_is_said_to_be_more_than_one() -> None:
    assert [at_least(p).replace(NO_BREAK, " ") for p in (0.7741, 0.9996, 1.0)] == [
        "≥ .774",
        "= 1.000",
        "= 1.000",
    ]
