"""Protocol card, and leakage from the run's header or from sentences of earlier versions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluation.data import make_dataset
from tests.report.runs import full_run, result
from voxaffect.evaluation.card import (
    Share,
    corpora_digest,
    folds_digest,
    leakage_by_protocol,
    protocol_card,
)
from voxaffect.evaluation.experiment.experiment import Plan, run
from voxaffect.evaluation.experiment.run import Run, RunFolder
from voxaffect.systems.systems import SYSTEMS

OLD = (
    "within/emodb/03: the test set shares 2 sentences, 1 corpus with the training and dev data; "
    "the dev set shares 8 speakers, 1 sentence, 1 corpus with the training data."
)
PLAN = Plan(protocols=("within", "cross", "aggregated"), systems=(SYSTEMS["svm"],))


def of(*results: object, **leakage: object) -> Run:
    return Run({}, (), {}, tuple(results), leakage=leakage)  # type: ignore[arg-type]


def test_sentence_of_an_earlier_version_is_parsed() -> None:
    (leakage,) = leakage_by_protocol(
        of(result("emodb/03", "svm", (5,) * 4, details={"leakage": OLD}))
    )
    (fold,) = leakage.folds
    assert fold.test == {
        "speakers": Share(0, None),
        "sentences": Share(2, None),
        "sessions": Share(0, None),
        "corpora": Share(1, None),
    }
    assert fold.dev["speakers"] == Share(8, None)
    assert fold.dev["sentences"] == Share(1, None)
    assert leakage.shares("duplicates") == ()


@pytest.mark.parametrize("details", [{}, {"leakage": "something else"}])
def test_result_without_a_statement_has_no_known_shares(details: dict[str, str]) -> None:
    (leakage,) = leakage_by_protocol(of(result("emodb/03", "svm", (5,) * 4, details=details)))
    assert leakage.shares("speakers") == ()
    assert leakage.sharing("speakers") == ()


def test_kind_without_names_has_no_known_shares() -> None:
    stated = {"speakers": [0, 1], "sentences": [0, 0]}
    one = result("emodb/03", "svm", (5,) * 4)
    run = replace(of(one), leakage={one.fold: {"test": stated, "dev": stated}})
    (leakage,) = leakage_by_protocol(run)
    assert leakage.shares("speakers") == (Share(0, 1),)
    assert leakage.shares("sentences") == ()


def test_run_has_the_leakage_of_every_fold_on_disk(tmp_path: Path) -> None:
    finished = run(PLAN, make_dataset(n_takes=2), (), RunFolder(tmp_path))
    assert set(finished.leakage) == {r.fold for r in finished.results}
    within, cross, aggregated = leakage_by_protocol(finished)
    assert (within.protocol, len(within.folds)) == ("within", 6)
    assert within.n_sharing("speakers") == cross.n_sharing("speakers") == 0
    assert aggregated.sharing("speakers") == ("aggregated",)
    assert cross.test_sets == ("north", "south")
    assert all(share == Share(0, 8) for share in within.shares("near_duplicates"))


def test_run_of_an_earlier_version_gets_its_leakage_when_evaluated_again(tmp_path: Path) -> None:
    """No result is computed again; only the header is written."""
    dataset, folder = make_dataset(n_takes=2), RunFolder(tmp_path)
    first = run(PLAN, dataset, (), folder)
    names = [f"{path.parent.name}/{path.stem}" for path in tmp_path.glob("results/*/*")]
    folder.write_header(replace(first, leakage={}), names)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.glob("results/*/*")}
    assert folder.load().leakage == {}
    assert run(PLAN, dataset, (), folder).leakage == first.leakage
    assert {p: p.stat().st_mtime_ns for p in tmp_path.glob("results/*/*")} == before


def test_card_has_counts_of_the_run() -> None:
    card = protocol_card(full_run())
    assert (card.n_results, card.n_failed, card.n_folds) == (140, 1, 14)
    assert card.seeds == (0, 1)
    assert card.systems == ("dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl", "svm")
    assert card.computing_s == 140 * 1.5


def test_empty_run_has_a_card() -> None:
    card = protocol_card(Run({}, (), {}, ()))
    assert (card.n_results, card.seeds, card.systems) == (0, (), ())


def test_folds_digest_does_not_depend_on_systems_and_order() -> None:
    one, other = (result("emodb/a", system, (5,) * 4) for system in ("svm", "dnn-stl"))
    other_order = replace(other, ids=other.ids[::-1], seed=3)
    assert folds_digest([one]) == folds_digest([other_order, one, other])


def test_folds_digest_depends_on_names_and_utterances() -> None:
    one = result("emodb/a", "svm", (5,) * 4)
    fewer = replace(one, ids=one.ids[:-1])
    renamed = replace(one, fold="within/emodb/b")
    assert len({folds_digest(r) for r in ([one], [fewer], [renamed], [one, fewer], [])}) == 5


def test_corpora_digest_depends_on_utterances_and_not_on_order() -> None:
    first, *others = full_run().corpora
    digests = corpora_digest([first, *others])
    assert digests == corpora_digest([*others, first])
    assert digests != corpora_digest([replace(first, digest="other"), *others])
