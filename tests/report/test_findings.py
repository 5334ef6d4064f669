from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.report.runs import FactsOf, facts_of_one, full_run, result
from voxaffect.evaluation.experiment.run import FoldResult, Run
from voxaffect.evaluation.summary import Summary
from voxaffect.report.findings import NO_BREAK, at_least, findings
from voxaffect.report.run_info import flatten_settings, protocol_section


def alone(results: Sequence[FoldResult], facts: FactsOf = facts_of_one) -> Run:
    return replace(full_run(results=results, facts=facts), failures=())


def texts_of(run: Run) -> list[str]:
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text in findings(run, Summary(run))]


def test_findings_have_run_best_system_and_tests() -> None:
    compared, within, cross, _, failed = texts_of(full_run())
    assert compared.startswith("5 systems (dnn-stl, lstm-stl, dnn-mtl, lstm-mtl and svm) on 3")
    assert "svm has the highest UA, .603 (chance .292), followed by lstm-mtl with .561" in within
    assert "dnn-mtl gained .096 (significant over 9 speakers, p = .023)" in within
    assert "too few corpora (3) for a test" in cross
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

    def facts(_: FoldResult, utterance: str) -> dict[str, str]:
        speaker = utterance.rpartition("/")[0]
        return {"corpus": speaker[0], "speaker": speaker}

    return alone(results, facts)


def test_intervals_and_tests_over_speakers_are_shown_for_known_speakers() -> None:
    within, cross, aggregated = texts_of(speakers_everywhere())[1:]
    gain = "significant over 14 speakers, p < .001; pooled +.100, 95 % CI +.100 to +.100"
    assert f"dnn-mtl gained .100 ({gain})" in within
    assert "dnn-mtl gained .300 (too few corpora (2) for a test; pooled +.300, 95 % CI +.2" in cross
    assert (
        "Tested over the 14 speakers (valid for other speakers, not for other corpora), " in cross
    )
    assert "other corpora), dnn-mtl gained .429 (significant over 14 speakers" in cross
    assert "dnn-mtl gained .2" in aggregated
    assert "over 14 speakers" in aggregated


def test_many_nonsignificant_differences_are_summarized() -> None:
    results = [result(f"emodb/{n}", "dnn-stl", (5, 5, 5, 5)) for n in range(14)]
    for step, task in enumerate(("mtl", "gender", "naturalness"), start=1):
        for n in range(14):  # every step-th speaker gains and loses in turn
            moved = (-1) ** (n // step) if n % step == 0 else 0
            results.append(result(f"emodb/{n}", f"dnn-{task}", (5, 5, 5, 5 + moved)))
    run = alone(results)
    (within,) = texts_of(run)[1:]
    names = "dnn-mtl, dnn-gender and dnn-naturalness"
    assert f"The 3 multi-task nets ({names}) differ from their single-task baselines by" in within
    plain = within.replace(NO_BREAK, " ")
    assert "(none significant over 14 speakers, p = 1.000)" in plain
    results += [result(f"emodb/{n}", "lstm-stl", (5, 5, 5, 5)) for n in range(14)]
    results += [result(f"emodb/{n}", "lstm-mtl", (6, 6, 6, 6)) for n in range(14)]
    (within,) = texts_of(alone(results))[1:]
    assert (
        "Compared with its single-task baseline, lstm-mtl gained .100 (significant over 14"
        in within
    )
    assert f"The 3 other multi-task nets ({names}) differ from their" in within


def test_equal_systems_are_reported_as_equal() -> None:
    results = tuple(
        result(f"emodb/{n}", s, (5,) * 4) for s in ("dnn-stl", "dnn-mtl") for n in range(7)
    )
    (within,) = texts_of(alone(results))[1:]
    assert "dnn-mtl gained .000 (equal on 7 speakers; pooled +.000, 95 % CI" in within


def test_single_system_is_not_ranked() -> None:
    run = alone([result("emodb/a", "svm", (5,) * 4)])
    assert texts_of(run)[1:] == [
        "Within each corpus (held-out speakers): svm reaches a UA of .500 (chance .250)."
    ]


def test_equal_systems_share_the_first_place() -> None:
    results = tuple(result("emodb/a", s, (5,) * 4) for s in ("dnn-stl", "lstm-stl"))
    run = alone(results)
    assert "dnn-stl and lstm-stl share the highest UA, .500 (chance .250)." in texts_of(run)[1]


def test_no_ranking_of_systems_tested_on_different_corpora() -> None:
    results = (result("a/1", "svm", (5,) * 4), result("b/1", "dnn-stl", (5,) * 4))
    run = alone(results)
    assert "no ranking, because no system has results for all folds." in texts_of(run)[1]


def test_system_with_missing_folds_is_not_ranked() -> None:
    results = (
        *(result(f"emodb/{n}", "svm", (5,) * 4) for n in "ab"),
        *(result(f"emodb/{n}", "dnn-stl", (6, 6, 6, 6)) for n in "ab"),
        result("emodb/a", "lstm-stl", (9,) * 4),
    )
    within = texts_of(alone(results))[1]
    assert "dnn-stl has the highest UA, .600 (chance .250), followed by svm" in within
    assert within.endswith("Not ranked because of missing folds: lstm-stl.")


def test_restarted_trainings_are_counted_and_listed() -> None:
    again = result("emodb/a", "dnn-stl", (5,) * 4, details={"restarted": "the loss became nan"})
    run = alone([again])
    assert (
        texts_of(run)[-1] == "Training diverged and was restarted with another seed for 1 result."
    )
    (table, *_) = protocol_section(run).tables
    assert [cell.text for cell in table.rows[0]] == [
        "within/emodb/a",
        "dnn-stl",
        "0",
        "the loss became nan",
    ]


def test_run_without_results() -> None:
    assert texts_of(Run({}, (), {}))[-1] == "No results yet."


def test_settings_are_flattened() -> None:
    settings = {"seeds": [0, 1], "model": {"elm": {"hidden": 120}, "lr": None}, "extra": {}}
    assert flatten_settings(settings) == {
        "seeds": "0, 1",
        "model.elm.hidden": "120",
        "model.lr": "none",
        "extra": "none",
    }


def test_lower_bound_of_p_is_at_most_one() -> None:
    assert [at_least(p).replace(NO_BREAK, " ") for p in (0.7741, 0.9996, 1.0)] == [
        "≥ .774",
        "= 1.000",
        "= 1.000",
    ]
