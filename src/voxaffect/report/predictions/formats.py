"""Text formats of predictions, by their names on the command line."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from voxaffect.recognizer.prediction import NO_SPEECH, ROW_COLUMNS, Prediction
from voxaffect.taxonomy import EMOTION, TASKS

INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's categories of controls, format characters, surrogates and separators of lines."""

SUBTASKS = [
    (task.name, name) for task in TASKS.values() if task != EMOTION for name in task.classes
]
COLUMNS = (
    *("file", *ROW_COLUMNS, "emotion", "reason", *EMOTION.classes),
    *(f"{task}: {name}" for task, name in SUBTASKS),
    *("duration_s", "novelty", "warnings", "reasons"),
)
"""Columns of CSV and of DataFrames; `reason` says why the label is `unsure` or `no speech`,
`warnings` are codes with spaces between them, `reasons` their sentences."""

ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""Outside these, `-->` in a text would be taken for times."""


def visible(text: str) -> str:
    r"""Text on one line: what cannot be seen or would break it becomes an escape, such as \n."""
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in INVISIBLE else c
        for c in text
    )


def caption(prediction: Prediction) -> str:
    """Label, its probability and the codes of warnings, for a few centimeters of a timeline.

    Of one that is unsure, the reason; of one without speech, the label alone.
    """
    if prediction.label == NO_SPEECH:
        return NO_SPEECH
    if prediction.reason is not None:
        return f"{prediction.label}: {prediction.reason}"
    codes = ", ".join(warning.code for warning in prediction.warnings)
    share = f"{prediction.label} {prediction.probability or 0.0:.0%}"
    return f"{share} ({codes})" if codes else share


def audacity_label(prediction: Prediction) -> str:
    """A label of one recording as Audacity imports it: start, end and text, separated by tabs.

    https://manual.audacityteam.org/man/importing_and_exporting_labels.html
    """
    start_s, end_s = prediction.interval_s
    return f"{start_s:.6f}\t{end_s:.6f}\t{visible(caption(prediction))}\n"


def csv_row(prediction: Prediction) -> str:
    """One prediction as a row of CSV; a subtask that was not learned leaves its cells empty."""
    return _csv_line(
        f"{value:{'.3f' if name.endswith('_s') else '.4f'}}" if isinstance(value, float) else value
        for name, value in row_of(prediction).items()
    )


def row_of(prediction: Prediction) -> dict[str, str | float | None]:
    """One prediction as the cells of `COLUMNS`."""
    p = prediction
    place: Mapping[str, str | float | None] = p.row
    if p.start_s is not None:
        place = {"path": "", "start_s": p.start_s, "end_s": p.end_s}
    cells = (
        *(p.name, *(place.get(column) for column in ROW_COLUMNS), p.label, p.reason),
        *(p.probabilities.get(name) for name in EMOTION.classes),
        *(p.subtasks.get(task, {}).get(name) for task, name in SUBTASKS),
        *(p.duration_s, p.novelty),
        " ".join(warning.code for warning in p.warnings),
        "; ".join(warning.text for warning in p.warnings),
    )
    return dict(zip(COLUMNS, cells, strict=True))


def _csv_line(cells: Iterable[str | float | None]) -> str:
    """A line of CSV (RFC 4180), None as an empty cell."""
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue()


def json_line(prediction: Prediction, *, frames: bool = False) -> str:
    """One prediction as a line of JSON; arguments as of `Prediction.to_dict`."""
    return json.dumps(prediction.to_dict(frames=frames)) + "\n"


def vtt_cue(prediction: Prediction) -> str:
    """One caption; a file of captions belongs to one recording, whose name it does not hold."""
    start_s, end_s = prediction.interval_s
    text = visible(caption(prediction)).translate(ESCAPES)
    return f"\n{_clock(start_s)} --> {_clock(end_s)}\n{text}\n"


def _clock(seconds: float) -> str:
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds / 1000:06.3f}"


@dataclass(frozen=True)
class Format:
    """How predictions become text: `begin`, and then an entry for each.

    A format that cannot hold names of recordings has the suffix of files of one recording each.
    """

    begin: str
    entry: Callable[[Prediction], str]
    media_type: str
    suffix: str | None = None


FORMATS: Mapping[str, Format] = {
    "json": Format("", json_line, "application/json"),
    "csv": Format(_csv_line(COLUMNS), csv_row, "text/csv; charset=utf-8; header=present"),
    "audacity": Format("", audacity_label, "text/plain; charset=utf-8", ".txt"),
    "vtt": Format("WEBVTT\n", vtt_cue, "text/vtt; charset=utf-8", ".vtt"),
}
