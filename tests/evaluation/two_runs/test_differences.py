from __future__ import annotations

from dataclasses import replace

from tests.report.runs import corpus, full_run, result
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.two_runs.differences import differences, flatten

TWICE = [("svm", "svm")]


def told(a: Run, b: Run, systems: list[tuple[str, str]] = TWICE) -> set[tuple[str, ...]]:
    folds = {r.fold for r in a.results}
    return {(d.kind, d.name, d.a, d.b) for d in differences(a, b, systems, folds)}


def test_a_run_does_not_differ_from_itself() -> None:
    assert told(full_run(), full_run()) == set()


def test_settings_differ_by_their_dotted_names_and_only_those_of_compared_systems() -> None:
    a = replace(full_run(), settings={"seeds": [0], "systems": {"svm": {"c": 1, "system": "svm"}}})
    b = replace(
        a,
        settings={
            "seeds": [1],
            "systems": {"svm": {"c": 2, "kernel": {"name": "rbf"}}, "dnn-stl": {"hidden": 9}},
            "dev": "speakers",
        },
    )
    assert told(a, b) == {
        ("settings", "svm.c", "1", "2"),
        ("settings", "svm.kernel.name", "absent", "rbf"),
        ("settings", "dev", "absent", "speakers"),
    }
    assert ("settings", "svm and dnn-stl.hidden", "absent", "9") in told(a, b, [("svm", "dnn-stl")])


def test_corpora_seeds_and_versions_differ_by_what_they_are() -> None:
    a = full_run()
    b = replace(
        a,
        corpora=(replace(a.corpora[0], digest="0123"), *a.corpora[1:], corpus("new", {"acted": 1})),
        results=tuple(r for r in a.results if r.seed == 1),
        versions={**a.versions, "torch": "2.14.0"},
    )
    assert told(a, b) == {
        ("corpora", "emodb digest", "fedcba9876543210", "0123"),
        ("corpora", "new utterances", "absent", "40"),
        ("corpora", "new digest", "absent", "fedcba9876543210"),
        ("seeds", "svm", "0, 1", "1"),
        ("versions", "torch", "2.13.0", "2.14.0"),
    }


def test_training_sets_of_another_size_are_told_once() -> None:
    def run(n_train: int) -> Run:
        results = [
            result(f"emodb/{i}", "svm", (5,) * 4, details={"n_train": n_train, "n_dev": 9})
            for i in range(3)
        ]
        return replace(full_run(), results=tuple(results))

    assert told(run(100), run(90)) == {
        ("training data", "within/emodb/0 and 2 more", "100 train, 9 dev", "90 train, 9 dev")
    }


def test_flat_names_are_dotted() -> None:
    nested = {"a": {"b": {"c": 1}, "d": [1, 2]}, "e": None, "f": {}}
    assert flatten(nested) == {"a.b.c": 1, "a.d": [1, 2], "e": None, "f": {}}
