"""The statement names all that is shared and nothing that is not."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.corpora import corpus_of, ragged, several, utterance
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import FoldError
from voxaffect.evaluation.folds import aggregated, cross, make_fold, within
from voxaffect.evaluation.leakage import leakage


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
    assert statement.sentence().startswith(
        "within/a/00: the test set shares 3 sentences, 1 session, 1 corpus with the training and "
        "dev data; the dev set shares 4 speakers, "
    )


def test_dev_speakers_are_heard_nowhere_else() -> None:
    utterances, labels = corpus_of("a")
    fold = within(utterances, labels, 0, dev="speakers")[0]
    assert leakage(fold, by_id(utterances)).dev.speakers == ()


def test_cross_shares_nothing_though_corpora_use_the_same_names() -> None:
    utterances, labels = several("a", "b")
    statement = leakage(cross(utterances, labels, 0)[0], by_id(utterances))
    assert "the test set shares nothing known with" in statement.sentence()


def test_the_styles_of_a_corpus_share_its_speakers() -> None:
    utterances, labels = several("emodb", "iemocap")
    fold = cross(utterances, labels, 0, split_style={"iemocap"})[1]
    statement = leakage(fold, by_id(utterances))
    assert fold.name == "cross/iemocap:acted"
    assert len(statement.test.speakers) == 5
    assert statement.test.corpora == ("iemocap",)


def test_speakers_of_unknown_name_are_said_to_be_unknown() -> None:
    speech = [utterance("mine", "?", i) for i in range(4)]
    labels = {u.id: i % 2 for i, u in enumerate(speech)}
    fold = make_fold(
        "aggregated", "aggregated", speech[:2], speech[2:3], speech[3:], label_of=labels
    )
    sentence = leakage(fold, by_id(speech)).sentence()
    assert sentence.endswith("with the training data; speakers of unknown name count as one.")


@settings(max_examples=50, deadline=None)
@given(ragged(), st.integers(0, 9))
def test_equals_a_count_by_hand(case: tuple[list[Utterance], dict[str, int]], seed: int) -> None:
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
