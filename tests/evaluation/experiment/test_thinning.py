"""Shares of training sets: stratified and nested, with unchanged dev and test sets."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.corpora import corpus_of, ragged, several
from tests.evaluation.data import assert_same, make_dataset
from voxaffect.corpora.corpus import Utterance
from voxaffect.evaluation.experiment.experiment import Plan, run
from voxaffect.evaluation.experiment.run import RunFolder
from voxaffect.evaluation.splits.draws import draw_share
from voxaffect.evaluation.splits.folds import Fold, aggregated, cross, thinned, within
from voxaffect.systems.systems import SYSTEMS

Case = tuple[list[Utterance], dict[str, int]]
SHARES = st.floats(0.01, 1.0)


def strata(pool: list[Utterance], labels: dict[str, int]) -> Counter[tuple[str, int]]:
    return Counter((u.corpus, labels[u.id]) for u in pool)


@settings(max_examples=60, deadline=None)
@given(ragged(), SHARES, st.randoms(use_true_random=False))
def test_share_is_stratified_to_half_an_utterance_and_at_least_one(
    case: Case, share: float, random: Random
) -> None:
    pool, labels = case
    left = draw_share(pool, share, labels, "key")
    before, after = strata(pool, labels), strata(list(left), labels)
    assert before.keys() == after.keys()
    for stratum, n in before.items():
        assert after[stratum] == 1 or abs(after[stratum] - share * n) <= 0.5 + 1e-9
    shuffled = list(pool)
    random.shuffle(shuffled)
    assert set(draw_share(shuffled, share, labels, "key")) == set(left)


@settings(max_examples=60, deadline=None)
@given(ragged(), SHARES, SHARES)
def test_smaller_share_is_a_subset_of_a_larger_one(case: Case, one: float, other: float) -> None:
    pool, labels = case
    small, large = (draw_share(pool, s, labels, "key") for s in sorted((one, other)))
    assert set(small) <= set(large)
    assert set(draw_share(pool, 1.0, labels, "key")) == set(pool)


def test_share_depends_on_the_seed() -> None:
    pool, labels = corpus_of("a", 10)
    assert len({frozenset(draw_share(pool, 0.1, labels, f"{seed}")) for seed in range(9)}) == 9


def folds() -> list[tuple[Fold, dict[str, Utterance], dict[str, int]]]:
    utterances, labels = several("a", "b", "c")
    by_id = {u.id: u for u in utterances}
    own = [u for u in utterances if u.corpus == "a"]
    built = (*within(own, labels, 0), *cross(utterances, labels, 0))
    return [(f, by_id, labels) for f in (*built, aggregated(utterances, labels, 0))]


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_thinned_fold_keeps_dev_and_test_sets_and_the_rule(share: float) -> None:
    for fold, by_id, labels in folds():
        left = thinned(fold, share, by_id, labels, seed=0)
        assert (left.dev, left.test, left.test_name) == (fold.dev, fold.test, fold.test_name)
        assert set(left.train) < set(fold.train)
        assert left.name == f"{fold.name}@{share}"
        assert left.train_share == share


def test_share_of_one_is_the_fold_itself() -> None:
    for fold, by_id, labels in folds():
        assert thinned(fold, 1.0, by_id, labels, seed=0) is fold


def test_shares_of_a_fold_are_nested() -> None:
    for fold, by_id, labels in folds():
        shares = [set(thinned(fold, s, by_id, labels, seed=0).train) for s in (0.1, 0.25, 0.5)]
        assert shares[0] < shares[1] < shares[2] < set(fold.train)


def test_thinned_results_are_separate_and_not_in_tables(tmp_path: Path) -> None:
    dataset = make_dataset(n_takes=6)
    plan = Plan(("within", "cross", "aggregated"), (SYSTEMS["svm"], SYSTEMS["majority"]))
    usual = run(plan, dataset, (), RunFolder(tmp_path / "usual"))
    found = run(
        replace(plan, train_shares=(0.25, 1.0)), dataset, (), RunFolder(tmp_path / "thinned")
    )
    assert_same(found.results, usual.results)
    assert usual.thinned.empty
    assert len(found.thinned) == len(found.results)
    names = ["test_name", "system", "utterance"]
    pd.testing.assert_frame_equal(
        found.thinned[names].astype(str), found.results[names].astype(str)
    )
    assert (found.thinned["fold"].astype(str) == found.results["fold"].astype(str) + "@0.25").all()
    trainings = found.trainings.sort_values(["test_name", "system", "train_share"])
    part, whole = (trainings[trainings["train_share"] == share] for share in (0.25, 1.0))
    assert (part["n_train"].to_numpy() < whole["n_train"].to_numpy() / 2).all()
    assert (part["n_dev"].to_numpy() == whole["n_dev"].to_numpy()).all()
