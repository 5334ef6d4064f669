"""A user's own corpus: a table of one row an utterance, in CSV or Parquet.

Columns `path` and `emotion` are needed; `speaker`, `gender`, `naturalness`, `language`, `start_s`,
`end_s`, `sentence` and `session` are read where they are there. Paths are relative to the table's
folder. A fault of a row leaves that row out and is reported; a fault of the table refuses it.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterable
from pathlib import Path, PurePath

from voxaffect.corpora.corpus import (
    UNKNOWN_SPEAKER,
    Corpus,
    CorpusCard,
    Elicitation,
    Problem,
    Utterance,
    utterance_id,
)
from voxaffect.corpora.rows import Rows, read_rows, write_rows
from voxaffect.errors import CorpusError
from voxaffect.taxonomy import GENDER, NATURALNESS, Task

REQUIRED = ("path", "emotion")
OPTIONAL = ("speaker", "gender", "naturalness", "language", "start_s", "end_s", "sentence")
COLUMNS = (*REQUIRED, *OPTIONAL, "session")


class RowError(Exception):
    """Why a row is left out; becomes a `Problem`, never leaves this file."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


def parse_table(path: Path, name: str) -> Corpus:
    """Read a corpus from a table.

    Args:
        path: a `.csv` (UTF-8, comma-separated, with a header) or `.parquet` file.
        name: name of the corpus, the prefix of ids and speakers.

    Raises:
        CorpusError: the table cannot be read, lacks a needed column, or has no usable row.
    """
    table = read_rows(path)
    _check_columns(path, table.columns)
    utterances, faults = _read_utterances(path, table, name)
    problems = [
        *_unread_columns(path, table.columns),
        *faults,
        *_missing_speakers(path, utterances, name),
    ]
    if not utterances:
        why = f" ({faults[0].path}: {faults[0].detail})" if faults else ""
        raise CorpusError(f"{path}: has no row that can be used{why}; add or correct its rows")
    card = _card(path, name, utterances)
    return Corpus(card, path.parent, tuple(utterances), tuple(problems))


def write_table(corpus: Corpus, path: Path) -> None:
    """Write a corpus as a table that `parse_table` reads; the audio stays where it is.

    Written into the corpus's root, the table gives back the same utterances.

    Raises:
        CorpusError: the suffix of `path` is neither `.csv` nor `.parquet`.
    """
    lines = tuple(_row(utterance, path.parent) for utterance in corpus.utterances)
    write_rows(Rows(COLUMNS, lines), path)


def _check_columns(path: Path, columns: tuple[str, ...]) -> None:
    for name in REQUIRED:
        if name not in columns:
            found = ", ".join(filter(None, columns)) or "none"
            raise CorpusError(f"{path}: needs a column {name!r}; its columns are: {found}")


def _unread_columns(path: Path, columns: tuple[str, ...]) -> list[Problem]:
    return [
        Problem("unknown column", path.name, f"column {name!r} is not read{_nearest(name)}")
        for name in columns
        if name and name not in COLUMNS
    ]


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, COLUMNS, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _read_utterances(path: Path, table: Rows, name: str) -> tuple[list[Utterance], list[Problem]]:
    """The utterances by id, and a problem for each row that is none."""
    found: dict[str, Utterance] = {}
    faults: list[Problem] = []
    for number, values in enumerate(table.lines, start=2):  # as a spreadsheet counts: header is 1
        if not any(values):
            continue
        try:
            utterance = _utterance(_by_column(table.columns, values), path.parent, name)
            if utterance.id in found:
                raise RowError("duplicate row", f"{utterance.id} is in a row above")
            found[utterance.id] = utterance
        except RowError as fault:
            where = f"{path.name} row {number}"
            faults.append(Problem(fault.kind, where, f"{fault}; left out", is_fault=True))
    return [found[key] for key in sorted(found)], faults


def _by_column(columns: tuple[str, ...], values: tuple[str, ...]) -> dict[str, str]:
    if len(values) != len(columns):
        detail = f"has {len(values)} values for {len(columns)} columns"
        raise RowError("wrong number of values", detail)
    return dict.fromkeys(COLUMNS, "") | dict(zip(columns, values, strict=True))


def _utterance(row: dict[str, str], root: Path, name: str) -> Utterance:
    for column in REQUIRED:
        if not row[column]:
            raise RowError("missing value", f"has no {column}")
    file = _file(root, row["path"])
    start_s, end_s = _segment(row)
    relative = PurePath(os.path.relpath(file, root))
    return Utterance(
        id=utterance_id(name, relative, start_s, end_s),
        corpus=name,
        path=file,
        label=row["emotion"],
        speaker=f"{name}/{row['speaker'] or UNKNOWN_SPEAKER}",
        gender=_class(row["gender"], GENDER),
        naturalness=_class(row["naturalness"], NATURALNESS),
        language=row["language"] or None,
        sentence=row["sentence"] or None,
        session=row["session"] or None,
        start_s=start_s,
        end_s=end_s,
    )


def _file(root: Path, relative: str) -> Path:
    file = root / relative
    try:
        is_there = file.is_file()
    except OSError as fault:  # such as a name longer than the file system allows
        raise RowError("missing audio", f"cannot look at {relative} ({fault.strerror})") from fault
    if not is_there:
        raise RowError("missing audio", f"there is no file {relative}")
    return file


def _class(text: str, task: Task) -> str | None:
    if text and text not in task.classes:
        detail = f"{text!r} is no {task.name}, use one of {', '.join(task.classes)}"
        raise RowError(f"wrong {task.name}", detail)
    return text or None


def _segment(row: dict[str, str]) -> tuple[float, float | None]:
    start_s = _seconds(row["start_s"] or "0")
    end_s = _seconds(row["end_s"]) if row["end_s"] else None
    if end_s is not None and end_s <= start_s:
        raise RowError("wrong segment", f"ends at {end_s:g} s, not after its start {start_s:g} s")
    return start_s, end_s


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise RowError("wrong segment", f"{text!r} is no time in seconds")
    return seconds


def _missing_speakers(path: Path, utterances: Iterable[Utterance], name: str) -> list[Problem]:
    n = sum(utterance.speaker == f"{name}/{UNKNOWN_SPEAKER}" for utterance in utterances)
    detail = (
        f"{n} rows name no speaker and count as one, {name}/{UNKNOWN_SPEAKER}; "
        "protocols that keep speakers apart refuse them"
    )
    return [Problem("no speakers", path.name, detail)] if n else []


def _card(path: Path, name: str, utterances: Iterable[Utterance]) -> CorpusCard:
    """What the table says of itself; it promises no counts."""
    languages = {u.language for u in utterances}
    return CorpusCard(
        name=name,
        title=f"{name} ({path.name})",
        language=", ".join(sorted(filter(None, languages))) or "not stated",
        elicitation=_elicitation({u.naturalness for u in utterances}),
        licence="not stated",
        citation="",
        url="",
        labels={},
        n_speakers=0,
    )


def _elicitation(styles: set[str | None]) -> Elicitation:
    if styles == {"acted"}:
        return "acted"
    return "natural" if styles == {"natural"} else "mixed"


def _row(utterance: Utterance, folder: Path) -> tuple[str, ...]:
    speaker = utterance.speaker.partition("/")[2]
    is_segment = utterance.start_s != 0 or utterance.end_s is not None
    values = {
        "path": PurePath(os.path.relpath(utterance.path, folder)).as_posix(),
        "emotion": utterance.label,
        "speaker": "" if speaker == UNKNOWN_SPEAKER else speaker,
        "gender": utterance.gender,
        "naturalness": utterance.naturalness,
        "language": utterance.language,
        "start_s": str(utterance.start_s) if is_segment else "",
        "end_s": "" if utterance.end_s is None else str(utterance.end_s),
        "sentence": utterance.sentence,
        "session": utterance.session,
    }
    return tuple(values[column] or "" for column in COLUMNS)
