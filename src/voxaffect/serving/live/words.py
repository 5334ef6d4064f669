"""What is said to a client of a live stream: JSON objects, told apart by their `type`."""

from __future__ import annotations

import json
from typing import Any

from voxaffect.listening.listener import Utterance
from voxaffect.listening.live import LiveAnswer
from voxaffect.prediction import Prediction
from voxaffect.report.answers.answer import Answer
from voxaffect.report.answers.json_lines import json_line
from voxaffect.serving.refusal import Refusal

NAME = "live"


def ready() -> str:
    """The hello was understood; sound may come."""
    return json.dumps({"type": "ready"})


def interim(start_s: float, answer: LiveAnswer) -> str:
    """What is said of the utterance so far; `emotion` is null where nothing was heard yet."""
    return json.dumps(
        {
            "type": "interim",
            "start_s": round(start_s, 3),
            "heard_s": round(answer.heard_s, 3),
            "pushed_s": round(answer.pushed_s, 3),
            "emotion": answer.label,
            "probabilities": answer.probabilities,
            "subtasks": answer.subtasks,
        }
    )


def final(utterance: Utterance) -> str:
    """What is said of an utterance that has ended, as predict says it; or why nothing can be."""
    start_s, end_s = round(utterance.start_s, 3), round(utterance.end_s, 3)
    outcome = utterance.outcome
    if isinstance(outcome, Prediction):
        told = json.loads(json_line(Answer(NAME, outcome.label, outcome, start_s, end_s)))
        return json.dumps({"type": "final", **told})
    error = {"code": "unusable_recording", "message": str(outcome)}
    return _plain("refused", start_s=start_s, end_s=end_s, error=error)


def end() -> str:
    """All was said."""
    return _plain("end")


def error(refusal: Refusal) -> str:
    """Why the service hears no more."""
    return _plain("error", error={"code": refusal.code, "message": refusal.message})


def _plain(kind: str, **more: Any) -> str:
    return json.dumps({"type": kind, **more})
