"""Recognition tasks, their classes in order, and the mapping from raw corpus labels to classes.

This is the only file that owns class names: a corpus states what its annotators wrote, the taxonomy
decides the class. The order of the emotion classes is the paper's: neutral, happy, sad, angry.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from voxaffect.errors import CorpusError

MISSING = -1  # target where the label of a task is unknown; the loss ignores it


class _Labeled(Protocol):
    """What the taxonomy needs of an utterance."""

    @property
    def id(self) -> str: ...
    @property
    def corpus(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def gender(self) -> str | None: ...
    @property
    def naturalness(self) -> str | None: ...


@dataclass(frozen=True)
class Task:
    """Classification task: its name, also that of its head and target, and classes by index."""

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
            raise CorpusError(
                f"{name!r} is not a valid {self.name}; use one of {', '.join(self.classes)}"
            )
        return self.classes.index(name)


EMOTION = Task("emotion", ("neutral", "happy", "sad", "angry"))
GENDER = Task("gender", ("female", "male", "female child", "male child"))
NATURALNESS = Task("naturalness", ("natural", "acted"))
TASKS: dict[str, Task] = {task.name: task for task in (EMOTION, GENDER, NATURALNESS)}

# Close to a class, but distinct labels where they are used: excluded, not guessed. So are the
# labels for "none of the classes".
EXCLUDED = (
    *("calm", "boredom", "disgust", "fear", "fearful", "surprise", "surprised"),
    *("amused", "anxious", "apologetic", "assertive", "concerned", "contempt", "encouraging"),
    *("excited", "pleasant surprise", "sleepiness", "no agreement", "other"),
    *("emphatic", "rest"),  # AIBO
    *("frustrated", "disgusted"),  # IEMOCAP; the paper's 595 happy turns are without the excited
    # LDC: the paper's 139 angry, 180 happy and 161 sad utterances are each about a fifteenth of the
    # corpus, so cold anger, elation and despair, three of its fifteen emotions, were left out.
    *("cold anger", "elation", "despair", "panic", "anxiety", "interest", "shame", "pride"),
)

EMOTION_OF_LABEL: dict[str, str | None] = {
    "neutral": "neutral",
    **dict.fromkeys(("happy", "happiness", "joy"), "happy"),
    "positive": "happy",  # AIBO, as in the paper: motherese and joyful
    **dict.fromkeys(("sad", "sadness"), "sad"),
    **dict.fromkeys(("angry", "anger"), "angry"),
    "hot anger": "angry",  # LDC
    **dict.fromkeys(EXCLUDED),
}
"""Emotion class of each raw label; None excludes (and counts) the utterance."""


@dataclass(frozen=True)
class Taxonomy:
    """Mapping from raw labels to emotion classes, None to exclude; that of a corpus comes first."""

    words: Mapping[str, str | None] = field(default_factory=lambda: dict(EMOTION_OF_LABEL))
    per_corpus: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for table in (self.words, *self.per_corpus.values()):
            for name in table.values():
                EMOTION.index(name)

    def emotion(self, utterance: _Labeled) -> str | None:
        """Emotion class of an utterance, None if its label is excluded.

        Raises:
            CorpusError: the label is in no table.
        """
        label = utterance.label.strip().lower()
        known = {**self.words, **self.per_corpus.get(utterance.corpus, {})}
        if label in known:
            return known[label]
        near = difflib.get_close_matches(label, sorted(known), n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise CorpusError(
            f"{utterance.id}: unknown label {utterance.label!r}{hint}; map it under "
            f'[taxonomy.{utterance.corpus}] to one of {", ".join(EMOTION.classes)}, or to "exclude"'
        )

    def encode(self, utterance: _Labeled) -> dict[str, int]:
        """Class index of an utterance in every task, MISSING if unknown."""
        return {
            EMOTION.name: EMOTION.index(self.emotion(utterance)),
            GENDER.name: GENDER.index(utterance.gender),
            NATURALNESS.name: NATURALNESS.index(utterance.naturalness),
        }

    def settings(self) -> dict[str, object]:
        """JSON values of the mapping, for digests and saved recognizers."""
        return {
            "words": dict(sorted(self.words.items())),
            "per_corpus": {c: dict(sorted(t.items())) for c, t in sorted(self.per_corpus.items())},
        }
