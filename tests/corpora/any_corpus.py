"""Random corpora, for tests of round trips through files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st

from voxaffect.corpora.corpus import Corpus, CorpusCard, Utterance, unique_ids
from voxaffect.taxonomy import GENDER, NATURALNESS

FILES = ("a, b.wav", "NA.wav", "NA.flac", "sub/ü.flac", "sub/\r.wav", " x/'null'.wav")

NO_VALUES = st.sampled_from(["NA", "null", "nan", "1", "true", "=", "-", "None"])
# An audformat header is YAML, whose writer folds its further line breaks into spaces.
FURTHER_BREAKS = "\x85\u2028\u2029"
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters=FURTHER_BREAKS)
TEXT = st.text(CHARACTERS, min_size=1).map(str.strip)
WORDS = (NO_VALUES | TEXT).filter(bool)
TIMES = st.floats(0, 1e5).map(lambda seconds: round(seconds, 4)) | st.sampled_from([1e-4, 2e-4])
SHARES = st.none() | st.floats(0, 1)


def make_files(root: Path) -> Path:
    """Write the files that `corpora` draws; a table checks only that they exist."""
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@st.composite
def utterances(draw: st.DrawFn, root: Path) -> Utterance:
    path = root / draw(st.sampled_from(FILES))
    start_s = draw(st.just(0.0) | TIMES)
    end_s = draw(st.none() | TIMES.map(lambda seconds: round(start_s + seconds + 1, 4)))
    return Utterance(
        id="",
        corpus="c",
        path=path,
        label=draw(WORDS),
        speaker=f"c/{draw(WORDS | st.just('?'))}",
        gender=draw(st.sampled_from([*GENDER.classes, None])),
        naturalness=draw(st.sampled_from([*NATURALNESS.classes, None])),
        language=draw(st.sampled_from(["Dutch", "Persian", "Mandarin and English", "Ga", None])),
        sentence=draw(st.none() | WORDS),
        session=draw(st.none() | WORDS),
        start_s=start_s,
        end_s=end_s,
        arousal=draw(SHARES),
        valence=draw(SHARES),
    )


def corpora(root: Path) -> st.SearchStrategy[Corpus]:
    """Corpora of some of the files below `root`, and of segments of them."""
    several = st.lists(
        utterances(root),
        min_size=1,
        max_size=8,
        unique_by=lambda u: (u.path, u.start_s, u.end_s),
    )
    return several.map(lambda found: corpus_of(root, with_ids(root, found)))


def with_ids(root: Path, found: Sequence[Utterance]) -> list[Utterance]:
    """The utterances with unique ids."""
    segments = [(u.path.relative_to(root), u.start_s, u.end_s) for u in found]
    ids = unique_ids("c", segments)
    return [replace(u, id=ids[segment]) for u, segment in zip(found, segments, strict=True)]


def corpus_of(root: Path, found: list[Utterance]) -> Corpus:
    card = CorpusCard(
        "c", "A corpus", "Dutch", "mixed", "CC BY 4.0", "A. Uthor, 2001", "https://c.org", {}, 0
    )
    return Corpus(card, root, tuple(sorted(found, key=lambda u: u.id)))
