"""Pairwise overlap: each rule matches what it should, whatever the order of groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.corpora import utterance
from voxaffect.corpora.corpus import Utterance
from voxaffect.evaluation.splits.pairs import Match, Pair, Rule, UtteranceGroup, compare, repeats

Contents = dict[str, str]


def group(
    corpus: str, *speech: Utterance, title: str | None = None, name: str | None = None
) -> UtteranceGroup:
    return UtteranceGroup(name or corpus, corpus, title or f"The {corpus} corpus", speech)


def mirrored(pair: Pair) -> Pair:
    """What comparing the two the other way round has to find."""

    def swap(matches: Iterable[Match]) -> tuple[Match, ...]:
        swapped = [Match(m.second, m.first, m.rules) for m in matches]
        return tuple(sorted(swapped, key=lambda m: (m.first, m.second)))

    kinds = {kind: swap(matches) for kind, matches in pair.kinds().items()}
    return Pair(pair.second, pair.first, **kinds)


def test_equal_names_in_different_distributions_are_not_matched() -> None:
    a, b = (utterance(c, "01", sentence="a01", session="1") for c in "ab")
    pair = compare(group("a", a), group("b", b), {a.id: "x", b.id: "y"})
    assert pair.rules() == ()
    assert not any(pair.kinds().values())


def test_distribution_loaded_twice_shares_its_names() -> None:
    a, b = (utterance(c, "01", sentence="a01", session="1") for c in "ab")
    c = utterance("b", "02", 1, sentence="b01")
    pair = compare(group("a", a, title="EmoDB"), group("b", b, c, title="EmoDB"), {})
    by_name: tuple[Rule, ...] = ("same distribution",)
    assert pair.speakers == (Match("a/01", "b/01", by_name),)
    assert pair.sentences == (Match("a01", "a01", by_name),)
    assert pair.sessions == (Match("1", "1", by_name),)
    assert pair.recordings == ()


def test_styles_of_a_corpus_match_speakers() -> None:
    a, b = utterance("a", "01", 0), utterance("a", "01", 1)
    pair = compare(group("a", a, name="a:acted"), group("a", b, name="a:natural"), {})
    assert (pair.first, pair.second) == ("a:acted", "a:natural")
    assert pair.speakers == (Match("a/01", "a/01", ("same corpus",)),)


def test_copy_has_the_speaker_of_the_original() -> None:
    a, b = utterance("a", "01", sentence="a01", session="1"), utterance("b", "xy", sentence="s7")
    pair = compare(group("a", a), group("b", b), {a.id: "x", b.id: "x"})
    rules: tuple[Rule, ...] = ("same recording",)
    assert pair.recordings == (Match(a.id, b.id, rules),)
    assert pair.speakers == (Match("a/01", "b/xy", rules),)
    assert pair.sentences == (Match("a01", "s7", rules),)
    assert pair.sessions == ()  # the second names none


def test_match_has_all_rules_that_match() -> None:
    a, b = utterance("a", "01"), utterance("b", "01")
    both = (group("a", a, title="EmoDB"), group("b", b, title="EmoDB"))
    (speaker,) = compare(*both, {a.id: "x", b.id: "x"}).speakers
    assert speaker.rules == ("same distribution", "same recording")


def test_copies_in_one_group_make_one_shared_recording() -> None:
    copies = [utterance("a", "01", i) for i in range(3)]
    others = [utterance("b", "01", i) for i in range(2)]
    contents = dict.fromkeys([u.id for u in (*copies, *others)], "x")
    pair = compare(group("a", *reversed(copies)), group("b", *others), contents)
    assert pair.recordings == (Match(copies[0].id, others[0].id, ("same recording",)),)


@pytest.mark.parametrize(
    ("first", "second", "is_shared"),
    [
        ("December first", "december first!", True),
        ("Kids are talking", "dogs are sitting", False),
        ("a01", "a01", False),
        ("english 3", "english 3", False),
        ("back", "back", False),
    ],
)
def test_texts_are_compared_across_distributions_and_codes_are_not(
    first: str, second: str, is_shared: bool
) -> None:
    a, b = utterance("a", "01", sentence=first), utterance("b", "01", sentence=second)
    found = compare(group("a", a), group("b", b), {}).sentences
    assert found == ((Match(first, second, ("same text",)),) if is_shared else ())


def test_repeats_refer_to_the_first_copy() -> None:
    speech = [utterance("a", "01", i) for i in range(4)]
    contents = {speech[0].id: "x", speech[1].id: "y", speech[2].id: "x"}
    assert repeats(group("a", *reversed(speech)), contents) == ((speech[2].id, speech[0].id),)


@st.composite
def groups(draw: st.DrawFn) -> tuple[UtteranceGroup, UtteranceGroup, Contents]:
    """Two groups of few names, so that much is shared, and what their recordings hold."""
    names = st.sampled_from(["1", "2", "3"])
    said = st.sampled_from([None, "a01", "kids talk", "Kids talk."])
    rows = st.lists(st.tuples(names, said, names, st.integers(0, 5)), max_size=8)
    contents: Contents = {}
    made = []
    for corpus in "ab":
        speech = []
        for i, (speaker, sentence, session, content) in enumerate(draw(rows)):
            u = utterance(corpus, speaker, i, sentence=sentence, session=session)
            contents |= {u.id: str(content)} if content else {}
            speech.append(u)
        title = draw(st.sampled_from(["EmoDB", corpus]))
        made.append(group(corpus, *speech, title=title))
    return made[0], made[1], contents


@settings(max_examples=60, deadline=None)
@given(groups())
def test_comparison_is_symmetric(case: tuple[UtteranceGroup, UtteranceGroup, Contents]) -> None:
    first, second, contents = case
    assert compare(second, first, contents) == mirrored(compare(first, second, contents))


@settings(max_examples=50, deadline=None)
@given(groups())
def test_order_of_utterances_does_not_matter(
    case: tuple[UtteranceGroup, UtteranceGroup, Contents],
) -> None:
    first, second, contents = case
    shuffled = replace(first, utterances=first.utterances[::-1])
    assert compare(shuffled, second, contents) == compare(first, second, contents)
    assert repeats(shuffled, contents) == repeats(first, contents)


@settings(max_examples=60, deadline=None)
@given(groups())
def test_recordings_equal_a_simple_count(
    case: tuple[UtteranceGroup, UtteranceGroup, Contents],
) -> None:
    first, second, contents = case
    hashes = [{contents[u.id] for u in g.utterances if u.id in contents} for g in (first, second)]
    assert len(compare(first, second, contents).recordings) == len(hashes[0] & hashes[1])
    n_known = sum(u.id in contents for u in first.utterances)
    assert len(repeats(first, contents)) == n_known - len(hashes[0])
