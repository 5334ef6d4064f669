"""JSON lines: an object a line, which holds everything. Names are escaped as JSON demands."""

from __future__ import annotations

import json
from typing import Any

from voxaffect.report.answers.answer import PLACE, Answer


def json_line(answer: Answer, *, frames: bool = False) -> str:
    """One answer as a line; arguments as of `json_object`."""
    return json.dumps(json_object(answer, frames=frames)) + "\n"


def json_object(answer: Answer, *, frames: bool = False) -> dict[str, Any]:
    """One answer.

    Args:
        answer: to be told.
        frames: whether the posteriors of every frame are told, too.
    """
    p = answer.prediction
    line: dict[str, Any] = {
        "file": answer.file,
        **_where(answer),
        "emotion": answer.label,
        "probabilities": p.probabilities,
        "subtasks": p.subtasks,
        "duration_s": round(p.duration_s, 3),
        "novelty": None if p.novelty is None else round(p.novelty, 3),
        "warnings": [{"code": caveat.code, "text": caveat.text} for caveat in p.warnings],
    }
    if frames:
        line["times_s"] = (p.times_s + answer.interval_s[0]).round(4).tolist()
        line["posteriors"] = p.timeline.round(4).tolist()
    return line


def _where(answer: Answer) -> dict[str, Any]:
    """The path and, as numbers or null, the times of a row; or the times of an utterance."""
    if answer.place:
        times = {key: answer.place.get(key) for key in PLACE[1:] if key in answer.place}
        numbers = {key: float(text) if text else None for key, text in times.items()}
        return {"path": answer.place["path"], **numbers}
    if answer.start_s is None:
        return {}
    return {"start_s": answer.start_s, "end_s": answer.end_s}
