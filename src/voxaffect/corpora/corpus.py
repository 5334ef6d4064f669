"""Dataset of utterances: their metadata, and the corpora they belong to; never samples."""

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
"""Where a corpus does not distinguish speakers: one name, so that no protocol counts many."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One labeled utterance: a recording, or a segment of a longer one.

    Args:
        id: corpus and path below its root, `emodb/wav/03a01Fa`, unique as by `unique_ids`.
        label: emotion as the corpus's annotators wrote it; `Taxonomy` maps it to a class.
        speaker: qualified by the corpus, `emodb/03`, since speaker names repeat across corpora.
        gender: a class of `taxonomy.GENDER`; this and the rest are None if not known.
        naturalness: a class of `taxonomy.NATURALNESS`.
        language: English name of the language.
        sentence: identity of the text, where the corpus scripts it.
        session: identity of the recording session or dialogue, where there is one.
        start_s: start of the segment in the file, in seconds.
        end_s: end of the segment in seconds, None for the end of the file.
        arousal: mean rating from 0 (calm) to 1 (excited).
        valence: mean rating from 0 (negative) to 1 (positive).
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


# A file below the corpus root, start and end in seconds; None for the end of the file.
Segment = tuple[PurePath, float, float | None]


def utterance_id(
    corpus: str,
    relative: PurePath,
    start_s: float = 0.0,
    end_s: float | None = None,
    *,
    exact: bool = False,
) -> str:
    """Id of the utterance in a file at `relative` below the corpus root, or in a segment of it.

    An exact id keeps the suffix and all decimals, and escapes `#` in a file name as in a URL.

    >>> utterance_id("emodb", PurePath("wav/03a01Fa.wav"))
    'emodb/wav/03a01Fa'
    >>> utterance_id("calls", PurePath("monday.flac"), 1.5, 4.25)
    'calls/monday#1.500-4.250'
    """
    decimals = "" if exact else ".3f"
    path = (relative if exact else relative.with_suffix("")).as_posix()
    if exact:
        path = path.replace("%", "%25").replace("#", "%23")
    if start_s == 0 and end_s is None:
        return f"{corpus}/{path}"
    end = "" if end_s is None else f"{end_s:{decimals}}"
    return f"{corpus}/{path}#{start_s:{decimals}}-{end}"


def unique_ids(corpus: str, segments: Iterable[Segment]) -> dict[Segment, str]:
    """A unique id for each segment, independent of their order.

    It is that of `utterance_id` wherever this is unique. Recordings that differ only in suffix, and
    segments that differ by less than a millisecond, keep suffix and decimals.

    >>> film, sound, other = (PurePath(name) for name in ("two.avi", "two.flac", "one.wav"))
    >>> list(unique_ids("calls", [(f, 0.0, None) for f in (film, sound, other)]).values())
    ['calls/two.avi', 'calls/two.flac', 'calls/one']
    """
    ids = {segment: utterance_id(corpus, *segment) for segment in segments}
    exact: set[Segment] = set()
    while True:  # more than once: `two.avi` may also be the short id of a `two.avi.wav`
        counts = Counter(ids.values())
        repeated = {segment for segment, name in ids.items() if counts[name] > 1} - exact
        if not repeated:
            return ids
        ids |= {segment: utterance_id(corpus, *segment, exact=True) for segment in repeated}
        exact |= repeated


@dataclass(frozen=True)
class CorpusCard:
    """Dataset card: what the full distribution of a corpus holds.

    Args:
        name: key in `CORPORA`, the prefix of ids and speakers.
        title: the corpus's full name.
        language: English name of the language.
        elicitation: acted, natural, or mixed (the utterance says which).
        license: terms in a few words.
        url: where to read about it and request it.
        labels: raw label -> number of utterances; this and other counts are empty or 0 if unknown.
        n_speakers: number of speakers, by default those in `speakers`.
        faults: known faults of the distribution, one sentence each.
        speakers: speaker, not qualified -> number of utterances.
        genders: class of `taxonomy.GENDER` -> number of utterances.
        styles: class of `taxonomy.NATURALNESS` -> number of utterances; by default all are of the
            elicitation, unless it is mixed.
    """

    name: str
    title: str
    language: str
    elicitation: Elicitation
    license: str
    citation: str
    url: str
    labels: Mapping[str, int] = field(default_factory=dict)
    n_speakers: int = 0
    faults: tuple[str, ...] = ()
    speakers: Mapping[str, int] = field(default_factory=dict)
    genders: Mapping[str, int] = field(default_factory=dict)
    styles: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.speakers and not self.n_speakers:
            object.__setattr__(self, "n_speakers", len(self.speakers))
        if self.labels and not self.styles and self.elicitation != "mixed":
            styles = {self.elicitation: sum(self.labels.values())}
            object.__setattr__(self, "styles", styles)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a loader could not use; reported, never dropped silently.

    Its kind, such as `duplicate`, the file or label line below the root, and what is wrong and done
    about it. A fault must be fixed before the corpus is what its card states; others are notes.
    """

    kind: str
    path: str
    detail: str
    is_fault: bool = False


@dataclass(frozen=True)
class Corpus:
    """A corpus found on disk: what it should be, its folder, utterances sorted by id, problems."""

    card: CorpusCard
    root: Path
    utterances: tuple[Utterance, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def name(self) -> str:
        """Name of the corpus."""
        return self.card.name

    @property
    def speakers(self) -> tuple[str, ...]:
        """Qualified speakers, sorted."""
        return tuple(sorted({u.speaker for u in self.utterances}))

    def renamed(self, name: str) -> Corpus:
        """The corpus under another name, with ids and speakers to match."""

        def moved(qualified: str) -> str:
            return f"{name}/{qualified.removeprefix(f'{self.name}/')}"

        utterances = tuple(
            replace(u, corpus=name, id=moved(u.id), speaker=moved(u.speaker))
            for u in self.utterances
        )
        return replace(self, card=replace(self.card, name=name), utterances=utterances)

    def select(self, keep: Callable[[Utterance], bool]) -> Corpus:
        """The corpus with only the utterances for which `keep` is true."""
        return replace(self, utterances=tuple(filter(keep, self.utterances)))

    def count(self, of: Callable[[Utterance], str | None]) -> Counter[str | None]:
        """Number of utterances by any property, such as `lambda u: u.label`."""
        return Counter(of(u) for u in self.utterances)

    def digest(self) -> str:
        """SHA-256 of the metadata of all utterances, 16 hex digits; independent of the root."""
        lines = sorted(
            json.dumps([u.id, u.label, u.speaker, u.gender, u.naturalness, u.start_s, u.end_s])
            for u in self.utterances
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
