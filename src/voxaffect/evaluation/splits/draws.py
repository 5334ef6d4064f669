"""Random splits of utterances, stratified by corpus and class or by whole speakers.

Nothing depends on the order of the utterances, nor on a library's random generator: shuffling is
sorting by a hash of the seed and the name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

import numpy as np

from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import FoldError
from voxaffect.evaluation.metrics import Counts
from voxaffect.taxonomy import EMOTION

Group = tuple[Utterance, ...]
Labels = Mapping[str, int]
"""Id of an utterance -> emotion class."""

TENTHS = 10  # parts of a split; one of them is the dev set, and one the test set of aggregated


def class_of(utterance_id: str, label_of: Labels) -> int:
    """Emotion class of an utterance; a `FoldError` if it has none."""
    label = label_of.get(utterance_id, -1)
    if not 0 <= label < EMOTION.n_classes:
        raise FoldError(f"{utterance_id}: has no emotion class; leave it out of the folds")
    return label


def deal(pool: Iterable[Utterance], label_of: Labels, key: str) -> list[Group]:
    """Ten parts of nearly equal size, stratified by corpus and class; fewer than ten are one each.

    The shuffle is seeded by the key, such as a number and the fold's name. Raises as `class_of`.
    """
    ordered = sorted(pool, key=lambda u: (u.corpus, class_of(u.id, label_of), _hash(key, u.id)))
    return [tuple(ordered[i::TENTHS]) for i in range(min(TENTHS, len(ordered)))]


def draw_share(pool: Iterable[Utterance], share: float, label_of: Labels, key: str) -> Group:
    """A share (0 to 1) of each corpus and class, rounded to whole utterances, at least one.

    Draws with one key are nested: those of a smaller share are among those of a larger one. Raises
    as `class_of`.
    """
    strata: dict[tuple[str, int], list[Utterance]] = {}
    for u in sorted(pool, key=lambda u: _hash(key, u.id)):
        strata.setdefault((u.corpus, class_of(u.id, label_of)), []).append(u)
    kept = {stratum: max(1, int(share * len(group) + 0.5)) for stratum, group in strata.items()}
    return tuple(u for stratum, group in strata.items() for u in group[: kept[stratum]])


def grouped(pool: Iterable[Utterance], key: Callable[[Utterance], str]) -> dict[str, Group]:
    """Key -> utterances, both sorted by name."""
    ordered = sorted(pool, key=lambda u: (key(u), u.id))
    return {name: tuple(group) for name, group in groupby(ordered, key)}


def by_speaker(pool: Iterable[Utterance]) -> dict[str, Group]:
    """Speaker -> utterances, both sorted by name."""
    return grouped(pool, attrgetter("speaker"))


def deal_speakers(pool: Iterable[Utterance], n_parts: int) -> list[Group]:
    """At most n parts of whole speakers and of similar size: each speaker goes to the smallest."""
    speakers = sorted(by_speaker(pool).values(), key=lambda group: (-len(group), group[0].speaker))
    parts: list[list[Utterance]] = [[] for _ in range(min(n_parts, len(speakers)))]
    for group in speakers:
        min(parts, key=len).extend(group)
    return [tuple(part) for part in parts]


def draw_tenth(groups: Sequence[Group], label_of: Labels, key: str) -> Group:
    """Whole groups of several with about a tenth of all utterances, at least one, never all.

    The first of 64 draws is taken that has every class on both sides and between half a tenth and
    one and a half; otherwise the best by number of classes missing in the rest, of classes missing
    in the tenth, and size.
    """
    classes = [[class_of(u.id, label_of) for u in group] for group in groups]
    counts = np.array([np.bincount(c, minlength=EMOTION.n_classes) for c in classes])  # (G, C)
    names = [group[0].id for group in groups]
    draws = [_draw(counts.sum(axis=1), names, f"{key} {n}") for n in range(64)]
    best = min(draws, key=lambda draw: _faults(counts, draw))
    return tuple(u for g in best for u in groups[g])


def _draw(sizes: Counts, names: Sequence[str], key: str) -> list[int]:
    """First groups of a random order, as many as come nearest to a tenth."""
    order = sorted(range(len(names)), key=lambda g: _hash(key, names[g]))
    reached = np.cumsum(sizes[order])[:-1]
    n_nearest = int(np.argmin(np.abs(reached - sizes.sum() / TENTHS))) + 1
    return order[:n_nearest]


def _faults(counts: Counts, draw: list[int]) -> tuple[int, int, bool]:
    total, drawn = counts.sum(axis=0), counts[draw].sum(axis=0)
    missing_in_rest = int(np.sum((total > 0) & (drawn == total)))
    missing_in_tenth = int(np.sum((total > 0) & (drawn == 0)))
    tenths = TENTHS * drawn.sum() / total.sum()
    return missing_in_rest, missing_in_tenth, not 0.5 <= tenths <= 1.5


def _hash(key: str, name: str) -> bytes:
    return hashlib.sha256(f"{key} {name}".encode()).digest()
