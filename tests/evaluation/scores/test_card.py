from __future__ import annotations

from dataclasses import replace

from tests.report.runs import full_run, result
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.scores.card import corpora_digest, folds_digest, protocol_card


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
