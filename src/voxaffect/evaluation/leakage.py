"""What a fold's sets have in common: every score is to be read beside this statement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields

from voxaffect.corpora.corpus import Utterance
from voxaffect.evaluation.folds import UNKNOWN, Fold


@dataclass(frozen=True)
class Shared:
    """What two sets of utterances have in common, names sorted.

    Args:
        speakers: speakers heard in both.
        sentences: texts spoken in both.
        sessions: recording sessions or dialogues in both.
        corpora: corpora in both.
    """

    speakers: tuple[str, ...]
    sentences: tuple[str, ...]
    sessions: tuple[str, ...]
    corpora: tuple[str, ...]

    def words(self) -> str:
        """What is shared, such as `10 sentences, 1 corpus`, or `nothing known`."""
        counts = [(len(getattr(self, f.name)), f.name) for f in fields(self)]
        return ", ".join(_count(n, plural) for n, plural in counts if n) or "nothing known"


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


def leakage(fold: Fold, utterances: Mapping[str, Utterance]) -> LeakageStatement:
    """The leakage statement of a fold.

    Args:
        fold: the fold.
        utterances: id -> utterance of all its sets.
    """
    train, dev, test = ([utterances[i] for i in ids] for ids in (fold.train, fold.dev, fold.test))
    return LeakageStatement(fold.name, test=_shared(test, train + dev), dev=_shared(dev, train))


def _shared(these: list[Utterance], those: list[Utterance]) -> Shared:
    def both(name: Callable[[Utterance], str | None]) -> tuple[str, ...]:
        return tuple(sorted(_names(these, name) & _names(those, name)))

    return Shared(
        speakers=both(lambda u: u.speaker),
        sentences=both(lambda u: _qualified(u, u.sentence)),
        sessions=both(lambda u: _qualified(u, u.session)),
        corpora=both(lambda u: u.corpus),
    )


def _names(utterances: Iterable[Utterance], name: Callable[[Utterance], str | None]) -> set[str]:
    return {found for u in utterances if (found := name(u)) is not None}


def _qualified(u: Utterance, name: str | None) -> str | None:
    """A name that other corpora may use for something else, with its corpus before it."""
    if name is None or name.startswith(f"{u.corpus}/"):
        return name
    return f"{u.corpus}/{name}"


def _count(n: int, plural: str) -> str:
    singular = {"corpora": "corpus"}.get(plural, plural[:-1])
    return f"{n} {singular if n == 1 else plural}"
