"""What a recogniser makes of utterances so far, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Turn(NamedTuple):
    """What is new of an utterance.

    Args:
        progress: what the hearing keeps of it.
        samples: float32 (n_samples,), the next, at the recording's own level.
        so_far: all samples in pieces, these too.
        gain: of the utterance so far; None while it is silent.
    """

    progress: Any
    samples: Floats
    so_far: Sequence[Floats]
    gain: np.float32 | None


class Verdict(NamedTuple):
    """What is said of an utterance so far.

    Args:
        probabilities: float64 (C,), of the emotion classes.
        subtasks: task -> float64 (C,), mean posterior.
        n_frames: frames that it rests on.
    """

    probabilities: NDArray[np.float64]
    subtasks: dict[str, NDArray[np.float64]]
    n_frames: int


P_co = TypeVar("P_co", covariant=True)


class Hearing(Protocol[P_co]):
    """One way of hearing utterances while they last."""

    def begin(self) -> P_co:
        """What is kept of a new utterance."""

    def advance(self, turns: Sequence[Turn], *, provisional: bool) -> list[Verdict | None]:
        """Hear what is new of some utterances.

        Args:
            turns: of utterances, each another.
            provisional: whether the verdicts rest also on what is not certain yet.

        Returns:
            None where nothing can be said.
        """
