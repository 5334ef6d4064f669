"""The classes of every task, their order, and the way from a corpus's raw label to a class.

This is the only file that owns class names. A corpus says what its annotators wrote; the taxonomy
decides which class that is. The order of the classes is the paper's: neutral, happy, sad, angry.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from voxaffect.errors import CorpusError

MISSING = -1
"""Target of an utterance whose label for a task is not known; the loss leaves it out."""


class Labeled(Protocol):
    """What the taxonomy reads of an utterance."""

    @property
    def id(self) -> str:
        """Identity named in errors."""

    @property
    def corpus(self) -> str:
        """Name of the corpus, which may map a label in its own way."""

    @property
    def label(self) -> str:
        """Raw emotion label, as the corpus writes it."""

    @property
    def gender(self) -> str | None:
        """One of the classes of GENDER, or None."""

    @property
    def naturalness(self) -> str | None:
        """One of the classes of NATURALNESS, or None."""


@dataclass(frozen=True)
class Task:
    """One thing to be recognized.

    Args:
        name: the task's name, also the name of its head and of its target.
        classes: class names in their order; a class index counts along this tuple.
    """

    name: str
    classes: tuple[str, ...]

    @property
    def n_classes(self) -> int:
        """Number of classes C."""
        return len(self.classes)

    def index(self, name: str | None) -> int:
        """Class index of a class name, MISSING for None.

        Raises:
            CorpusError: the name is not one of the task's classes.
        """
        if name is None:
            return MISSING
        if name not in self.classes:
            raise CorpusError(f"{name!r} is no {self.name}: use one of {', '.join(self.classes)}")
        return self.classes.index(name)


EMOTION = Task("emotion", ("neutral", "happy", "sad", "angry"))
GENDER = Task("gender", ("female", "male", "female child", "male child"))
NATURALNESS = Task("naturalness", ("natural", "acted"))
TASKS: dict[str, Task] = {task.name: task for task in (EMOTION, GENDER, NATURALNESS)}

# Words that corpora use for an emotion, and the class of each; None excludes it, and is counted.
WORDS: dict[str, str | None] = {
    "neutral": "neutral",
    "happy": "happy",
    "happiness": "happy",
    "joy": "happy",
    "sad": "sad",
    "sadness": "sad",
    "angry": "angry",
    "anger": "angry",
    "calm": None,
    "boredom": None,
    "disgust": None,
    "fear": None,
    "fearful": None,
    "surprise": None,
    "surprised": None,
    # Near to a class, yet words of their own where they are used: left out, not guessed.
    "amused": None,
    "anxious": None,
    "apologetic": None,
    "assertive": None,
    "concerned": None,
    "contempt": None,
    "encouraging": None,
    "excited": None,
    "pleasant surprise": None,
    "sleepiness": None,
    # What annotators wrote where no class was theirs.
    "no agreement": None,
    "other": None,
    # AIBO, as the paper counts it: positive is motherese and joyful.
    "positive": "happy",
    "emphatic": None,
    "rest": None,
    # IEMOCAP, as the paper counts it: 595 happy turns, the 1,041 excited ones not among them.
    "frustrated": None,
    "disgusted": None,
    # LDC, one emotion a class: the paper's 139 angry, 180 happy and 161 sad utterances are each
    # about a fifteenth of the corpus, whose fifteen emotions hold cold anger, elation and despair
    # as words of their own.
    "hot anger": "angry",
    "cold anger": None,
    "elation": None,
    "despair": None,
    "panic": None,
    "anxiety": None,
    "interest": None,
    "shame": None,
    "pride": None,
}


@dataclass(frozen=True)
class Taxonomy:
    """Maps raw labels to classes.

    Args:
        words: label -> emotion class or None (excluded), for every corpus.
        per_corpus: corpus -> the same, for labels that one corpus uses in its own way.
    """

    words: Mapping[str, str | None] = field(default_factory=lambda: dict(WORDS))
    per_corpus: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for table in (self.words, *self.per_corpus.values()):
            for name in table.values():
                EMOTION.index(name)

    def emotion(self, utterance: Labeled) -> str | None:
        """Emotion class of an utterance, None where its label is excluded.

        Raises:
            CorpusError: no table knows the label.
        """
        label = utterance.label.strip().lower()
        own = self.per_corpus.get(utterance.corpus, {})
        for table in (own, self.words):
            if label in table:
                return table[label]
        raise CorpusError(self._unknown(utterance, label, {*own, *self.words}))

    def encode(self, utterance: Labeled) -> dict[str, int]:
        """Class index of an utterance in every task, MISSING where a label is not known."""
        return {
            EMOTION.name: EMOTION.index(self.emotion(utterance)),
            GENDER.name: GENDER.index(utterance.gender),
            NATURALNESS.name: NATURALNESS.index(utterance.naturalness),
        }

    def settings(self) -> dict[str, object]:
        """The mapping as plain values, for digests and saved recognizers."""
        return {
            "words": dict(sorted(self.words.items())),
            "per_corpus": {c: dict(sorted(t.items())) for c, t in sorted(self.per_corpus.items())},
        }

    @staticmethod
    def _unknown(utterance: Labeled, label: str, known: set[str]) -> str:
        near = difflib.get_close_matches(label, sorted(known), n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        return (
            f"{utterance.id}: the taxonomy does not know the label {utterance.label!r}{hint}; "
            f"map it under [taxonomy.{utterance.corpus}] to one of "
            f'{", ".join(EMOTION.classes)}, or to "exclude"'
        )
