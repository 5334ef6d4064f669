"""The formats whose answers are told one by one, by their names on the command line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voxaffect.errors import AudioError
from voxaffect.report.answers.answer import PLACE, Answer, caption, visible
from voxaffect.taxonomy import EMOTION, TASKS

if TYPE_CHECKING:
    from voxaffect.streaming.online import LiveAnswer
    from voxaffect.streaming.session import StreamedUtterance

# Labels as Audacity imports them: start, end and text, with tabs between them, a line a label.
#
# https://manual.audacityteam.org/man/importing_and_exporting_labels.html


def audacity_label(answer: Answer) -> str:
    """One answer; a label track belongs to one recording, whose name it does not tell."""
    start_s, end_s = answer.interval_s
    return f"{start_s:.6f}\t{end_s:.6f}\t{visible(caption(answer))}\n"


# CSV by RFC 4180: a header, a row an answer; quotes, commas and line ends in names are quoted.
#
# A name that begins with `=`, `+`, `-` or `@` is written as it is: a spreadsheet that takes it
# for a formula must be told to import the column as text.

SUBTASKS = [
    (task.name, name) for task in TASKS.values() if task != EMOTION for name in task.classes
]
COLUMNS = (
    "file",
    *PLACE,
    "emotion",
    *EMOTION.classes,
    *(f"{task}: {name}" for task, name in SUBTASKS),
    "duration_s",
    "novelty",
    "warnings",
    "reasons",
)
"""`warnings` are codes with spaces between them, `reasons` their sentences."""


def csv_header() -> str:
    """The names of the columns."""
    return _row(COLUMNS)


def csv_row(answer: Answer) -> str:
    """One answer; a subtask that was not learned leaves its cells empty."""
    p = answer.prediction
    subtasks = [p.subtasks[task][name] if task in p.subtasks else None for task, name in SUBTASKS]
    return _row(
        (
            answer.file,
            *_csv_place(answer),
            answer.label,
            *(_number(p.probabilities[name]) for name in EMOTION.classes),
            *map(_number, subtasks),
            f"{p.duration_s:.3f}",
            _number(p.novelty),
            " ".join(caveat.code for caveat in p.warnings),
            "; ".join(caveat.text for caveat in p.warnings),
        )
    )


def _csv_place(answer: Answer) -> list[str]:
    if answer.start_s is not None and answer.end_s is not None:
        return ["", f"{answer.start_s:.3f}", f"{answer.end_s:.3f}"]
    return [answer.place.get(column, "") for column in PLACE]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _row(cells: Iterable[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue()


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
        **_json_place(answer),
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


def _json_place(answer: Answer) -> dict[str, Any]:
    """The path and, as numbers or null, the times of a row; or the times of an utterance."""
    if answer.place:
        times = {key: answer.place.get(key) for key in PLACE[1:] if key in answer.place}
        numbers = {key: float(text) if text else None for key, text in times.items()}
        return {"path": answer.place["path"], **numbers}
    if answer.start_s is None:
        return {}
    return {"start_s": answer.start_s, "end_s": answer.end_s}


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


def final_object(utterance: StreamedUtterance) -> dict[str, Any]:
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


ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""Outside these, `-->` in a text would be taken for times."""


def vtt_header() -> str:
    """What a file begins with."""
    return "WEBVTT\n"


def vtt_cue(answer: Answer) -> str:
    """One answer; a file of captions belongs to one recording, whose name it does not tell."""
    start_s, end_s = answer.interval_s
    text = visible(caption(answer)).translate(ESCAPES)
    return f"\n{_clock(start_s)} --> {_clock(end_s)}\n{text}\n"


def _clock(seconds: float) -> str:
    """Hours, minutes, seconds and milliseconds."""
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds / 1000:06.3f}"


@dataclass(frozen=True)
class Format:
    """How answers become text.

    Args:
        begin: what comes before them.
        entry: one of them.
        media_type: of the text.
        suffix: of files that hold the answers of one recording each, since they cannot tell more
            than one apart; None where they can.
    """

    begin: Callable[[], str]
    entry: Callable[[Answer], str]
    media_type: str
    suffix: str | None = None


FORMATS: Mapping[str, Format] = {
    "json": Format(str, json_line, "application/json"),
    "csv": Format(csv_header, csv_row, "text/csv; charset=utf-8; header=present"),
    "audacity": Format(str, audacity_label, "text/plain; charset=utf-8", ".txt"),
    "vtt": Format(vtt_header, vtt_cue, "text/vtt; charset=utf-8", ".vtt"),
}
