"""Protocol card, and leakage of the folds of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.evaluation.data import make_dataset
from tests.report.runs import full_run, result, run_of, table_of
from voxaffect.evaluation.card import (
    corpora_digest,
    folds_digest,
    leakage_table,
    protocol_card,
)
from voxaffect.evaluation.experiment.experiment import Plan, run
from voxaffect.evaluation.experiment.run import FoldResult, Run, RunFolder
from voxaffect.systems.systems import SYSTEMS

PLAN = Plan(protocols=("within", "cross", "aggregated"), systems=(SYSTEMS["svm"],))


def test_only_kinds_with_names_of_folds_with_results_have_rows() -> None:
    stated = {"speakers": [0, 1], "sentences": [0, 0]}
    one = result("emodb/03", "svm", (5,) * 4)
    leakage = {one.fold: {"test": stated, "dev": stated}, "cross/emodb": {"test": stated}}
    found = leakage_table(run_of([one], leakage=leakage))
    within = ("within", "emodb", "within/emodb/03")
    assert [*found.itertuples(index=False, name=None)] == [
        (*within, "test", "speakers", 0, 1),
        (*within, "dev", "speakers", 0, 1),
    ]
    assert leakage_table(run_of([one])).empty


def test_run_has_the_leakage_of_every_fold_on_disk(tmp_path: Path) -> None:
    finished = run(PLAN, make_dataset(n_takes=2), (), RunFolder(tmp_path))
    assert set(finished.leakage) == set(finished.results["fold"])
    found = leakage_table(finished)
    assert found["protocol"].unique().tolist() == ["within", "cross", "aggregated"]
    tested = found[found["set"] == "test"].set_index(["protocol", "kind"])
    speakers, copies = (tested.xs(kind, level="kind") for kind in ("speakers", "near_duplicates"))
    assert len(speakers.loc["within"]) == 6
    assert speakers["test_set"].loc["cross"].tolist() == ["north", "south"]
    assert not speakers["n"].loc[["within", "cross"]].any()
    assert speakers["n"].loc["aggregated"] > 0
    assert set(copies["n"].loc["within"]) == {0}
    assert set(copies["of"].loc["within"]) == {8}


def test_card_has_counts_of_the_run() -> None:
    card = protocol_card(full_run())
    assert (card.n_results, card.n_failed, card.n_folds) == (140, 1, 14)
    assert card.seeds == (0, 1)
    assert card.systems == ("dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl", "svm")
    assert card.computing_s == 140 * 1.5


def test_empty_run_has_a_card() -> None:
    card = protocol_card(Run({}, (), {}))
    assert (card.n_results, card.seeds, card.systems) == (0, (), ())


def test_folds_digest_does_not_depend_on_systems_and_order() -> None:
    one, other = (result("emodb/a", system, (5,) * 4) for system in ("svm", "dnn-stl"))
    other_order = replace(other, ids=other.ids[::-1], seed=3)
    assert of_folds(one) == of_folds(other_order, one, other)


def of_folds(*results: FoldResult) -> str:
    return folds_digest(table_of(results))


def test_folds_digest_depends_on_names_and_utterances() -> None:
    one = result("emodb/a", "svm", (5,) * 4)
    fewer = result("emodb/a", "svm", (5,) * 3 + (-1,))
    renamed = replace(one, fold="within/emodb/b")
    assert len({of_folds(*r) for r in ([one], [fewer], [renamed], [one, renamed], [])}) == 5


def test_corpora_digest_depends_on_utterances_and_not_on_order() -> None:
    first, *others = full_run().corpora
    digests = corpora_digest([first, *others])
    assert digests == corpora_digest([*others, first])
    assert digests != corpora_digest([replace(first, digest="other"), *others])
