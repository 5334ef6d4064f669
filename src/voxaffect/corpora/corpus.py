"""What was said and by whom: utterances, and the corpora that hold them. Never samples."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Literal

Elicitation = Literal["acted", "natural", "mixed"]

UNKNOWN_SPEAKER = "?"
"""Speaker `mine/?` of utterances whose corpus does not tell voices apart: one name for all, so that
no protocol takes them for many."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One labeled stretch of speech.

    Args:
        id: corpus and path below the corpus root without suffix, `emodb/wav/03a01Fa`; a segment
            of a longer recording appends `#start-end` in seconds. No two utterances collide: where
            they would, as `a.avi` beside `a.wav`, suffixes are kept (`distinct_ids`).
        corpus: name of the corpus.
        path: file that holds the speech.
        label: emotion as the corpus's annotators wrote it; `Taxonomy` maps it to a class.
        speaker: qualified by the corpus, `emodb/03`, since speaker names repeat across corpora.
        gender: a class of `taxonomy.GENDER`, or None where the corpus does not say.
        naturalness: a class of `taxonomy.NATURALNESS`, or None.
        language: English name of the language, or None.
        sentence: identity of the text that was spoken, where the corpus scripts it.
        session: identity of the recording session or dialogue, where there is one.
        start_s: beginning of the segment in the file, in seconds.
        end_s: end of the segment in seconds, None for the end of the file.
        arousal: mean of its raters, from 0 (calm) to 1 (excited), or None.
        valence: mean of its raters, from 0 (negative) to 1 (positive), or None.
    """

    id: str
    corpus: str
    path: Path
    label: str
    speaker: str
    gender: str | None = None
    naturalness: str | None = None
    language: str | None = None
    sentence: str | None = None
    session: str | None = None
    start_s: float = 0.0
    end_s: float | None = None
    arousal: float | None = None
    valence: float | None = None


Stretch = tuple[PurePath, float, float | None]
"""A file below the corpus root, and start and end in it in seconds; None for the file's own end."""


def utterance_id(
    corpus: str, relative: PurePath, start_s: float = 0.0, end_s: float | None = None
) -> str:
    """Id of the utterance in a file at `relative` below the corpus root, or in a segment of it.

    >>> utterance_id("emodb", PurePath("wav/03a01Fa.wav"))
    'emodb/wav/03a01Fa'
    >>> utterance_id("calls", PurePath("monday.flac"), 1.5, 4.25)
    'calls/monday#1.500-4.250'
    """
    name = f"{corpus}/{relative.with_suffix('').as_posix()}"
    if start_s == 0 and end_s is None:
        return name
    return f"{name}#{start_s:.3f}-{'' if end_s is None else f'{end_s:.3f}'}"


def distinct_ids(corpus: str, stretches: Iterable[Stretch]) -> dict[Stretch, str]:
    """An id for each of several stretches of speech, whatever their order.

    It is that of `utterance_id` wherever this is the stretch's alone. Recordings that differ in
    their suffix only, and segments that do in less than a millisecond, keep suffix and decimals.

    >>> film, sound, other = (PurePath(name) for name in ("two.avi", "two.flac", "one.wav"))
    >>> list(distinct_ids("calls", [(f, 0.0, None) for f in (film, sound, other)]).values())
    ['calls/two.avi', 'calls/two.flac', 'calls/one']
    """
    ids = {stretch: utterance_id(corpus, *stretch) for stretch in stretches}
    exact: set[Stretch] = set()
    while alike := _alike(ids) - exact:  # `two.avi` may also be the short id of a `two.avi.wav`
        ids |= {stretch: _exact_id(corpus, *stretch) for stretch in alike}
        exact |= alike
    return ids


def _alike(ids: Mapping[Stretch, str]) -> set[Stretch]:
    n_of = Counter(ids.values())
    return {stretch for stretch, name in ids.items() if n_of[name] > 1}


def _exact_id(corpus: str, relative: PurePath, start_s: float, end_s: float | None) -> str:
    """No two stretches have the same; `#` in a file's name is written as in an address."""
    name = f"{corpus}/{relative.as_posix().replace('%', '%25').replace('#', '%23')}"
    if start_s == 0 and end_s is None:
        return name
    return f"{name}#{start_s}-{'' if end_s is None else end_s}"


@dataclass(frozen=True)
class CorpusCard:
    """What is known of a corpus before looking at a disk.

    Args:
        name: key in `CORPORA`, the prefix of ids and speakers.
        title: the corpus's full name.
        language: English name of the language.
        elicitation: acted, natural, or mixed (the utterance says which).
        license: terms in a few words.
        citation: authors, title, venue, year.
        url: where to read about it and ask for it.
        labels: raw label -> utterances in the full distribution; empty where none is promised.
        n_speakers: speakers in the full distribution; 0 where their number is not known.
        faults: known faults of the distribution, one sentence each.
        speakers: speaker, not qualified -> utterances; empty where not known.
        genders: class of `taxonomy.GENDER` -> utterances; empty where not known.
        styles: class of `taxonomy.NATURALNESS` -> utterances; empty where not known.
    """

    name: str
    title: str
    language: str
    elicitation: Elicitation
    license: str
    citation: str
    url: str
    labels: Mapping[str, int]
    n_speakers: int
    faults: tuple[str, ...] = ()
    speakers: Mapping[str, int] = field(default_factory=dict)
    genders: Mapping[str, int] = field(default_factory=dict)
    styles: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a tree that a loader could not use; reported, never dropped in silence.

    Args:
        kind: a short name such as `unmatched name`, `duplicate`, `empty file`.
        path: the file or label line concerned, relative to the corpus root.
        detail: one sentence: what is wrong and what happens to it.
        is_fault: whether it must be put right before the corpus can be used as its card says;
            otherwise it is worth knowing, no more.
    """

    kind: str
    path: str
    detail: str
    is_fault: bool = False


@dataclass(frozen=True)
class Corpus:
    """A corpus found on disk.

    Args:
        card: what it should be.
        root: folder it was read from.
        utterances: what it holds, sorted by id.
        problems: what could not be used.
    """

    card: CorpusCard
    root: Path
    utterances: tuple[Utterance, ...]
    problems: tuple[Problem, ...] = field(default=())

    @property
    def name(self) -> str:
        """Name of the corpus."""
        return self.card.name

    @property
    def speakers(self) -> tuple[str, ...]:
        """Qualified speakers, sorted."""
        return tuple(sorted({u.speaker for u in self.utterances}))

    def renamed(self, name: str) -> Corpus:
        """The corpus under another name, which ids and speakers then carry."""
        old = f"{self.name}/"
        utterances = tuple(
            replace(
                u,
                corpus=name,
                id=f"{name}/{u.id.removeprefix(old)}",
                speaker=f"{name}/{u.speaker.removeprefix(old)}",
            )
            for u in self.utterances
        )
        return replace(self, card=replace(self.card, name=name), utterances=utterances)

    def select(self, keep: Callable[[Utterance], bool]) -> Corpus:
        """The corpus with only the utterances for which `keep` is true."""
        chosen = tuple(u for u in self.utterances if keep(u))
        return Corpus(self.card, self.root, chosen, self.problems)

    def count(self, of: Callable[[Utterance], str | None]) -> Counter[str | None]:
        """Number of utterances by any property, such as `lambda u: u.label`."""
        return Counter(of(u) for u in self.utterances)

    def digest(self) -> str:
        """Hash of every utterance's metadata, independent of where the tree lies."""
        return utterances_digest(self.utterances)


def utterances_digest(utterances: Iterable[Utterance]) -> str:
    """SHA-256 over the metadata of utterances, 16 hex digits; paths do not count, ids do."""
    lines = sorted(
        json.dumps([u.id, u.label, u.speaker, u.gender, u.naturalness, u.start_s, u.end_s])
        for u in utterances
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
