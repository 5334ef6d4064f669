"""What is said of a stream while it lasts: plain objects, the same on a terminal and a socket."""

from __future__ import annotations

from typing import Any

from voxaffect.errors import AudioError
from voxaffect.listening.listener import Utterance
from voxaffect.listening.live import LiveAnswer
from voxaffect.report.answers.answer import Answer
from voxaffect.report.answers.json_lines import json_object

NAME = "live"
"""Stands where the file of a recording does."""

UNUSABLE = "unusable_recording"
"""Code of what cannot be answered for, such as silence."""


def interim_object(start_s: float, answer: LiveAnswer) -> dict[str, Any]:
    """What is said of an utterance so far; `emotion` is None where nothing was heard yet.

    Args:
        start_s: where in the stream it began.
        answer: to be told.
    """
    return {
        "start_s": _to_the_sample(start_s),
        "heard_s": round(answer.heard_s, 3),
        "pushed_s": round(answer.pushed_s, 3),
        "emotion": answer.label,
        "probabilities": answer.probabilities,
        "subtasks": answer.subtasks,
    }


def final_object(utterance: Utterance) -> dict[str, Any]:
    """What is said of an utterance that has ended, as of a file's; or `error`, why nothing is."""
    start_s, end_s = _to_the_sample(utterance.start_s), _to_the_sample(utterance.end_s)
    outcome = utterance.outcome
    if isinstance(outcome, AudioError):
        error = {"code": UNUSABLE, "message": str(outcome)}
        return {"start_s": start_s, "end_s": end_s, "error": error}
    return json_object(Answer(NAME, outcome.label, outcome, start_s, end_s))


def _to_the_sample(seconds: float) -> float:
    """A sample takes 62.5 microseconds."""
    return round(seconds, 6)
