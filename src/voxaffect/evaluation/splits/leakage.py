"""Leakage check: what the training, dev and test sets of a fold have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from voxaffect.corpora.corpus import Utterance
from voxaffect.evaluation.metrics import Counts
from voxaffect.evaluation.splits.folds import UNKNOWN, Fold

NAMES: Mapping[str, Callable[[Utterance], str | None]] = {
    "speakers": lambda u: u.speaker,
    "sentences": lambda u: _qualified(u, u.sentence),
    "sessions": lambda u: _qualified(u, u.session),
    "corpora": lambda u: u.corpus,
    "files": lambda u: _qualified(u, str(u.path)),
}
"""Kind -> name of it for an utterance, None where the corpus does not state it."""

COPIES = ("duplicates", "near_duplicates")


@dataclass(frozen=True)
class Shared:
    """What two sets of utterances have in common, names sorted.

    Args:
        sessions: or dialogues.
        files: recordings of which both have a part.
        duplicates: utterances of the first set whose audio, byte for byte, is in the second too.
        near_duplicates: further utterances of the first set with a near copy in the second
            (`near_duplicates.near_copies`).
        unnamed: utterances of the first set whose speaker is not known.
        of: kind -> number in the first set, 0 where none is known; of the last three kinds the
            number of utterances checked.
    """

    speakers: tuple[str, ...]
    sentences: tuple[str, ...]
    sessions: tuple[str, ...]
    corpora: tuple[str, ...]
    files: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()
    near_duplicates: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    of: Mapping[str, int] = field(default_factory=dict)

    def plain(self) -> dict[str, list[int]]:
        """Kind -> number shared, and number in the first set."""
        kinds = (*NAMES, *COPIES, "unnamed")
        return {kind: [len(getattr(self, kind)), self.of.get(kind, 0)] for kind in kinds}


@dataclass(frozen=True)
class LeakageStatement:
    """What a fold's test set shares with training and dev data, and its dev set with training."""

    fold: str
    test: Shared
    dev: Shared

    def plain(self) -> dict[str, Any]:
        """The statement in numbers, as a run stores it."""
        return {"test": self.test.plain(), "dev": self.dev.plain()}


def leakage_statements(
    folds: Iterable[Fold],
    utterances: Mapping[str, Utterance],
    contents: Mapping[str, str] | None = None,
    copies: Mapping[str, int] | None = None,
) -> dict[str, LeakageStatement]:
    """Name of a fold -> its leakage statement, on names encoded as numbers for speed.

    By id, `contents` has the hash of the audio and `copies` the group of near duplicates
    (`near_copies`); None does not check for duplicates or near duplicates.
    """
    ids, spoken = pd.Index(list(utterances), dtype=object), utterances.values()
    columns: dict[str, list[object]] = {k: [name(u) for u in spoken] for k, name in NAMES.items()}
    columns["duplicates"] = [(contents or {}).get(i) for i in utterances]
    columns["near_duplicates"] = [(copies or {}).get(i) for i in utterances]
    # Codes int64 (N,), -1 where an utterance has no name, and the name of each code.
    coded = {kind: pd.factorize(np.array(names, object)) for kind, names in columns.items()}
    unnamed = np.array([u.speaker.endswith(UNKNOWN) for u in spoken], bool)

    def shared(first: Counts, second: Counts) -> Shared:
        found: dict[str, Iterable[str]] = {}
        of, in_both = {}, {}
        for kind, (codes, names) in coded.items():
            own = codes[first]
            known = own >= 0
            in_both[kind] = known & np.isin(own, codes[second], kind="table")
            if kind in NAMES:
                found[kind] = names[np.unique(own[in_both[kind]])]
                of[kind] = len(np.unique(own[known]))
            else:
                of[kind] = int(known.sum())
        same, nearly = (in_both[kind] for kind in COPIES)
        of["near_duplicates"] = 0 if copies is None else len(first)
        of["unnamed"] = len(first)
        rows = (same, nearly & ~same, unnamed[first])
        for kind, of_kind in zip((*COPIES, "unnamed"), rows, strict=True):
            found[kind] = ids[first[of_kind]]
        return Shared(**{kind: tuple(sorted(names)) for kind, names in found.items()}, of=of)

    def statement(fold: Fold) -> LeakageStatement:
        sets = (fold.train, fold.dev, fold.test)
        train, dev, test = (ids.get_indexer(pd.Index(one)) for one in sets)
        known = np.concatenate([train, dev])
        return LeakageStatement(fold.name, shared(test, known), shared(dev, train))

    return {fold.name: statement(fold) for fold in folds}


def _qualified(u: Utterance, name: str | None) -> str | None:
    """The name with its corpus, as other corpora may use it for something else."""
    if name is None or name.startswith(f"{u.corpus}/"):
        return name
    return f"{u.corpus}/{name}"
