"""What a fold's sets have in common: every score is to be read beside this statement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.corpora.corpus import Utterance
from voxaffect.evaluation.splits.folds import UNKNOWN, Fold
from voxaffect.evaluation.splits.near_duplicates import near_copies

Rows = NDArray[np.int64]

NAMES: Mapping[str, Callable[[Utterance], str | None]] = {
    "speakers": lambda u: u.speaker,
    "sentences": lambda u: _qualified(u, u.sentence),
    "sessions": lambda u: _qualified(u, u.session),
    "corpora": lambda u: u.corpus,
    "files": lambda u: _qualified(u, str(u.path)),
}
"""What has a name and may be in two sets; of a kind that a corpus does not name, None."""

COPIES = ("duplicates", "near_duplicates")
KINDS = (*NAMES, *COPIES, "unnamed")
"""All that a statement counts."""


@dataclass(frozen=True)
class Shared:
    """What two sets of utterances have in common, names sorted.

    Args:
        speakers: speakers heard in both.
        sentences: texts spoken in both.
        sessions: recording sessions or dialogues in both.
        corpora: corpora in both.
        files: recordings from which both have a stretch.
        duplicates: utterances of the first set whose audio, byte for byte, is in the second too.
        near_duplicates: others of it that are nearly in the second (`likeness.near_copies`).
        unnamed: utterances of the first set whose speaker is not known.
        of: kind -> how many the first set has, 0 where none is known; of the last three kinds the
            utterances that were looked at.
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

    def words(self) -> str:
        """What is shared, such as `10 sentences, 1 corpus`, or `nothing known`."""
        counts = [(len(getattr(self, kind)), kind) for kind in (*NAMES, *COPIES)]
        return ", ".join(_count(n, plural) for n, plural in counts if n) or "nothing known"

    def plain(self) -> dict[str, list[int]]:
        """Kind -> how many are shared, and how many the first set has."""
        return {kind: [len(getattr(self, kind)), self.of.get(kind, 0)] for kind in KINDS}


@dataclass(frozen=True)
class LeakageStatement:
    """What a fold's test and dev sets share with what they are to be independent of.

    Args:
        fold: name of the fold.
        test: shared by the test set with training and dev data.
        dev: shared by the dev set with training data.
    """

    fold: str
    test: Shared
    dev: Shared

    def sentence(self) -> str:
        """The statement in plain words."""
        doubt = (
            "; speakers of unknown name count as one"
            if any(s.endswith(UNKNOWN) for s in (*self.test.speakers, *self.dev.speakers))
            else ""
        )
        return (
            f"{self.fold}: the test set shares {self.test.words()} with the training and dev data; "
            f"the dev set shares {self.dev.words()} with the training data{doubt}."
        )

    def plain(self) -> dict[str, Any]:
        """The statement in numbers, as a run keeps it."""
        return {"test": self.test.plain(), "dev": self.dev.plain()}


class LeakageCounts:
    """Who and what every utterance of an experiment is, numbered so that folds are soon compared.

    Args:
        utterances: id -> utterance.
        contents: id -> hash of the audio; empty where copies are not to be looked for.
        copies: id -> group of recordings that are nearly the same, None where not looked for.
    """

    def __init__(
        self,
        utterances: Mapping[str, Utterance],
        contents: Mapping[str, str] | None = None,
        copies: Mapping[str, int] | None = None,
    ) -> None:
        self._ids = tuple(utterances)
        self._row = {i: n for n, i in enumerate(self._ids)}
        self._named = {
            kind: _Column.of(map(name, utterances.values())) for kind, name in NAMES.items()
        }
        contents, groups = contents or {}, copies or {}
        self._contents = _Column.of(contents.get(i) for i in self._ids)
        self._looked_for_copies = copies is not None
        self._copies = _Column.of(str(groups[i]) if i in groups else None for i in self._ids)
        self._unnamed = np.array([u.speaker.endswith(UNKNOWN) for u in utterances.values()], bool)

    @classmethod
    def of(
        cls,
        utterances: Mapping[str, Utterance],
        features: Mapping[str, NDArray[np.float32]],
        contents: Mapping[str, str],
    ) -> LeakageCounts:
        """The ledger of utterances whose frames are there: copies are looked for."""
        return cls(utterances, contents, near_copies(features, contents))

    def statement(self, fold: Fold) -> LeakageStatement:
        """The leakage statement of a fold of these utterances."""
        train, dev, test = (
            np.array([self._row[i] for i in ids], np.int64)
            for ids in (fold.train, fold.dev, fold.test)
        )
        known = np.concatenate([train, dev])
        return LeakageStatement(fold.name, self._shared(test, known), self._shared(dev, train))

    def _shared(self, these: Rows, those: Rows) -> Shared:
        same = self._contents.also_in(these, those)
        nearly = self._copies.also_in(these, those) & ~same
        of = {kind: column.count(these) for kind, column in self._named.items()}
        of["duplicates"] = int((self._contents.codes[these] >= 0).sum())
        of["near_duplicates"] = len(these) if self._looked_for_copies else 0
        of["unnamed"] = len(these)
        return Shared(
            **{kind: column.shared(these, those) for kind, column in self._named.items()},
            duplicates=self._named_rows(these[same]),
            near_duplicates=self._named_rows(these[nearly]),
            unnamed=self._named_rows(these[self._unnamed[these]]),
            of=of,
        )

    def _named_rows(self, rows: Rows) -> tuple[str, ...]:
        return tuple(sorted(self._ids[n] for n in rows.tolist()))


@dataclass(frozen=True)
class _Column:
    """A name of every utterance, by number.

    Args:
        codes: int64 (N,), -1 where an utterance has none.
        names: what the numbers stand for.
    """

    codes: Rows
    names: tuple[str, ...]

    @classmethod
    def of(cls, names: Iterable[str | None]) -> _Column:
        number: dict[str, int] = {}
        codes = [-1 if name is None else number.setdefault(name, len(number)) for name in names]
        return cls(np.array(codes, np.int64), tuple(number))

    def count(self, rows: Rows) -> int:
        """How many different names some utterances have."""
        return int(self._held(rows).sum())

    def shared(self, these: Rows, those: Rows) -> tuple[str, ...]:
        """Names that occur among both, sorted."""
        both = np.flatnonzero(self._held(these) & self._held(those))
        return tuple(sorted(self.names[n] for n in both.tolist()))

    def also_in(self, these: Rows, those: Rows) -> NDArray[np.bool_]:
        """Which of the first utterances have a name that occurs among the others too."""
        codes = self.codes[these]
        held = np.append(self._held(those), False)  # -1 looks at the end
        return held[codes]

    def _held(self, rows: Rows) -> NDArray[np.bool_]:
        held = np.zeros(len(self.names), np.bool_)
        codes = self.codes[rows]
        held[codes[codes >= 0]] = True
        return held


def leakage(
    fold: Fold, utterances: Mapping[str, Utterance], contents: Mapping[str, str] | None = None
) -> LeakageStatement:
    """The leakage statement of a single fold; near copies are not looked for.

    Args:
        fold: the fold.
        utterances: id -> utterance of all its sets.
        contents: id -> hash of the audio.
    """
    return LeakageCounts(utterances, contents).statement(fold)


def _qualified(u: Utterance, name: str | None) -> str | None:
    """A name that other corpora may use for something else, with its corpus before it."""
    if name is None or name.startswith(f"{u.corpus}/"):
        return name
    return f"{u.corpus}/{name}"


def _count(n: int, plural: str) -> str:
    singular = {"corpora": "corpus"}.get(plural, plural[:-1])
    return f"{n} {singular if n == 1 else plural}".replace("_", " ")
