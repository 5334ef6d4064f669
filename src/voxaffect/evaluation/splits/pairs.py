"""Pairwise overlap: what two groups of utterances share, also under different names.

Two names stand for one thing where an utterance under the one and an utterance under the other
have the same key. The rules and their keys are

    same corpus, same distribution: the name itself, without its corpus. Two loadings of one
        distribution name speakers, sentences and sessions alike; others do so by chance;
    same text: the words of a sentence, where it is given in words and not as a code;
    same recording: the decoded samples. Speaker and sentence of a copy are those of the original.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from operator import attrgetter
from typing import Literal

from voxaffect.corpora.corpus import Utterance

Rule = Literal["same corpus", "same distribution", "same text", "same recording"]

Name = Callable[[Utterance], str | None]  # name or key of an utterance, None where it has none


@dataclass(frozen=True)
class UtteranceGroup:
    """Utterances of one corpus or of one style of it; corpora of one title are one distribution."""

    name: str
    corpus: str
    title: str
    utterances: tuple[Utterance, ...]


@dataclass(frozen=True)
class Match:
    """One thing that is in both groups, by its name in each, and the rules that matched."""

    first: str
    second: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Pair:
    """What two groups share, as far as it is known.

    Args:
        speakers: speakers in both; those of unknown name count as one.
        recordings: ids of utterances with equal samples; of copies in one group, the first id.
    """

    first: str
    second: str
    speakers: tuple[Match, ...]
    sentences: tuple[Match, ...]
    sessions: tuple[Match, ...]
    recordings: tuple[Match, ...]

    def kinds(self) -> dict[str, tuple[Match, ...]]:
        """Kind -> what is shared."""
        kinds = ("speakers", "sentences", "sessions", "recordings")
        return {kind: getattr(self, kind) for kind in kinds}

    def rules(self) -> tuple[Rule, ...]:
        """Rules that matched anything, sorted."""
        matches = (match for shared in self.kinds().values() for match in shared)
        return tuple(sorted({rule for match in matches for rule in match.rules}))


def compare(first: UtteranceGroup, second: UtteranceGroup, contents: Mapping[str, str]) -> Pair:
    """What two groups share; an utterance without a hash of its samples equals no other."""

    def content(u: Utterance) -> str | None:
        return contents.get(u.id)

    def matches(name: Name, key: Name, *, text: bool = False) -> tuple[Match, ...]:
        """Pairs of names, one of each group, that any rule matches, sorted."""
        keys: dict[Rule, Name] = {}
        if first.corpus == second.corpus:
            keys["same corpus"] = key
        elif first.title == second.title:
            keys["same distribution"] = key
        elif text:
            keys["same text"] = _text
        keys["same recording"] = content
        found: dict[tuple[str, str], list[Rule]] = defaultdict(list)
        for rule, rule_key in keys.items():
            here, there = (_names(group, name, rule_key) for group in (first, second))
            both = here.keys() & there.keys()
            for names in {names for k in both for names in product(here[k], there[k])}:
                found[names].append(rule)
        return tuple(Match(*names, tuple(rules)) for names, rules in sorted(found.items()))

    here, there = (_names(group, attrgetter("id"), content) for group in (first, second))
    same = sorted((min(here[k]), min(there[k])) for k in here.keys() & there.keys())
    return Pair(
        first.name,
        second.name,
        speakers=matches(attrgetter("speaker"), lambda u: u.speaker.removeprefix(f"{u.corpus}/")),
        sentences=matches(attrgetter("sentence"), attrgetter("sentence"), text=True),
        sessions=matches(attrgetter("session"), attrgetter("session")),
        recordings=tuple(Match(*ids, ("same recording",)) for ids in same),
    )


def repeats(group: UtteranceGroup, contents: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Ids of utterances with the samples of an earlier one, and id of the first of them."""
    copies = _names(group, attrgetter("id"), lambda u: contents.get(u.id)).values()
    found = ((other, first) for first, *others in map(sorted, copies) for other in others)
    return tuple(sorted(found))


def _names(group: UtteranceGroup, name: Name, key: Name) -> dict[str, set[str]]:
    """Key -> names of the utterances that have it."""
    names = defaultdict(set)
    for u in group.utterances:
        own, shared = name(u), key(u)
        if own is not None and shared is not None:
            names[shared].add(own)
    return names


def _text(u: Utterance) -> str | None:
    """The words of a sentence, None for a code: a single word, or one with a digit."""
    words = re.findall(r"[^\W_]+", (u.sentence or "").casefold())
    is_text = len(words) > 1 and not any(c.isdigit() for word in words for c in word)
    return " ".join(words) if is_text else None
