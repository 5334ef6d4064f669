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
KINDS = (*NAMES, *COPIES, "unnamed")


@dataclass(frozen=True)
class Shared:
    """What two sets of utterances have in common, names sorted.

    Args:
        sessions: recording sessions or dialogues in both.
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
        return {kind: [len(getattr(self, kind)), self.of.get(kind, 0)] for kind in KINDS}


@dataclass(frozen=True)
class LeakageStatement:
    """What the test and dev sets of a fold share with the data they should be independent of.

    Args:
        test: shared by the test set with training and dev data.
        dev: shared by the dev set with training data.
    """

    fold: str
    test: Shared
    dev: Shared

    def plain(self) -> dict[str, Any]:
        """The statement in numbers, as a run stores it."""
        return {"test": self.test.plain(), "dev": self.dev.plain()}


class LeakageCounts:
    """Leakage check of all folds of an experiment, on names encoded as numbers for speed.

    Args:
        utterances: id -> utterance.
        contents: id -> hash of the audio; None does not check for duplicates.
        copies: id -> group of near duplicates (`near_copies`); None does not check for them.
    """

    def __init__(
        self,
        utterances: Mapping[str, Utterance],
        contents: Mapping[str, str] | None = None,
        copies: Mapping[str, int] | None = None,
    ) -> None:
        self._ids = pd.Index(list(utterances), dtype=object)
        self._checks_copies = copies is not None
        columns: dict[str, list[object]] = {
            kind: [name(u) for u in utterances.values()] for kind, name in NAMES.items()
        }
        columns["duplicates"] = [(contents or {}).get(i) for i in utterances]
        columns["near_duplicates"] = [(copies or {}).get(i) for i in utterances]
        # Codes int64 (N,), -1 where an utterance has no name, and the name of each code.
        self._coded = {
            kind: pd.factorize(np.array(names, object)) for kind, names in columns.items()
        }
        self._unnamed = np.array([u.speaker.endswith(UNKNOWN) for u in utterances.values()], bool)

    def statement(self, fold: Fold) -> LeakageStatement:
        """Leakage statement of a fold of these utterances."""
        train, dev, test = (
            self._ids.get_indexer(pd.Index(ids)) for ids in (fold.train, fold.dev, fold.test)
        )
        known = np.concatenate([train, dev])
        return LeakageStatement(fold.name, self._shared(test, known), self._shared(dev, train))

    def _shared(self, first: Counts, second: Counts) -> Shared:
        shared: dict[str, Iterable[str]] = {}
        of, in_both = {}, {}
        for kind, (codes, names) in self._coded.items():
            own = codes[first]
            known = own >= 0
            in_both[kind] = known & np.isin(own, codes[second], kind="table")
            if kind in NAMES:
                shared[kind] = names[np.unique(own[in_both[kind]])]
                of[kind] = len(np.unique(own[known]))
            else:
                of[kind] = int(known.sum())
        same, nearly = (in_both[kind] for kind in COPIES)
        of["near_duplicates"] = len(first) if self._checks_copies else 0
        of["unnamed"] = len(first)
        rows = (same, nearly & ~same, self._unnamed[first])
        for kind, of_kind in zip((*COPIES, "unnamed"), rows, strict=True):
            shared[kind] = self._ids[first[of_kind]]
        return Shared(**{kind: tuple(sorted(names)) for kind, names in shared.items()}, of=of)


def _qualified(u: Utterance, name: str | None) -> str | None:
    """The name with its corpus, as other corpora may use it for something else."""
    if name is None or name.startswith(f"{u.corpus}/"):
        return name
    return f"{u.corpus}/{name}"
