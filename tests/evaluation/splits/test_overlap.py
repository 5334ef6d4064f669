"""Corpus overlap agrees with what an evaluation finds, whatever the order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.corpora import utterance
from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem, Utterance
from voxaffect.errors import CorpusError
from voxaffect.evaluation.splits.folds import cross
from voxaffect.evaluation.splits.overlap import Overlaps, Part, overlaps
from voxaffect.evaluation.splits.pairs import Pair
from voxaffect.taxonomy import EMOTION, Taxonomy

ALL = ("neutral", "happy", "sad", "angry")


def corpus(
    name: str, speech: Sequence[Utterance], *problems: Problem, title: str | None = None
) -> Corpus:
    card = CorpusCard(name, title or name, "German", "mixed", "", "", "", {}, 0)
    return Corpus(card, Path("/data") / name, tuple(speech), problems)


def speech_of(
    name: str,
    labels: Sequence[str] = ALL,
    *,
    n_each: int = 4,
    gender: str | None = "female",
    styles: Sequence[str] = ("acted",),
    language: str | None = "German",
) -> list[Utterance]:
    """Utterances of two speakers, every label in every style."""
    made: list[Utterance] = []
    for label in labels:
        for i in range(n_each):
            u = utterance(name, f"0{i % 2}", len(made), naturalness=styles[i % len(styles)])
            made.append(replace(u, label=label, gender=gender, language=language))
    return made


def compared(*corpora: Corpus, taxonomy: Taxonomy | None = None, **more: object) -> Overlaps:
    given = {"contents": {}, "unusable": {}, **more}
    return overlaps(corpora, taxonomy or Taxonomy(), **given)  # type: ignore[arg-type]


def part(found: Overlaps, name: str) -> Part:
    return next(part for part in found.parts if part.name == name)


def test_class_missing_in_training_is_reported() -> None:
    aibo = speech_of("aibo", ["neutral", "positive", "angry"], gender="female child")
    found = compared(corpus("aibo", aibo), corpus("emodb", speech_of("emodb")))
    assert part(found, "aibo").holds.emotions == {"neutral": 4, "happy": 4, "sad": 0, "angry": 4}
    assert part(found, "aibo").holds.genders["female child"] == 12
    left_out = {run.name: run for run in found.left_out}
    assert left_out["emodb"].missing_in_train["emotions"] == ("sad",)
    assert left_out["emodb"].missing_in_train["genders"] == ("female",)
    assert left_out["emodb"].untested == ()
    assert left_out["aibo"].untested == ("sad",)
    assert left_out["aibo"].missing_in_train["emotions"] == ()


def test_inventory_counts_ratings_languages_and_unknown_values() -> None:
    rated, *others = speech_of("a", gender=None, language=None)
    rated = replace(rated, arousal=0.5, valence=0.25, language="Urdu")
    held = part(compared(corpus("a", [rated, *others])), "a").holds
    assert (held.n_utterances, held.n_speakers) == (16, 2)
    assert (held.n_arousal, held.n_valence) == (1, 1)
    assert held.languages == {"Urdu": 1, "unknown": 15}
    assert held.genders["unknown"] == 16
    assert held.styles == {"natural": 0, "acted": 16, "unknown": 0}


def test_exclusions_have_the_rule_that_excludes() -> None:
    speech = speech_of("a", ["neutral", "happy", "boredom", "odd", "fear"])
    stray = [Problem("unmatched name", f"{i}.wav", "is no name, left out") for i in range(2)]
    silent = Problem("silent", speech[0].id, "is silent; leave it out", is_fault=True)
    found = compared(
        corpus("a", speech, *stray),
        taxonomy=Taxonomy(per_corpus={"a": {"odd": None}}),
        unusable={speech[0].id: silent},
    )
    assert [(e.why, e.n, e.labels) for e in found.excluded] == [
        ("unmatched name", 2, {}),
        ("[taxonomy.a]", 4, {"odd": 4}),
        ("no class by default", 8, {"boredom": 4, "fear": 4}),
        ("silent", 1, {}),
    ]
    assert found.excluded[0].example == "0.wav: is no name, left out"
    assert part(found, "a").holds.n_utterances == 7


def test_unknown_label_is_an_error() -> None:
    with pytest.raises(CorpusError, match=r"unknown label 'hapy'.*\[taxonomy.a\]"):
        compared(corpus("a", speech_of("a", ["hapy"])))


def test_split_styles_are_parts_that_share_speakers() -> None:
    a = corpus("a", speech_of("a", styles=("acted", "natural", "natural")))
    b = corpus("b", speech_of("b"))
    found = compared(a, b, split_style=("a",))
    assert [(p.name, p.corpus) for p in found.parts] == [
        ("a:acted", "a"),
        ("a:natural", "a"),
        ("b", "b"),
    ]
    assert [run.name for run in found.left_out] == ["a:acted", "a:natural", "b"]
    shared = {(pair.first, pair.second): pair for pair in found.pairs if pair.rules()}
    assert list(shared) == [("a:acted", "a:natural")]
    assert [m.first for m in shared["a:acted", "a:natural"].speakers] == ["a/00", "a/01"]
    assert found.left_out[0].leakage.test.speakers == ("a/00", "a/01")
    assert found.left_out[1].missing_in_train["styles"] == ("natural",)


def test_same_corpus_under_two_names_shares_everything() -> None:
    tree = corpus("emodb", speech_of("emodb"), title="EmoDB")
    again = tree.renamed("berlin")
    contents = {u.id: u.id.partition("/")[2] for c in (tree, again) for u in c.utterances}
    (pair,) = compared(tree, again, contents=contents).pairs
    assert pair.rules() == ("same distribution", "same recording")
    assert len(pair.recordings) == len(tree.utterances)
    assert {m.rules for m in pair.speakers} == {("same distribution", "same recording")}


def test_impossible_fold_is_reported_and_others_are_built() -> None:
    happy, mixed = corpus("a", speech_of("a", ["happy"])), corpus("b", speech_of("b"))
    found = compared(happy, mixed)
    assert [run.name for run in found.left_out] == ["a"]
    (sentence,) = found.refused
    assert sentence.startswith("cross/b: all training data are happy")


def test_single_corpus_is_described_without_folds() -> None:
    found = compared(corpus("a", speech_of("a")))
    assert (len(found.parts), found.left_out, found.pairs) == (1, (), ())
    assert "there is only a; add a corpus" in found.refused[0]


def test_corpus_without_usable_utterances_is_listed() -> None:
    found = compared(
        corpus("a", speech_of("a", ["fear"])), *(corpus(n, speech_of(n)) for n in "bc")
    )
    assert part(found, "a").holds.n_utterances == 0
    assert [run.name for run in found.left_out] == ["b", "c"]
    assert found.refused[0].startswith("a: no utterance has both a class and speech")


def test_sets_are_those_of_the_cross_protocol() -> None:
    corpora = [corpus(n, speech_of(n, n_each=n_each)) for n, n_each in (("a", 9), ("b", 14))]
    found = compared(*corpora, seed=3, dev="speakers")
    pool = [u for c in corpora for u in c.utterances]
    labels = {u.id: EMOTION.index(u.label) for u in pool}
    for run, fold in zip(found.left_out, cross(pool, labels, 3, "speakers"), strict=True):
        for held, ids in ((run.train, fold.train), (run.dev, fold.dev), (run.test, fold.test)):
            by_class = [sum(labels[i] == c for i in ids) for c in range(4)]
            assert list(held.emotions.values()) == by_class
            assert held.n_utterances == len(ids)


Case = tuple[list[Corpus], dict[str, str]]


@st.composite
def some_corpora(draw: st.DrawFn) -> Case:
    """Two or three small corpora that may share titles, sentences and recordings."""
    row = st.tuples(
        st.sampled_from([*ALL, "fear"]),
        st.sampled_from(["1", "2", "?"]),
        st.sampled_from(["natural", "acted"]),
        st.sampled_from([None, "a01", "kids talk"]),
        st.integers(0, 6),
    )
    corpora: list[Corpus] = []
    contents: dict[str, str] = {}
    for name in "abc"[: draw(st.integers(2, 3))]:
        speech = []
        for i, (label, who, style, said, content) in enumerate(draw(st.lists(row, max_size=9))):
            u = utterance(name, who, i, naturalness=style, sentence=said)
            speech.append(replace(u, label=label))
            contents |= {u.id: str(content)} if content else {}
        corpora.append(corpus(name, speech, title=draw(st.sampled_from(["EmoDB", name]))))
    return corpora, contents


def names_of(pair: Pair) -> set[str]:
    return {pair.first, pair.second}


@settings(max_examples=30, deadline=None)
@given(some_corpora())
def test_order_of_corpora_changes_order_only(case: Case) -> None:
    corpora, contents = case
    one = compared(*corpora, contents=contents, split_style=("a",))
    other = compared(*reversed(corpora), contents=contents, split_style=("a",))
    assert sorted(one.parts, key=lambda p: p.name) == sorted(other.parts, key=lambda p: p.name)
    assert sorted(one.left_out, key=lambda r: r.name) == sorted(
        other.left_out, key=lambda r: r.name
    )
    assert set(one.refused) == set(other.refused)
    assert {e.why: e.n for e in one.excluded if e.corpus == "a"} == {
        e.why: e.n for e in other.excluded if e.corpus == "a"
    }
    for pair in one.pairs:
        (same,) = (p for p in other.pairs if names_of(p) == names_of(pair))
        assert {k: len(v) for k, v in pair.kinds().items()} == {
            k: len(v) for k, v in same.kinds().items()
        }
        assert pair.rules() == same.rules()


@settings(max_examples=30, deadline=None)
@given(some_corpora())
def test_everything_in_a_leakage_statement_is_in_a_pair(case: Case) -> None:
    corpora, contents = case
    found = compared(*corpora, contents=contents, split_style=("a",))
    for run in found.left_out:
        near = [pair for pair in found.pairs if run.name in names_of(pair)]
        shared = {m.first for p in near for m in p.speakers if p.first == run.name}
        shared |= {m.second for p in near for m in p.speakers if p.second == run.name}
        assert set(run.leakage.test.speakers) <= shared


@settings(max_examples=10, deadline=None)
@given(some_corpora())
def test_dict_is_json_serializable(case: Case) -> None:
    corpora, contents = case
    plain = asdict(compared(*corpora, contents=contents))
    text = json.dumps(plain)
    assert json.dumps(json.loads(text)) == text
    assert [p["name"] for p in json.loads(text)["parts"]] == [c.name for c in corpora]
