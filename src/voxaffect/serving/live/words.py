"""What is said to a client of a live stream: JSON objects, told apart by their `type`."""

from __future__ import annotations

import json
from typing import Any

from voxaffect.listening.listener import Utterance
from voxaffect.listening.live import LiveAnswer
from voxaffect.report.answers.live_objects import final_object, interim_object
from voxaffect.serving.refusal import Refusal


def ready() -> str:
    """The hello was understood; sound may come."""
    return json.dumps({"type": "ready"})


def interim(start_s: float, answer: LiveAnswer) -> str:
    """What is said of the utterance so far; `emotion` is null where nothing was heard yet."""
    return _plain("interim", **interim_object(start_s, answer))


def final(utterance: Utterance) -> str:
    """What is said of an utterance that has ended, as predict says it; or why nothing can be."""
    told = final_object(utterance)
    return _plain("refused" if "error" in told else "final", **told)


def end() -> str:
    """All was said."""
    return _plain("end")


def error(refusal: Refusal) -> str:
    """Why the service hears no more."""
    return _plain("error", error={"code": refusal.code, "message": refusal.message})


def _plain(kind: str, **more: Any) -> str:
    return json.dumps({"type": kind, **more})
