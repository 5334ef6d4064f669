"""What is said of an utterance while it lasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.features.frames import FrameGrid
from voxaffect.recognizer.prediction import named
from voxaffect.taxonomy import EMOTION, TASKS

Floats = NDArray[np.float32]


class StreamInput(NamedTuple):
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


class InterimPosterior(NamedTuple):
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


class IncrementalDecoder(Protocol[P_co]):
    """One way of hearing utterances while they last."""

    def begin(self) -> P_co:
        """What is kept of a new utterance."""

    def advance(
        self, turns: Sequence[StreamInput], *, provisional: bool
    ) -> list[InterimPosterior | None]:
        """Hear what is new of some utterances.

        Args:
            turns: of utterances, each another.
            provisional: whether the verdicts rest also on what is not certain yet.

        Returns:
            None where nothing can be said.
        """


@dataclass(frozen=True)
class LiveAnswer:
    """What is said of an utterance so far.

    Args:
        label: the emotion class of the highest probability; None where nothing was heard yet: all
            samples are silent, or there are too few.
        probabilities: emotion class -> probability; empty where nothing was heard.
        subtasks: task -> class -> mean posterior, for the subtasks that the net has learned.
        heard_s: seconds of the utterance that the answer rests on.
        pushed_s: seconds of it that had been pushed.
    """

    label: str | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    subtasks: dict[str, dict[str, float]] = field(default_factory=dict)
    heard_s: float = 0.0
    pushed_s: float = 0.0


def answer_of(verdict: InterimPosterior | None, n_samples: int, grid: FrameGrid) -> LiveAnswer:
    """The answer for an utterance.

    Args:
        verdict: on its frames; None where nothing was heard.
        n_samples: that had been pushed.
        grid: where the frames lie.
    """
    pushed_s = n_samples / SAMPLE_RATE_HZ
    if verdict is None:
        return LiveAnswer(pushed_s=pushed_s)
    heard = (verdict.n_frames - 1) * grid.hop_samples + grid.window_samples
    return LiveAnswer(
        EMOTION.classes[int(verdict.probabilities.argmax())],
        named(EMOTION.classes, verdict.probabilities),
        {task: named(TASKS[task].classes, values) for task, values in verdict.subtasks.items()},
        heard / SAMPLE_RATE_HZ,
        pushed_s,
    )
