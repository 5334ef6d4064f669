"""What is asked of a recording, and how it is answered: the part of it that computes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from voxaffect.audio.decode import Recording, open_recording, read
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError
from voxaffect.listening.activity import Span
from voxaffect.listening.answering import Answering, answer_each
from voxaffect.listening.timeline import Timeline, timeline
from voxaffect.prediction import Prediction
from voxaffect.report.answers.answer import Answer, label_of
from voxaffect.report.answers.formats import FORMATS
from voxaffect.report.answers.json_lines import json_line, json_object
from voxaffect.serving.deadline import Deadline
from voxaffect.serving.settings import Limits
from voxaffect.serving.uploads import Upload


@dataclass(frozen=True)
class Question:
    """How a recording is to be answered for.

    Args:
        timeline: whether it is cut into utterances at its pauses.
        frames: whether the posterior of every frame is told.
        abstain: probability below which there is no label.
        form: a key of `FORMATS`.
    """

    timeline: bool = False
    frames: bool = False
    abstain: float | None = None
    form: str = "json"

    def answer(self, name: str, prediction: Prediction, span: Span | None = None) -> Answer:
        """A prediction under the name of the recording, or of an utterance of it."""
        label = label_of(prediction, self.abstain)
        if span is None:
            return Answer(name, label, prediction)
        return Answer(name, label, prediction, span.start_s, span.end_s)


def waveform_of_upload(upload: Upload, limits: Limits, deadline: Deadline) -> Waveform:
    """Decode an upload that is answered as a whole.

    Raises:
        AudioError: it cannot be decoded, or is beyond a limit.
        Refusal: that takes too long.
    """
    with _opened(upload, limits, deadline, whole=True) as recording:
        return read(recording)


def timeline_of_upload(
    upload: Upload, recognizer: Answering, limits: Limits, deadline: Deadline
) -> tuple[Timeline, list[str]]:
    """Find the utterances of an upload and answer for them.

    Returns:
        its utterances, and why some others have no answer.

    Raises:
        AudioError: it cannot be decoded, is beyond a limit, or nobody speaks in it.
        Refusal: that takes too long.
    """
    faults: list[str] = []

    def note(fault: AudioError) -> None:
        faults.append(str(fault))

    opener = partial(_opened, upload, limits, deadline, whole=False)
    return timeline(partial(answer_each, recognizer), opener, on_fault=note), faults


@contextmanager
def _opened(
    upload: Upload, limits: Limits, deadline: Deadline, *, whole: bool
) -> Iterator[Recording]:
    deadline.check()
    bounds = limits.decode(whole=whole)
    with open_recording(upload.path, limits=bounds, name=upload.name) as recording:
        yield replace(recording, blocks=deadline.over(recording.blocks))


def whole_text(question: Question, name: str, prediction: Prediction) -> str:
    """The answer for a recording as a whole, in the form that was asked for."""
    answer = question.answer(name, prediction)
    if question.form == "json":
        return json_line(answer, frames=question.frames)
    form = FORMATS[question.form]
    return form.begin() + form.entry(answer)


def timeline_text(question: Question, name: str, found: Timeline, faults: list[str]) -> str:
    """The answers for a recording's utterances, in the form that was asked for."""
    answers = [question.answer(name, s.prediction, s.span) for s in found.utterances]
    if question.form != "json":
        form = FORMATS[question.form]
        return form.begin() + "".join(map(form.entry, answers))
    whole: dict[str, Any] = {
        "file": name,
        "duration_s": round(found.track.duration_s, 3),
        "utterances": [json_object(a, frames=question.frames) for a in answers],
        "refused": faults,
    }
    return json.dumps(whole) + "\n"
