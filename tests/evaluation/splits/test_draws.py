"""Stratified splits and draws of speakers, whatever the order of utterances."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.corpora import corpus_of, ragged, utterance
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import FoldError
from voxaffect.evaluation.splits.draws import by_speaker, deal, deal_speakers, draw_tenth

Case = tuple[list[Utterance], dict[str, int]]


@settings(max_examples=50, deadline=None)
@given(ragged())
def test_parts_are_stratified_by_corpus_and_class(case: Case) -> None:
    utterances, labels = case
    tenths = deal(utterances, labels, "key")
    assert sorted(u.id for t in tenths for u in t) == sorted(u.id for u in utterances)
    strata = [Counter((u.corpus, labels[u.id]) for u in tenth) for tenth in tenths]
    for stratum in {key for counter in strata for key in counter}:
        sizes = [counter[stratum] for counter in strata]
        assert max(sizes) - min(sizes) <= 1
    assert max(map(len, tenths)) - min(map(len, tenths)) <= 1


@settings(max_examples=50, deadline=None)
@given(ragged(), st.randoms(use_true_random=False), st.integers(0, 99))
def test_order_of_utterances_does_not_matter(case: Case, random: Random, seed: int) -> None:
    utterances, labels = case
    shuffled = list(utterances)
    random.shuffle(shuffled)
    assert deal(shuffled, labels, f"{seed}") == deal(utterances, labels, f"{seed}")
    assert by_speaker(shuffled) == by_speaker(utterances)


@settings(max_examples=50, deadline=None)
@given(ragged(), st.integers(0, 99))
def test_draw_takes_whole_groups_and_never_all(case: Case, seed: int) -> None:
    utterances, labels = case
    groups = [*by_speaker(utterances).values()]
    if len(groups) > 1:
        drawn = draw_tenth(groups, labels, f"{seed}")
        taken = {u.speaker for u in drawn}
        assert 0 < len(drawn) < len(utterances)
        assert len(drawn) == sum(u.speaker in taken for u in utterances)


@pytest.mark.parametrize("n_speakers", [2, 9, 23, 60])
def test_draw_of_equal_speakers_is_the_nearest_to_a_tenth(n_speakers: int) -> None:
    utterances, labels = corpus_of("a", n_speakers)
    drawn = by_speaker(draw_tenth([*by_speaker(utterances).values()], labels, "0"))
    assert len(drawn) == max(1, round(n_speakers / 10))


def test_seeds_draw_different_speakers() -> None:
    utterances, labels = corpus_of("a", 10)
    groups = [*by_speaker(utterances).values()]
    drawn = {draw_tenth(groups, labels, f"{seed}")[0].speaker for seed in range(60)}
    assert len(drawn) == 10


def test_class_is_on_both_sides_where_a_draw_allows_it() -> None:
    # Only speakers 09 and 10 have class "angry": one of them must be drawn, and the other not.
    utterances, labels = corpus_of("a", 11, n_classes=3)
    for u in utterances:
        if u.speaker in ("a/09", "a/10") and u.id.endswith(("0000", "0001")):
            labels[u.id] = 3
    for seed in range(20):
        drawn = {
            u.speaker for u in draw_tenth([*by_speaker(utterances).values()], labels, f"{seed}")
        }
        assert len(drawn & {"a/09", "a/10"}) == 1


def test_single_utterance_of_a_class_is_not_drawn() -> None:
    utterances, labels = corpus_of("a", 5, n_classes=3)
    labels[utterances[7].id] = 3
    for seed in range(30):
        drawn = draw_tenth(deal(utterances, labels, f"{seed}"), labels, f"{seed}")
        assert utterances[7] not in drawn


@pytest.mark.parametrize("labels", [{}, {"a/01-0000": -1}, {"a/01-0000": 4}])
def test_utterance_without_a_class_is_an_error(labels: dict[str, int]) -> None:
    with pytest.raises(FoldError, match="a/01-0000: has no emotion class"):
        deal([utterance("a", "01")], labels, "key")


@settings(max_examples=50, deadline=None)
@given(ragged(), st.randoms(use_true_random=False), st.integers(1, 7))
def test_parts_of_whole_speakers_are_of_similar_size(
    case: Case, random: Random, n_parts: int
) -> None:
    utterances, _ = case
    shuffled = random.sample(utterances, len(utterances))
    parts = deal_speakers(shuffled, n_parts)
    assert parts == deal_speakers(utterances, n_parts)
    assert sorted(u.id for part in parts for u in part) == sorted(u.id for u in utterances)
    speakers = [{u.speaker for u in part} for part in parts]
    assert sum(map(len, speakers)) == len(set().union(*speakers))
    assert len(parts) == min(n_parts, len(set().union(*speakers)))
    largest = max(Counter(u.speaker for u in utterances).values())
    assert max(map(len, parts)) - min(map(len, parts)) <= largest
