"""Whoever answers for recordings, and answers for several of which some may be faulty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from voxaffect.audio.decode import DecodeLimits
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError
from voxaffect.prediction import Prediction
from voxaffect.recording import Recording, waveform_of

Outcome = Prediction | AudioError
"""What is said of a recording, or why nothing can be."""


class Answering(Protocol):
    """Whatever answers for recordings, such as a `Recognizer`."""

    limits: DecodeLimits

    def predict(self, recordings: Sequence[Recording], /) -> list[Prediction]:
        """Answers for recordings, in their order.

        Raises:
            AudioError: one cannot be answered for.
        """


def answer_each(recognizer: Answering, recordings: Sequence[Recording]) -> list[Outcome]:
    """Answers for recordings in their order, computed together but for the faulty ones."""
    return answer_those(recognizer, [_heard(one, recognizer.limits) for one in recordings])


def answer_those(recognizer: Answering, heard: Sequence[Waveform | AudioError]) -> list[Outcome]:
    """Answers for waveforms, computed together; a fault in a waveform's place is its answer."""
    sound = [waveform for waveform in heard if isinstance(waveform, Waveform)]
    answers = iter(_together(recognizer, sound))
    return [next(answers) if isinstance(one, Waveform) else one for one in heard]


def _heard(recording: Recording, limits: DecodeLimits) -> Waveform | AudioError:
    try:
        return waveform_of(recording, limits)
    except AudioError as fault:
        return fault


def _together(recognizer: Answering, waveforms: Sequence[Waveform]) -> list[Outcome]:
    """Answers for waveforms; if one is silent or shorter than a frame, each is asked for alone."""
    try:
        return [*recognizer.predict(waveforms)]
    except AudioError as fault:
        if len(waveforms) == 1:
            return [fault]
    return [answer for waveform in waveforms for answer in _together(recognizer, [waveform])]
