"""Utterances without audio, for tests of splits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st

from voxaffect.corpora.corpus import Utterance


def utterance(
    corpus: str,
    speaker: str,
    number: int = 0,
    *,
    naturalness: str | None = "acted",
    sentence: str | None = None,
    session: str | None = None,
) -> Utterance:
    return Utterance(
        id=f"{corpus}/{speaker}-{number:04d}",
        corpus=corpus,
        path=Path(f"{speaker}-{number:04d}.wav"),
        label="raw",
        speaker=f"{corpus}/{speaker}",
        naturalness=naturalness,
        sentence=sentence,
        session=session,
    )


def corpus_of(
    name: str, n_speakers: int = 5, n_each: int = 12, n_classes: int = 4
) -> tuple[list[Utterance], dict[str, int]]:
    """A corpus of equal speakers, and its labels: the classes in turn, styles in turn."""
    utterances = [
        utterance(
            name,
            f"{speaker:02d}",
            i,
            naturalness=("natural", "acted")[i // n_classes % 2],
            sentence=f"text {i % 3}",
            session=f"day {speaker // 2}",
        )
        for speaker in range(n_speakers)
        for i in range(n_each)
    ]
    return utterances, {u.id: i % n_classes for i, u in enumerate(utterances)}


def several(*names: str) -> tuple[list[Utterance], dict[str, int]]:
    """Several corpora of equal speakers."""
    corpora = [corpus_of(name) for name in names]
    return [u for c, _ in corpora for u in c], {
        i: c for _, known in corpora for i, c in known.items()
    }


@st.composite
def ragged(
    draw: st.DrawFn, names: Sequence[str] = ("a", "b", "c")
) -> tuple[list[Utterance], dict[str, int]]:
    """Corpora of any speakers, sizes, classes and styles, in any order."""
    speakers, styles = st.sampled_from(["01", "02", "03"]), st.sampled_from(["natural", "acted"])
    row = st.tuples(st.sampled_from(names), speakers, styles, st.integers(0, 3))
    rows = draw(st.lists(row, min_size=1, max_size=40))
    utterances = [
        utterance(corpus, speaker, i, naturalness=style)
        for i, (corpus, speaker, style, _) in enumerate(rows)
    ]
    return utterances, {u.id: row[-1] for u, row in zip(utterances, rows, strict=True)}
