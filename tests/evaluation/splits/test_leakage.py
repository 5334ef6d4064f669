"""Leakage check: everything that is shared, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.corpora import corpus_of, ragged, several, utterance
from voxaffect.corpora.corpus import Corpus, Utterance
from voxaffect.corpora.loaders.iemocap import parse
from voxaffect.errors import FoldError
from voxaffect.evaluation.splits.folds import Fold, aggregated, cross, make_fold, within
from voxaffect.evaluation.splits.leakage import LeakageStatement, leakage_statements
from voxaffect.evaluation.splits.near_duplicates import near_copies
from voxaffect.simulation.trees import simulate
from voxaffect.taxonomy import EMOTION, Taxonomy


def leakage(
    fold: Fold, utterances: Mapping[str, Utterance], contents: Mapping[str, str] | None = None
) -> LeakageStatement:
    return leakage_statements([fold], utterances, contents)[fold.name]


def by_id(utterances: list[Utterance]) -> dict[str, Utterance]:
    return {u.id: u for u in utterances}


def test_within_shares_texts_and_sessions_but_no_speaker() -> None:
    utterances, labels = corpus_of("a")
    statement = leakage(within(utterances, labels, 0)[0], by_id(utterances))
    assert statement.test.speakers == ()
    assert statement.test.sentences == ("a/text 0", "a/text 1", "a/text 2")
    assert statement.test.sessions == ("a/day 0",)  # of speakers 00 and 01
    assert statement.test.corpora == ("a",)
    assert statement.dev.speakers == ("a/01", "a/02", "a/03", "a/04")
    assert statement.plain()["test"]["sentences"] == [3, 3]


def test_dev_speakers_are_in_no_other_set() -> None:
    utterances, labels = corpus_of("a")
    fold = within(utterances, labels, 0, dev="speakers")[0]
    assert leakage(fold, by_id(utterances)).dev.speakers == ()


def test_cross_shares_nothing_even_if_corpora_use_the_same_names() -> None:
    utterances, labels = several("a", "b")
    statement = leakage(cross(utterances, labels, 0)[0], by_id(utterances))
    assert not any(n for n, _ in statement.test.plain().values())


def test_styles_of_a_corpus_share_its_speakers() -> None:
    utterances, labels = several("emodb", "iemocap")
    fold = cross(utterances, labels, 0, split_style={"iemocap"})[1]
    statement = leakage(fold, by_id(utterances))
    assert fold.name == "cross/iemocap:acted"
    assert len(statement.test.speakers) == 5
    assert statement.test.corpora == ("iemocap",)


def test_unknown_speakers_of_a_corpus_count_as_one() -> None:
    speech = [utterance("mine", "?", i) for i in range(4)]
    labels = {u.id: i % 2 for i, u in enumerate(speech)}
    fold = make_fold(
        "aggregated", "aggregated", speech[:2], speech[2:3], speech[3:], label_of=labels
    )
    shared = leakage(fold, by_id(speech)).test
    assert shared.speakers == ("mine/?",)
    assert shared.plain()["unnamed"] == [1, 1]


@settings(max_examples=50, deadline=None)
@given(ragged(), st.integers(0, 9))
def test_shared_names_equal_a_simple_count(
    case: tuple[list[Utterance], dict[str, int]], seed: int
) -> None:
    utterances, labels = case
    try:
        fold = aggregated(utterances, labels, seed)
    except FoldError:
        return
    known = by_id(utterances)
    statement = leakage(fold, known)
    for u in utterances:
        heard_in_both = any(known[i].speaker == u.speaker for i in fold.test) and any(
            known[i].speaker == u.speaker for i in (*fold.train, *fold.dev)
        )
        assert (u.speaker in statement.test.speakers) == heard_in_both


def one_fold(n: int = 9) -> tuple[Fold, dict[str, Utterance]]:
    """Utterances 0 to n - 3 are trained on, one is dev, the last is tested."""
    speech = [utterance("a", f"{i:02d}", i) for i in range(n)]
    labels = {u.id: i % 2 for i, u in enumerate(speech)}
    fold = make_fold(
        "aggregated", "aggregated", speech[:-2], speech[-2:-1], speech[-1:], label_of=labels
    )
    return fold, by_id(speech)


def test_planted_duplicate_is_found() -> None:
    fold, known = one_fold()
    contents = {i: i for i in known} | {fold.test[0]: "same", fold.train[3]: "same"}
    statement = leakage(fold, known, contents)
    assert statement.test.duplicates == fold.test
    assert statement.dev.duplicates == ()
    assert statement.test.plain()["duplicates"] == [1, 1]
    assert statement.test.plain()["corpora"] == [1, 1]


def test_near_duplicate_is_not_counted_as_duplicate() -> None:
    fold, known = one_fold()
    contents = {i: i for i in known} | {fold.dev[0]: "same", fold.train[0]: "same"}
    copies = {fold.test[0]: 5, fold.train[1]: 5, fold.dev[0]: 0, fold.train[0]: 0}
    statement = leakage_statements([fold], known, contents, copies)[fold.name]
    assert (statement.test.duplicates, statement.test.near_duplicates) == ((), fold.test)
    assert (statement.dev.duplicates, statement.dev.near_duplicates) == (fold.dev, ())
    assert statement.plain()["test"]["near_duplicates"] == [1, 1]


def test_unchecked_duplicates_are_counted_of_zero() -> None:
    fold, known = one_fold()
    plain = leakage(fold, known).plain()["test"]
    assert plain["duplicates"] == plain["near_duplicates"] == [0, 0]
    assert plain["sentences"] == plain["sessions"] == [0, 0]
    assert plain["speakers"] == [0, 1]


def test_segments_of_one_recording_share_its_file() -> None:
    fold, known = one_fold()
    whole = replace(known[fold.train[0]], start_s=0.0, end_s=2.0)
    part = replace(known[fold.test[0]], path=whole.path, start_s=1.0, end_s=3.0)
    statement = leakage(fold, known | {whole.id: whole, part.id: part})
    assert statement.test.files == (f"a/{whole.path}",)


def test_near_duplicate_frames_are_found_by_the_leakage_check() -> None:
    fold, known = one_fold()
    rng = np.random.default_rng(3)
    features = {i: rng.normal(size=(60, 4)).cumsum(axis=0).astype(np.float32) for i in known}
    features[fold.test[0]] = features[fold.train[2]][4:]
    contents = {i: i for i in known}
    copies = near_copies(features, contents)
    statement = leakage_statements([fold], known, contents, copies)[fold.name]
    assert statement.test.near_duplicates == fold.test
    assert statement.test.duplicates == ()


@pytest.fixture(scope="module")
def iemocap(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    root = simulate(tmp_path_factory.mktemp("trees"), seed=0, scale=0.2, corpora=["iemocap"])
    return parse(root["iemocap"])


def test_the_papers_two_parts_of_iemocap_share_speakers(iemocap: Corpus) -> None:
    """Its rows IN and IA: every speaker under test is trained on in the other style."""
    taxonomy = Taxonomy()
    used = [u for u in iemocap.utterances if taxonomy.emotion(u) is not None]
    labels = {u.id: EMOTION.index(taxonomy.emotion(u)) for u in used}
    folds = cross(used, labels, 0, split_style={"iemocap"})
    assert [fold.name for fold in folds] == ["cross/iemocap:acted", "cross/iemocap:natural"]
    for statement in leakage_statements(folds, by_id(used)).values():
        plain = statement.plain()["test"]
        assert plain["speakers"] == [len(iemocap.speakers), len(iemocap.speakers)]


@settings(max_examples=50, deadline=None)
@given(ragged(), st.integers(0, 9), st.integers(1, 6))
def test_duplicates_equal_a_simple_count(
    case: tuple[list[Utterance], dict[str, int]], seed: int, n_contents: int
) -> None:
    utterances, labels = case
    try:
        fold = aggregated(utterances, labels, seed)
    except FoldError:
        return
    contents = {u.id: str(n * n % n_contents) for n, u in enumerate(utterances) if n % 5}
    known = {contents.get(i) for i in (*fold.train, *fold.dev)} - {None}
    by_hand = tuple(i for i in fold.test if contents.get(i) in known)
    assert leakage(fold, by_id(utterances), contents).test.duplicates == by_hand
