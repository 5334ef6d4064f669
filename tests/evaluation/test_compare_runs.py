"""Comparison of runs that match, match in part, or do not match."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.report.runs import corpus, full_run, result, table_of
from voxaffect.errors import ConfigError, FoldError
from voxaffect.evaluation.compare_runs import compare_runs, differences, flatten, match
from voxaffect.evaluation.experiment.run import FoldResult, Run


def run(*results: FoldResult) -> Run:
    return full_run(results=results)


def folds(system: str, hits: list[int], **more: object) -> list[FoldResult]:
    return [result(f"emodb/{i}", system, (n,) * 4, **more) for i, n in enumerate(hits)]  # type: ignore[arg-type]


def without(found: FoldResult, *places: int) -> FoldResult:
    """A result that lacks some utterances."""
    kept = [i for i in range(len(found.ids)) if i not in places]
    return replace(
        found,
        ids=tuple(found.ids[i] for i in kept),
        y_true=found.y_true[kept],
        y_pred=found.y_pred[kept],
        probabilities=found.probabilities[kept],
        high_level=found.high_level[kept],
    )


def test_run_compared_with_itself_has_no_gain() -> None:
    found = compare_runs(full_run(), full_run())
    assert found.differences == ()
    assert found.matching.only_a == found.matching.only_b == ()
    assert found.matching.partial.empty
    assert len(found.matching.shared) == 14
    assert {(c.difference, c.effect, c.p_holm) for c in found.comparisons} == {(0, 0, 1)}
    assert {c.reference.removeprefix("A ") for c in found.comparisons} == {
        *("dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl", "svm")
    }


def test_gain_is_that_of_the_second_run() -> None:
    a, b = run(*folds("svm", [1, 2, 3, 4, 5, 6])), run(*folds("svm", [3, 4, 5, 6, 7, 9]))
    (found,) = compare_runs(a, b).comparisons
    assert (found.reference, found.system) == ("A svm", "B svm")
    assert (found.below, found.above) == pytest.approx((0.35, 34 / 60))
    assert found.difference == pytest.approx(13 / 60)
    assert found.p == pytest.approx(2 / 2**6)
    assert found.pooled is not None
    assert found.pooled.low > 0
    (swapped,) = compare_runs(b, a).comparisons
    assert (swapped.difference, swapped.effect) == (-found.difference, -1)


def test_only_shared_folds_are_compared_and_others_listed() -> None:
    a, b = run(*folds("svm", [1, 2, 3])), run(*folds("svm", [5, 5, 5, 5])[1:])
    found = compare_runs(a, b)
    assert [*found.matching.shared.index] == ["within/emodb/1", "within/emodb/2"]
    assert found.matching.only_a == ("within/emodb/0",)
    assert found.matching.only_b == ("within/emodb/3",)
    assert [c.n_pairs for c in found.comparisons] == [2]
    assert found.comparisons[0].below == pytest.approx(0.25)


def test_only_shared_utterances_of_the_same_class_are_compared() -> None:
    (a,) = folds("svm", [10])
    b = without(a, 0, 1)
    relabeled = b.y_true.copy()
    relabeled[-1] = 0
    b = replace(b, y_true=relabeled, ids=(*b.ids[:-2], "emodb/0/new", b.ids[-1]))
    found = compare_runs(run(a), run(b))
    assert found.matching.partial.to_numpy().tolist() == [[36, 3, 1, 1]]
    assert [(c.below, c.above) for c in found.comparisons] == [(1, 1)]
    assert len(found.matching.utterances) == 36


def test_runs_without_common_folds_or_systems_are_errors() -> None:
    a, b = run(*folds("svm", [5, 5])), run(result("emodb", "svm", (5,) * 4, protocol="cross"))
    with pytest.raises(FoldError, match=r"first has within/emodb/0 and 1 more, the second cross"):
        compare_runs(a, b)
    with pytest.raises(ConfigError, match="no system in common: the first has svm, the second n"):
        compare_runs(a, run())


def test_fold_with_other_utterances_is_not_shared() -> None:
    (a,) = folds("svm", [5])
    b = replace(a, ids=tuple(f"other/{i}" for i in range(len(a.ids))))
    found = match(table_of([a]), table_of([b]))
    assert found.shared.empty
    assert found.only_a == found.only_b == ("within/emodb/0",)
    with pytest.raises(FoldError, match="no test utterance"):
        compare_runs(run(a), run(b))


def test_pairs_of_systems_can_be_named() -> None:
    a, b = run(*folds("dnn-stl", [1, 2, 3])), run(*folds("dnn-mtl", [3, 4, 5]))
    with pytest.raises(ConfigError, match="no system in common"):
        compare_runs(a, b)
    with pytest.raises(
        ConfigError, match="second run has no results of svm, only of dnn-mtl; name"
    ):
        compare_runs(a, b, [("dnn-stl", "svm")])
    (found,) = compare_runs(a, b, [("dnn-stl", "dnn-mtl")]).comparisons
    assert (found.reference, found.system) == ("A dnn-stl", "B dnn-mtl")
    assert found.difference == pytest.approx(0.2)


def test_systems_of_one_run_only_are_listed() -> None:
    a, b = run(*folds("svm", [5, 5]), *folds("dnn-stl", [1, 1])), run(*folds("svm", [5]))
    found = compare_runs(a, b)
    assert found.alone == {"A": ("dnn-stl",), "B": ()}


def test_missing_result_leaves_its_fold_out_of_that_comparison_only() -> None:
    a = run(*folds("svm", [5, 5, 5]), *folds("dnn-stl", [5, 5, 5]))
    b = run(*folds("svm", [6, 6, 6]), *folds("dnn-stl", [6, 6, 6])[:2])
    found = compare_runs(a, b)
    assert {(x.systems[0], x.n_a, x.n_b, x.n_both) for x in found.answered} == {
        ("svm", 3, 3, 3),
        ("dnn-stl", 3, 2, 2),
    }
    assert {(c.system, c.n_pairs) for c in found.comparisons} == {("B svm", 3), ("B dnn-stl", 2)}


def test_different_seeds_are_averaged_and_listed() -> None:
    a = run(*folds("svm", [2, 4, 6]), *folds("svm", [4, 6, 8], seed=1))
    found = compare_runs(a, run(*folds("svm", [3, 5, 7], seed=7)))
    assert [(d.kind, d.a, d.b) for d in found.differences] == [("seeds", "0, 1", "7")]
    assert [(c.n_pairs, c.difference) for c in found.comparisons] == [(3, 0)]


def test_dict_is_valid_json() -> None:
    plain = compare_runs(full_run(), full_run()).to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert {fold["n_shared"] for fold in plain["matching"]["shared"]} <= {20, 30, 40, 80}
    assert np.isclose(plain["comparisons"][0]["above"], plain["comparisons"][0]["below"])


TWICE = [("svm", "svm")]


def found(a: Run, b: Run, systems: list[tuple[str, str]] = TWICE) -> set[tuple[str, ...]]:
    folds = set(a.results["fold"])
    return {(d.kind, d.name, d.a, d.b) for d in differences(a, b, systems, folds)}


def test_run_has_no_difference_from_itself() -> None:
    assert found(full_run(), full_run()) == set()


def test_differences_in_settings_have_dotted_names_of_compared_systems() -> None:
    a = replace(full_run(), settings={"seeds": [0], "systems": {"svm": {"c": 1, "system": "svm"}}})
    b = replace(
        a,
        settings={
            "seeds": [1],
            "systems": {"svm": {"c": 2, "kernel": {"name": "rbf"}}, "dnn-stl": {"hidden": 9}},
            "dev": "speakers",
        },
    )
    assert found(a, b) == {
        ("settings", "svm.c", "1", "2"),
        ("settings", "svm.kernel.name", "absent", "rbf"),
        ("settings", "dev", "absent", "speakers"),
    }
    assert ("settings", "svm and dnn-stl.hidden", "absent", "9") in found(
        a, b, [("svm", "dnn-stl")]
    )


def test_differences_in_corpora_seeds_and_versions() -> None:
    a = full_run()
    b = replace(
        a,
        corpora=(replace(a.corpora[0], digest="0123"), *a.corpora[1:], corpus("new", {"acted": 1})),
        results=a.results[a.results["seed"] == 1],
        versions={**a.versions, "torch": "2.14.0"},
    )
    assert found(a, b) == {
        ("corpora", "emodb digest", "fedcba9876543210", "0123"),
        ("corpora", "new utterances", "absent", "40"),
        ("corpora", "new digest", "absent", "fedcba9876543210"),
        ("seeds", "svm", "0, 1", "1"),
        ("versions", "torch", "2.13.0", "2.14.0"),
    }


def test_training_sets_of_different_size_are_listed_once() -> None:
    def run(n_train: int) -> Run:
        results = [
            result(f"emodb/{i}", "svm", (5,) * 4, details={"n_train": n_train, "n_dev": 9})
            for i in range(3)
        ]
        return full_run(results=results)

    assert found(run(100), run(90)) == {
        ("training data", "within/emodb/0 and 2 more", "100 train, 9 dev", "90 train, 9 dev")
    }


def test_flatten_gives_dotted_names() -> None:
    nested = {"a": {"b": {"c": 1}, "d": [1, 2]}, "e": None, "f": {}}
    assert flatten(nested) == {"a.b.c": 1, "a.d": [1, 2], "e": None, "f": {}}
