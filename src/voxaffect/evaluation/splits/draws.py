"""A tenth of the data, drawn by a seed: spread over corpora and classes, or in whole speakers.

Nothing here depends on the order in which utterances are listed, nor on a library's generator:
what is shuffled is sorted by a hash of the seed and its own name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import FoldError
from voxaffect.taxonomy import EMOTION

Group = tuple[Utterance, ...]
Counts = NDArray[np.int64]

TENTHS = 10
"""Parts that data are dealt into; one of them is the dev set, and one aggregated's test set."""

N_DRAWS = 64
"""Draws among which the one is taken that leaves the fewest classes out."""


def class_of(utterance_id: str, label_of: Mapping[str, int]) -> int:
    """Emotion class of an utterance.

    Raises:
        FoldError: it has none.
    """
    label = label_of.get(utterance_id, -1)
    if not 0 <= label < EMOTION.n_classes:
        raise FoldError(f"{utterance_id}: has no emotion class; leave it out of the folds")
    return label


def deal(pool: Iterable[Utterance], label_of: Mapping[str, int], key: str) -> list[Group]:
    """Ten parts of nearly one size, each with its share of every corpus's every class.

    As cards are dealt: shuffled within each corpus and class, then handed out in turn.

    Args:
        pool: the utterances; fewer than ten make a part each.
        label_of: id -> emotion class.
        key: what the shuffle hangs on, such as the seed and the fold's name.

    Raises:
        FoldError: an utterance has no class.
    """
    cards = sorted(pool, key=lambda u: (u.corpus, class_of(u.id, label_of), _hash(key, u.id)))
    return [tuple(cards[i::TENTHS]) for i in range(min(TENTHS, len(cards)))]


def draw_share(
    pool: Iterable[Utterance], share: float, label_of: Mapping[str, int], key: str
) -> Group:
    """A share of every corpus's every class, rounded to whole utterances, one at least.

    Draws with one key are nested: a smaller share's utterances are among a larger one's.

    Args:
        pool: the utterances.
        share: above 0, at most 1.
        label_of: id -> emotion class.
        key: what the draw hangs on.

    Raises:
        FoldError: an utterance has no class.
    """
    strata: dict[tuple[str, int], list[Utterance]] = {}
    for u in sorted(pool, key=lambda u: _hash(key, u.id)):
        strata.setdefault((u.corpus, class_of(u.id, label_of)), []).append(u)
    kept = {stratum: max(1, int(share * len(group) + 0.5)) for stratum, group in strata.items()}
    return tuple(u for stratum, group in strata.items() for u in group[: kept[stratum]])


def by_speaker(pool: Iterable[Utterance]) -> list[Group]:
    """The utterances of each speaker, speakers and utterances sorted by name."""
    speakers: dict[str, list[Utterance]] = {}
    for u in sorted(pool, key=lambda u: (u.speaker, u.id)):
        speakers.setdefault(u.speaker, []).append(u)
    return [tuple(group) for group in speakers.values()]


def deal_speakers(pool: Iterable[Utterance], n_parts: int) -> list[Group]:
    """Parts of whole speakers and of nearly one size: each goes where there is least so far.

    Args:
        pool: the utterances; fewer speakers than parts make a part each.
        n_parts: parts at most.
    """
    speakers = sorted(by_speaker(pool), key=lambda group: (-len(group), group[0].speaker))
    parts: list[list[Utterance]] = [[] for _ in range(min(n_parts, len(speakers)))]
    for group in speakers:
        min(parts, key=len).extend(group)
    return [tuple(part) for part in parts]


def draw_tenth(groups: Sequence[Group], label_of: Mapping[str, int], key: str) -> Group:
    """Whole groups that hold about a tenth of all utterances, one group at least, never all.

    Of several draws the first is taken that leaves every class on both sides and is between half
    a tenth and one and a half; where there is none, the one that fails least, in this order:
    classes lost to the rest, classes lost to the tenth, size.

    Args:
        groups: two or more, disjoint.
        label_of: id -> emotion class.
        key: what the draw hangs on.
    """
    counts = np.array([_class_counts(group, label_of) for group in groups])  # (G, C)
    names = [group[0].id for group in groups]
    draws = [_draw(counts.sum(axis=1), names, f"{key} {n}") for n in range(N_DRAWS)]
    best = min(draws, key=lambda draw: _faults(counts, draw))
    return tuple(u for g in best for u in groups[g])


def _draw(sizes: Counts, names: Sequence[str], key: str) -> list[int]:
    """Groups in shuffled order, as many from the front as come nearest to a tenth."""
    order = sorted(range(len(names)), key=lambda g: _hash(key, names[g]))
    reached = np.cumsum(sizes[order])[:-1]
    n_nearest = int(np.argmin(np.abs(reached - sizes.sum() / TENTHS))) + 1
    return order[:n_nearest]


def _faults(counts: Counts, draw: list[int]) -> tuple[int, int, bool]:
    total, drawn = counts.sum(axis=0), counts[draw].sum(axis=0)
    lost_to_rest = int(np.sum((total > 0) & (drawn == total)))
    lost_to_tenth = int(np.sum((total > 0) & (drawn == 0)))
    tenths = TENTHS * drawn.sum() / total.sum()
    return lost_to_rest, lost_to_tenth, not 0.5 <= tenths <= 1.5


def _class_counts(group: Group, label_of: Mapping[str, int]) -> Counts:
    classes = [class_of(u.id, label_of) for u in group]
    return np.bincount(classes, minlength=EMOTION.n_classes).astype(np.int64)


def _hash(key: str, name: str) -> bytes:
    return hashlib.sha256(f"{key} {name}".encode()).digest()
