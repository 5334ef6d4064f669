"""What is said of an utterance while it lasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.features.frames import FrameGrid
from voxaffect.recognizer.prediction import Prediction, named
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


def interim_prediction(
    name: str, posterior: InterimPosterior | None, n_samples: int, grid: FrameGrid
) -> Prediction:
    """The prediction for an utterance so far.

    Args:
        name: of the utterance.
        posterior: of its frames; None where there are none yet, or all samples are silent.
        n_samples: number of samples that had been pushed.
        grid: where the frames lie.
    """
    so_far = Prediction(name, start_s=0.0, end_s=n_samples / SAMPLE_RATE_HZ, is_final=False)
    if posterior is None:
        return so_far
    processed = (posterior.n_frames - 1) * grid.hop_samples + grid.window_samples
    return replace(
        so_far,
        label=EMOTION.classes[int(posterior.probabilities.argmax())],
        probabilities=named(EMOTION.classes, posterior.probabilities),
        subtasks={
            task: named(TASKS[task].classes, values) for task, values in posterior.subtasks.items()
        },
        duration_s=processed / SAMPLE_RATE_HZ,
    )
