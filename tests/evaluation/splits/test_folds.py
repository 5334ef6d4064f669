"""Folds: rules of the protocols, how they are built, and errors."""

from __future__ import annotations

import pickle
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.corpora import corpus_of, ragged, several, utterance
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import FoldError
from voxaffect.evaluation.splits.folds import (
    Dev,
    Fold,
    Protocol,
    aggregated,
    cross,
    make_fold,
    within,
)

Case = tuple[list[Utterance], dict[str, int]]
Builder = Callable[[list[Utterance], dict[str, int], int], tuple[Fold, ...]]

BUILDERS: dict[str, Builder] = {
    "within": within,
    "within, dev speakers": lambda us, ls, seed: within(us, ls, seed, dev="speakers"),
    "cross": cross,
    "cross, dev speakers": lambda us, ls, seed: cross(us, ls, seed, dev="speakers"),
    "cross, styles": lambda us, ls, seed: cross(us, ls, seed, split_style={"a"}),
    "aggregated": lambda us, ls, seed: (aggregated(us, ls, seed),),
}
builders = st.sampled_from(list(BUILDERS.values()))


def sets(fold: Fold, utterances: list[Utterance]) -> list[list[Utterance]]:
    """Train, dev and test utterances of a fold."""
    by_id = {u.id: u for u in utterances}
    return [[by_id[i] for i in ids] for ids in (fold.train, fold.dev, fold.test)]


def altered(fold: Fold, case: Case, **changes: Any) -> Fold:
    """The fold with some of its sets changed."""
    utterances, labels = case
    return replace(fold, utterances={u.id: u for u in utterances}, label_of=labels, **changes)


@settings(max_examples=50, deadline=None)
@given(ragged(), builders, st.integers(0, 9))
def test_sets_are_disjoint_and_complete(case: Case, build: Builder, seed: int) -> None:
    utterances, labels = case
    try:
        folds = build(utterances, labels, seed)
    except FoldError:
        return
    tested: Counter[str] = Counter()
    for fold in folds:
        used = [*fold.train, *fold.dev, *fold.test]
        assert len(used) == len(set(used))
        assert set(used) == {u.id for u in utterances}
        assert min(len(fold.train), len(fold.dev), len(fold.test)) > 0
        assert len({labels[i] for i in fold.train}) > 1
        tested.update(fold.test)
    assert max(tested.values()) == 1, "no utterance is tested twice"


@settings(max_examples=50, deadline=None)
@given(ragged(["a"]), st.sampled_from(["utterances", "speakers"]))
def test_within_tests_speakers_who_are_in_no_other_set(case: Case, dev: Dev) -> None:
    utterances, labels = case
    try:
        folds = within(utterances, labels, 0, dev)
    except FoldError:
        return
    for fold in folds:
        train, stop, test = ({u.speaker for u in part} for part in sets(fold, utterances))
        assert test == {fold.test_name}
        assert not test & (train | stop)
        assert dev == "utterances" or not train & stop


@settings(max_examples=50, deadline=None)
@given(ragged(), st.sampled_from(["utterances", "speakers"]))
def test_cross_tests_corpora_that_are_in_no_other_set(case: Case, dev: Dev) -> None:
    utterances, labels = case
    try:
        folds = cross(utterances, labels, 0, dev)
    except FoldError:
        return
    for fold in folds:
        train, stop, test = sets(fold, utterances)
        assert {u.corpus for u in test} == {fold.test_name}
        assert fold.test_name not in {u.corpus for u in train + stop}
        assert dev == "utterances" or not {u.speaker for u in train} & {u.speaker for u in stop}


@settings(max_examples=50, deadline=None)
@given(ragged(), builders, st.integers(0, 9), st.randoms(use_true_random=False))
def test_order_of_utterances_does_not_matter(
    case: Case, build: Builder, seed: int, random: Random
) -> None:
    utterances, labels = case
    shuffled = list(utterances)
    random.shuffle(shuffled)
    try:
        folds = build(utterances, labels, seed)
    except FoldError:
        with pytest.raises(FoldError):
            build(shuffled, labels, seed)
    else:
        assert build(shuffled, labels, seed) == folds


def test_within_leaves_every_speaker_out_once() -> None:
    folds = within(*corpus_of("emodb", n_speakers=3), seed=0)
    assert [f.name for f in folds] == ["within/emodb/00", "within/emodb/01", "within/emodb/02"]
    assert [f.test_name for f in folds] == ["emodb/00", "emodb/01", "emodb/02"]


def test_cross_leaves_every_corpus_or_style_out_once() -> None:
    utterances, labels = several("emodb", "iemocap")
    plain = cross(utterances, labels, 0)
    assert [f.name for f in plain] == ["cross/emodb", "cross/iemocap"]
    split = cross(utterances, labels, 0, split_style=["iemocap"])
    assert [f.test_name for f in split] == ["emodb", "iemocap:acted", "iemocap:natural"]
    train, dev, test = sets(split[2], utterances)
    assert {u.naturalness for u in test} == {"natural"}
    trained = {(u.corpus, u.naturalness) for u in train + dev}
    assert trained == {("emodb", "natural"), ("emodb", "acted"), ("iemocap", "acted")}


def test_aggregated_is_80_10_10_percent_by_corpus_and_class() -> None:
    utterances, labels = several("a", "b")  # 60 utterances each, 15 a class
    fold = aggregated(utterances, labels, 0)
    assert (fold.name, fold.test_name) == ("aggregated", "aggregated")
    assert [len(part) for part in (fold.train, fold.dev, fold.test)] == [96, 12, 12]
    for part in sets(fold, utterances)[1:]:
        strata = Counter((u.corpus, labels[u.id]) for u in part)
        assert len(strata) == 8
        assert set(strata.values()) <= {1, 2}


def test_dev_utterances_are_a_tenth_by_corpus_and_class() -> None:
    utterances, labels = several("a", "b", "c")
    fold = cross(utterances, labels, 0)[0]
    _, dev, _ = sets(fold, utterances)
    assert len(dev) == 12
    strata = Counter((u.corpus, labels[u.id]) for u in dev)
    assert len(strata) == 8
    assert set(strata.values()) <= {1, 2}


def test_seed_changes_the_dev_set_only() -> None:
    utterances, labels = corpus_of("a")
    assert within(utterances, labels, 0)[0].dev != within(utterances, labels, 1)[0].dev
    assert within(utterances, labels, 0)[0].test == within(utterances, labels, 1)[0].test


def test_folds_can_be_pickled() -> None:
    fold = within(*corpus_of("a"), seed=0)[0]
    assert pickle.loads(pickle.dumps(fold)) == fold  # noqa: S301 our own bytes


@settings(max_examples=50, deadline=None)
@given(ragged(), builders, st.data())
def test_planted_leak_is_an_error(case: Case, build: Builder, data: st.DataObject) -> None:
    utterances, labels = case
    try:
        folds = build(utterances, labels, 0)
    except FoldError:
        return
    fold = folds[data.draw(st.integers(0, len(folds) - 1))]
    leaked = data.draw(st.sampled_from(fold.test))
    side = data.draw(st.sampled_from(["train", "dev"]))
    with pytest.raises(FoldError, match=r"is used 2 times; every utterance has one set"):
        altered(fold, case, **{side: (*getattr(fold, side), leaked)})
    if fold.protocol != "aggregated" and len(fold.test) > 1:
        rest = tuple(i for i in fold.test if i != leaked)
        moved = {"test": rest, side: (*getattr(fold, side), leaked)}
        with pytest.raises(FoldError, match="in the training or dev set; only the test set may"):
            altered(fold, case, **moved)


@pytest.mark.parametrize("side", ["train", "dev", "test"])
def test_empty_set_is_an_error(side: str) -> None:
    case = corpus_of("a")
    with pytest.raises(FoldError, match="set is empty"):
        altered(within(*case, seed=0)[0], case, **{side: ()})


def test_test_utterance_of_another_speaker_is_an_error() -> None:
    utterances, labels = corpus_of("a")
    of = [[u for u in utterances if u.speaker == f"a/{s:02d}"] for s in range(4)]
    with pytest.raises(FoldError, match=r"a/02-0000 is in the test set but not of a/03"):
        make_fold("within", "a/03", of[0], of[1], [*of[2], *of[3]], label_of=labels)


@pytest.mark.parametrize("protocol", ["within", "cross", "aggregated"])
def test_training_on_one_class_is_an_error(protocol: Protocol) -> None:
    one, two, three = (utterance(name, "01") for name in "abc")
    left_out = {"within": "c/01", "cross": "c", "aggregated": "aggregated"}[protocol]
    labels = {one.id: 2, two.id: 1, three.id: 0}
    with pytest.raises(FoldError, match=rf"{protocol}.*: all training data are sad"):
        make_fold(protocol, left_out, [one], [two], [three], label_of=labels)


def test_unknown_utterance_is_an_error() -> None:
    utterances, labels = corpus_of("a")
    fold = within(utterances, labels, 0)[0]
    with pytest.raises(FoldError, match=r"within/a/00: a/0.* is not an utterance"):
        replace(fold, utterances={}, label_of=labels)


@pytest.mark.parametrize("side", ["train", "dev", "test"])
def test_utterance_without_a_class_is_an_error(side: str) -> None:
    utterances, labels = corpus_of("a")
    fold = within(utterances, labels, 0)[0]
    gone = getattr(fold, side)[0]
    with pytest.raises(FoldError, match=f"{gone}: has no emotion class"):
        altered(fold, (utterances, {**labels, gone: -1}))


def test_within_needs_known_speakers() -> None:
    utterances, labels = corpus_of("mine")
    anonymous = replace(utterances[0], speaker="mine/?")
    with pytest.raises(FoldError, match=r"speaker of mine/00-0000 is not known.*leave mine out"):
        within([anonymous, *utterances[1:]], labels, 0)


@pytest.mark.parametrize("speaker", ["01", "?"])
def test_within_needs_two_speakers(speaker: str) -> None:
    alone = [utterance("mine", speaker, i) for i in range(20)]
    with pytest.raises(
        FoldError,
        match=rf"but the corpus has only mine/{re.escape(speaker)}; leave",
    ):
        within(alone, {u.id: i % 4 for i, u in enumerate(alone)}, 0)


def test_within_takes_one_corpus() -> None:
    with pytest.raises(FoldError, match="one corpus at a time, not a, b"):
        within(*several("a", "b"), seed=0)


def test_cross_needs_two_corpora() -> None:
    with pytest.raises(FoldError, match="but there is only a; add a corpus"):
        cross(*corpus_of("a"), seed=0)
    with pytest.raises(FoldError, match="but there is only none; add a corpus"):
        cross([], {}, seed=0)


def test_dev_speakers_need_two_speakers() -> None:
    utterances, labels = corpus_of("a", n_speakers=2)
    with pytest.raises(FoldError, match='data have 1; add data or choose dev = "utterances"'):
        within(utterances, labels, 0, dev="speakers")


def test_aggregated_needs_three_utterances() -> None:
    utterances, labels = corpus_of("a", n_speakers=1, n_each=2)
    with pytest.raises(FoldError, match="too few utterances \\(2\\) for three sets; add a corpus"):
        aggregated(utterances, labels, 0)
