"""What two groups of utterances have in common, also where each calls it by a name of its own.

Every rule is a join: two names stand for one thing where an utterance under the one and an
utterance under the other have the same key. The keys are

    same corpus, same distribution: the name itself, without the corpus before it. Two readings of
        one distribution call speakers, sentences and sessions alike; others do so by chance;
    same text: the words of a sentence, where it is given in words and not as a code;
    same recording: the decoded samples. Who speaks in a copy, and what, is who speaks in the
        original, and what.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Literal

from voxaffect.corpora.corpus import Utterance

Rule = Literal["same corpus", "same distribution", "same text", "same recording"]

Name = Callable[[Utterance], str | None]
"""A name or a key of an utterance, None where it has none."""


@dataclass(frozen=True)
class UtteranceGroup:
    """Utterances of one corpus: all, or those of one style.

    Args:
        name: `emodb`, or `iemocap:acted`.
        corpus: name of the corpus.
        title: full name of its distribution; equal titles are one distribution.
        utterances: what is compared.
    """

    name: str
    corpus: str
    title: str
    utterances: tuple[Utterance, ...]


@dataclass(frozen=True)
class Match:
    """One thing that is in both groups.

    Args:
        first: its name in the first group.
        second: its name in the second.
        rules: what it was recognized by, one rule at least.
    """

    first: str
    second: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Pair:
    """What two groups share; nothing that is known, where all are empty.

    Args:
        first: name of the first group.
        second: name of the second.
        speakers: voices heard in both; those whose names a corpus does not know count as one.
        sentences: texts spoken in both.
        sessions: recording sessions or dialogues in both.
        recordings: ids of utterances of equal samples; of copies in one group, the first id.
    """

    first: str
    second: str
    speakers: tuple[Match, ...]
    sentences: tuple[Match, ...]
    sessions: tuple[Match, ...]
    recordings: tuple[Match, ...]

    def kinds(self) -> dict[str, tuple[Match, ...]]:
        """What is shared, by kind: speakers, sentences, sessions and recordings."""
        return {
            "speakers": self.speakers,
            "sentences": self.sentences,
            "sessions": self.sessions,
            "recordings": self.recordings,
        }

    def rules(self) -> tuple[Rule, ...]:
        """The rules by which anything was recognized, sorted; none where nothing is shared."""
        matches = (match for shared in self.kinds().values() for match in shared)
        return tuple(sorted({rule for match in matches for rule in match.rules}))


def compare(first: UtteranceGroup, second: UtteranceGroup, contents: Mapping[str, str]) -> Pair:
    """What two groups share.

    Args:
        first: one group.
        second: another, of other utterances.
        contents: id -> hash of the decoded samples; an utterance without one equals no other.
    """
    origin = _origin(first, second)

    def content(u: Utterance) -> str | None:
        return contents.get(u.id)

    def called(name: Name) -> dict[Rule, Name]:
        return {origin: name} if origin else {}

    heard: dict[Rule, Name] = {"same recording": content}
    said: dict[Rule, Name] = {} if origin else {"same text": _text}
    matches = partial(_matches, first, second)
    return Pair(
        first.name,
        second.name,
        speakers=matches(_speaker, called(_unqualified) | heard),
        sentences=matches(_sentence, called(_sentence) | said | heard),
        sessions=matches(_session, called(_session) | heard),
        recordings=_recordings(first, second, content),
    )


def repeats(group: UtteranceGroup, contents: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Ids of utterances whose samples equal those of one before, and the id of the first such."""
    original: dict[str, str] = {}
    found = []
    for u in sorted(group.utterances, key=_id):
        content = contents.get(u.id)
        if content is not None and original.setdefault(content, u.id) != u.id:
            found.append((u.id, original[content]))
    return tuple(found)


def _origin(first: UtteranceGroup, second: UtteranceGroup) -> Rule | None:
    """Why the groups call things alike, None where they need not."""
    if first.corpus == second.corpus:
        return "same corpus"
    return "same distribution" if first.title == second.title else None


def _matches(
    first: UtteranceGroup, second: UtteranceGroup, name: Name, keys: Mapping[Rule, Name]
) -> tuple[Match, ...]:
    """Names, one of each group, that some rule takes for one thing, sorted."""
    found: dict[tuple[str, str], list[Rule]] = defaultdict(list)
    for rule, key in keys.items():
        here, there = _names(first, name, key), _names(second, name, key)
        same = {names for k in here.keys() & there.keys() for names in product(here[k], there[k])}
        for names in same:
            found[names].append(rule)
    return tuple(Match(*names, tuple(rules)) for names, rules in sorted(found.items()))


def _names(group: UtteranceGroup, name: Name, key: Name) -> dict[str, set[str]]:
    """Key -> names of the utterances that have it."""
    names = defaultdict(set)
    for u in group.utterances:
        called, shared = name(u), key(u)
        if called is not None and shared is not None:
            names[shared].add(called)
    return names


def _recordings(first: UtteranceGroup, second: UtteranceGroup, content: Name) -> tuple[Match, ...]:
    """A match for everything that was recorded, however many copies of it a group holds."""
    here, there = _names(first, _id, content), _names(second, _id, content)
    same = sorted((min(here[k]), min(there[k])) for k in here.keys() & there.keys())
    return tuple(Match(*ids, ("same recording",)) for ids in same)


def _id(u: Utterance) -> str:
    return u.id


def _speaker(u: Utterance) -> str:
    return u.speaker


def _unqualified(u: Utterance) -> str:
    return u.speaker.removeprefix(f"{u.corpus}/")


def _sentence(u: Utterance) -> str | None:
    return u.sentence


def _session(u: Utterance) -> str | None:
    return u.session


def _text(u: Utterance) -> str | None:
    """The words of a sentence, None for a code.

    Codes such as `a01`, `kids` or `english 3` name what another distribution calls otherwise; two
    words or more without a digit are a text.

    >>> from pathlib import Path
    >>> said = partial(Utterance, "ldc/1", "ldc", Path("1.sph"), "happy", "ldc/cc")
    >>> _text(said(sentence="December first!")), _text(said(sentence="english 3"))
    ('december first', None)
    """
    words = re.findall(r"[^\W_]+", (u.sentence or "").casefold())
    is_text = len(words) > 1 and not any(c.isdigit() for word in words for c in word)
    return " ".join(words) if is_text else None
