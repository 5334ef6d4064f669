"""Interface of incremental decoders, and the interim predictions that are made of their output."""

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
    """New samples of an utterance.

    Args:
        progress: the decoder's state of the utterance.
        samples: float32 (n_samples,), the new ones, at the recording's own level.
        so_far: all samples in pieces, including these.
        gain: of the utterance so far; None while it is silent.
    """

    progress: Any
    samples: Floats
    so_far: Sequence[Floats]
    gain: np.float32 | None


class InterimPosterior(NamedTuple):
    """Output of a decoder for an utterance so far.

    Args:
        probabilities: float64 (C,), of the emotion classes.
        subtasks: task -> float64 (C,), mean posterior.
        n_frames: number of frames decoded.
    """

    probabilities: NDArray[np.float64]
    subtasks: dict[str, NDArray[np.float64]]
    n_frames: int


P_co = TypeVar("P_co", covariant=True)


class IncrementalDecoder(Protocol[P_co]):
    """Decode utterances while they last."""

    def begin(self) -> P_co:
        """State of a new utterance."""

    def advance(
        self, inputs: Sequence[StreamInput], *, provisional: bool
    ) -> list[InterimPosterior | None]:
        """Decode new samples of some utterances.

        Args:
            inputs: of different utterances.
            provisional: whether to use frames that are not final yet.

        Returns:
            for each its posterior, None where there is no frame.
        """


def interim_prediction(
    name: str, posterior: InterimPosterior | None, n_samples: int, grid: FrameGrid
) -> Prediction:
    """The prediction for an utterance so far.

    Args:
        name: of the utterance.
        posterior: of its frames; None where there are none yet, or all samples are silent.
        n_samples: number of samples that had been pushed.
        grid: position of the frames.
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
