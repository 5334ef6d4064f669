"""What folds share is counted from the run's header, or read from what older results say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.data import make_dataset
from tests.report.runs import full_run, result
from voxaffect.evaluation.card import (
    Share,
    before_after,
    corpora_digest,
    exposures,
    folds_digest,
    protocol_card,
)
from voxaffect.evaluation.experiment.experiment import Plan, run
from voxaffect.evaluation.experiment.run import Run, RunFolder
from voxaffect.systems.systems import SvmSystem


def test_gains_are_told_by_class_and_by_speaker() -> None:
    truth = np.array([0, 1, 0, 1])
    before, after = np.array([0, 0, 0, 0]), np.array([0, 1, 0, 0])
    found = before_after(truth, before, after, np.array(["a", "a", "b", "b"]))
    assert (found.n, found.before, found.after) == (4, 0.5, 0.75)
    assert found.recalls == {"neutral": (1.0, 1.0), "happy": (0.0, 0.5)}
    assert found.speakers == {"a": (0.5, 1.0), "b": (0.5, 0.5)}
    assert (found.paired.n_better, found.paired.n_worse) == (1, 0)


def test_seven_speakers_who_all_gain_are_no_chance() -> None:
    truth = np.tile([0, 1], 7)
    speakers = np.repeat([*"abcdefg"], 2)
    found = before_after(truth, np.zeros(14, np.int64), truth, speakers)
    assert found.paired.p_value == pytest.approx(2 / 2**7)
    assert found.paired.reachable


OLD = (
    "within/emodb/03: the test set shares 2 sentences, 1 corpus with the training and dev data; "
    "the dev set shares 8 speakers, 1 sentence, 1 corpus with the training data."
)
PLAN = Plan(protocols=("within", "cross", "aggregated"), systems=(SvmSystem(),))


def of(*results: object, **leakage: object) -> Run:
    return Run({}, (), {}, tuple(results), leakage=leakage)  # type: ignore[arg-type]


def test_the_sentence_of_an_older_result_is_read() -> None:
    (exposure,) = exposures(of(result("emodb/03", "svm", (5,) * 4, details={"leakage": OLD})))
    (fold,) = exposure.folds
    assert fold.test == {
        "speakers": Share(0, None),
        "sentences": Share(2, None),
        "sessions": Share(0, None),
        "corpora": Share(1, None),
    }
    assert fold.dev["speakers"] == Share(8, None)
    assert fold.dev["sentences"] == Share(1, None)
    assert exposure.shares("duplicates") == ()


@pytest.mark.parametrize("details", [{}, {"leakage": "something else"}])
def test_a_result_that_says_nothing_known_shares_nothing_known(details: dict[str, str]) -> None:
    (exposure,) = exposures(of(result("emodb/03", "svm", (5,) * 4, details=details)))
    assert exposure.shares("speakers") == ()
    assert exposure.sharing("speakers") == ()


def test_what_has_no_name_is_not_known_to_be_shared() -> None:
    stated = {"speakers": [0, 1], "sentences": [0, 0]}
    one = result("emodb/03", "svm", (5,) * 4)
    run = replace(of(one), leakage={one.fold: {"test": stated, "dev": stated}})
    (exposure,) = exposures(run)
    assert exposure.shares("speakers") == (Share(0, 1),)
    assert exposure.shares("sentences") == ()


def test_a_run_states_the_leakage_of_every_fold_and_keeps_it_on_disk(tmp_path: Path) -> None:
    finished = run(PLAN, make_dataset(n_takes=2), (), RunFolder(tmp_path))
    assert set(finished.leakage) == {r.fold for r in finished.results}
    within, cross, aggregated = exposures(finished)
    assert (within.protocol, len(within.folds)) == ("within", 6)
    assert within.n_sharing("speakers") == cross.n_sharing("speakers") == 0
    assert aggregated.sharing("speakers") == ("aggregated",)
    assert cross.test_sets == ("north", "south")
    assert all(share == Share(0, 8) for share in within.shares("near_duplicates"))


def test_an_older_run_learns_of_its_leakage_by_being_evaluated_again(tmp_path: Path) -> None:
    """Nothing is computed anew: the header alone is written again."""
    dataset, folder = make_dataset(n_takes=2), RunFolder(tmp_path)
    first = run(PLAN, dataset, (), folder)
    names = [f"{path.parent.name}/{path.stem}" for path in tmp_path.glob("results/*/*")]
    folder.write_header(replace(first, leakage={}), names)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.glob("results/*/*")}
    assert folder.load().leakage == {}
    assert run(PLAN, dataset, (), folder).leakage == first.leakage
    assert {p: p.stat().st_mtime_ns for p in tmp_path.glob("results/*/*")} == before


def test_the_card_counts_what_there_is() -> None:
    card = protocol_card(full_run())
    assert (card.n_results, card.n_failed, card.n_folds) == (140, 1, 14)
    assert card.seeds == (0, 1)
    assert card.systems == ("dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl", "svm")
    assert card.computing_s == 140 * 1.5


def test_a_run_without_anything_has_a_card() -> None:
    card = protocol_card(Run({}, (), {}, ()))
    assert (card.n_results, card.seeds, card.systems) == (0, (), ())


def test_folds_are_the_same_whoever_is_tested_on_them_in_whatever_order() -> None:
    one, other = (result("emodb/a", system, (5,) * 4) for system in ("svm", "dnn-stl"))
    turned = replace(other, ids=other.ids[::-1], seed=3)
    assert folds_digest([one]) == folds_digest([turned, one, other])


def test_another_fold_name_or_utterance_is_another_digest() -> None:
    one = result("emodb/a", "svm", (5,) * 4)
    fewer = replace(one, ids=one.ids[:-1])
    renamed = replace(one, fold="within/emodb/b")
    assert len({folds_digest(r) for r in ([one], [fewer], [renamed], [one, fewer], [])}) == 5


def test_corpora_are_the_same_in_any_order_and_differ_by_their_utterances() -> None:
    first, *others = full_run().corpora
    digests = corpora_digest([first, *others])
    assert digests == corpora_digest([*others, first])
    assert digests != corpora_digest([replace(first, digest="other"), *others])
