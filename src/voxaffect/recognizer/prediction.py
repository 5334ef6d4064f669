"""What a recognizer says of one recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.decode import DecodeLimits, decode
from voxaffect.audio.quality import QualityWarning
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Utterance

Recording = Path | str | bytes | Waveform | Utterance
"""A file, an encoded file's bytes, samples, or an utterance, which may be a segment of a file."""


def waveform_of(recording: Recording, limits: DecodeLimits) -> Waveform:
    """The samples of a recording at 16 kHz.

    Raises:
        AudioError: it cannot be decoded, or is beyond a limit.
    """
    if isinstance(recording, Waveform):
        return recording
    if isinstance(recording, Utterance):
        return decode(
            recording.path,
            start_s=recording.start_s,
            end_s=recording.end_s,
            limits=limits,
            name=recording.id,
        )
    source = recording if isinstance(recording, bytes) else Path(recording)
    return decode(source, limits=limits)


UNFAMILIAR = 1.0
"""Novelty from which an answer is given with a warning; the recognizer states how many utterances
like those of its training corpora are beyond it."""


@dataclass(frozen=True)
class Prediction:
    """What the recognizer says of one recording.

    Args:
        name: the recording.
        label: the emotion class of the highest probability.
        probabilities: emotion class -> probability.
        subtasks: task -> class -> mean posterior, for the subtasks that the net has learned.
        timeline: float32 (T, C), posterior of each emotion class in each frame.
        times_s: float64 (T,), middle of each frame.
        duration_s: length of the recording.
        warnings: reasons to trust the answer less.
        novelty: distance from the training corpora, 1 at the limit of what is familiar; None where
            nothing tells.
    """

    name: str
    label: str
    probabilities: dict[str, float]
    subtasks: dict[str, dict[str, float]]
    timeline: NDArray[np.float32]
    times_s: NDArray[np.float64]
    duration_s: float
    warnings: tuple[QualityWarning, ...] = ()
    novelty: float | None = None


def unfamiliar(novelty: float) -> tuple[QualityWarning, ...]:
    """A caveat where an utterance lies beyond the limit of what is familiar."""
    if novelty <= UNFAMILIAR:
        return ()
    return (
        QualityWarning("unfamiliar", f"unlike the training corpora ({novelty:.1f} x the limit)"),
    )


def named(classes: Sequence[str], values: NDArray[Any]) -> dict[str, float]:
    """Values (C,) of some classes by the classes' names."""
    return dict(zip(classes, values.tolist(), strict=True))
