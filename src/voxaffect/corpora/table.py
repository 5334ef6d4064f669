"""A user's own corpus: a table with one row per utterance, in CSV or Parquet.

Columns `path` and `emotion` are required; `speaker`, `gender`, `naturalness`, `language`,
`start_s`, `end_s`, `sentence`, `session`, `arousal` and `valence` (0 to 1) are optional. Paths are
relative to the table's folder. A row with an error is left out and reported; a table with an error
is refused.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from voxaffect.audio.decode import printable
from voxaffect.corpora.corpus import (
    UNKNOWN_SPEAKER,
    Corpus,
    CorpusCard,
    Elicitation,
    Problem,
    Segment,
    Utterance,
    unique_ids,
    utterance_id,
)
from voxaffect.corpora.label_parsing import decode_text
from voxaffect.errors import CorpusError
from voxaffect.files import write_atomically
from voxaffect.taxonomy import GENDER, NATURALNESS, Task

CSV = ".csv"
PARQUET = ".parquet"

REQUIRED = ("path", "emotion")
COLUMNS = (
    *(*REQUIRED, "speaker", "gender", "naturalness", "language", "start_s", "end_s"),
    *("sentence", "session", "arousal", "valence"),
)

MAX_TIME_S = 1e6
"""Eleven days, longer than any recording."""

NOT_STATED = "not stated"
"""Language and license on the card of a table."""

Row = dict[str, str]
"""Text by the names of `COLUMNS`, as it was written."""


class RowError(Exception):
    """Why a row is left out; becomes a `Problem`, never leaves this file."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


@dataclass(frozen=True)
class TableRows:
    """A table as text.

    Args:
        columns: names, lower case, each once.
        lines: the rows below the header; a missing value is an empty string, a broken row an empty
            tuple.
        problems: broken rows, and bytes that are not text.
    """

    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    problems: tuple[Problem, ...] = ()


def is_table(path: Path) -> bool:
    """Whether a path has the suffix of a table, `.csv` or `.parquet`."""
    return path.suffix.lower() in (CSV, PARQUET)


def read_rows(path: Path) -> TableRows:
    """Read a `.csv` (comma-separated, with a header) or `.parquet` file.

    A CSV is decoded by `decode_text`. A stray quote breaks its own row only.

    Raises:
        CorpusError: the file is missing, damaged, of another kind, or has a column twice.
    """
    is_parquet = _suffix(path) == PARQUET
    try:
        rows = _read_parquet(path) if is_parquet else _read_csv(path)
    except FileNotFoundError as error:
        raise CorpusError(f"{path}: no such table; check the path") from error
    except (OSError, ValueError, csv.Error) as error:
        raise CorpusError(f"{path}: cannot be read as a table ({error}); save it again") from error
    for name in rows.columns:
        if name and rows.columns.count(name) > 1:
            raise CorpusError(f"{path}: has two columns named {name!r}; rename or remove one")
    return rows


def _row_name(path: Path, index: int) -> str:
    """Name of a row in problems, counted as in a spreadsheet, where the header is row 1."""
    return f"{path.name} row {index + 2}"


def write_rows(rows: TableRows, path: Path) -> None:
    """Write a table, atomically, in the format of the suffix of `path`.

    Raises:
        CorpusError: the suffix is neither `.csv` nor `.parquet`.
    """
    if _suffix(path) == PARQUET:
        import pandas as pd  # noqa: PLC0415 (slow to load)

        frame = pd.DataFrame(list(rows.lines), columns=list(rows.columns), dtype="string")
        encoded = frame.to_parquet(None, index=False)
    else:
        text = io.StringIO(newline="")
        writer = csv.writer(text)  # with other line ends than \r\n, "\r" in values is not quoted
        writer.writerows([rows.columns, *rows.lines])
        encoded = text.getvalue().encode()
    with write_atomically(path) as file:
        file.write(encoded)


def _suffix(path: Path) -> str:
    if not is_table(path):
        raise CorpusError(f"{path}: is not a .csv or .parquet file; convert it")
    return path.suffix.lower()


def _read_csv(path: Path) -> TableRows:
    text, warning = decode_text(path.read_bytes())
    problems = [Problem("encoding", path.name, warning)] if warning else []
    records = _records(list(io.StringIO(text, newline="")))
    header = next(records, ())
    if isinstance(header, csv.Error):
        raise header
    lines: list[tuple[str, ...]] = []
    for index, record in enumerate(records):
        if isinstance(record, csv.Error):
            detail = f"is not a valid row of a table ({record}); left out"
            problems.append(Problem("broken row", _row_name(path, index), detail, is_fault=True))
        lines.append(() if isinstance(record, csv.Error) else record)
    return TableRows(_names(header), tuple(lines), tuple(problems))


def _records(lines: Sequence[str]) -> Iterator[tuple[str, ...] | csv.Error]:
    """The rows of a CSV's lines; a quoted value may span several lines.

    A line with a misplaced or unclosed quote is a row of its own and yields the error.
    """
    begin = 0
    while begin < len(lines):
        reader = csv.reader((lines[n] for n in range(begin, len(lines))), strict=True)
        n_read = 0
        try:
            for values in reader:
                n_read = reader.line_num
                yield tuple(value.strip() for value in values)
        except csv.Error as error:
            yield error
            n_read += 1
        begin += n_read


def _read_parquet(path: Path) -> TableRows:
    import pandas as pd  # noqa: PLC0415 (slow to load)

    frame = pd.read_parquet(path, dtype_backend="pyarrow")  # keeps 3 from becoming 3.0 next to null
    columns = [
        ["" if pd.isna(value) else str(value).strip() for value in frame[name]]
        for name in frame.columns
    ]
    return TableRows(_names(frame.columns), tuple(zip(*columns, strict=True)))


def _names(header: Iterable[object]) -> tuple[str, ...]:
    return tuple(str(name).strip().lower() for name in header)


def parse_table(path: Path, name: str) -> Corpus:
    """Read a corpus from a table.

    Args:
        path: a `.csv` (UTF-8, comma-separated, with a header) or `.parquet` file.
        name: name of the corpus, the prefix of ids and speakers.

    Raises:
        CorpusError: the table cannot be read, lacks a required column, or has no usable row.
    """
    rows, problems = list_table(path, name)
    utterances = [utterance for utterance, _ in rows]
    title = f"{name} ({path.name})"
    return custom_corpus(name, path.parent, utterances, problems, title=title, source=path.name)


def list_table(
    path: Path, name: str, *, required: Sequence[str] = REQUIRED
) -> tuple[list[tuple[Utterance, Row]], list[Problem]]:
    """The utterances of a table in its own order, each with its row.

    Args:
        path: a `.csv` or `.parquet` file.
        name: name of the corpus, the prefix of ids and speakers.
        required: columns with a value in every row; only `path` for unlabeled recordings.

    Raises:
        CorpusError: the table cannot be read, lacks a required column, or has no usable row.
    """
    table = read_rows(path)
    for column in required:
        if column not in table.columns:
            columns = ", ".join(filter(None, table.columns)) or "none"
            raise CorpusError(f"{path}: column {column!r} is missing; its columns are: {columns}")
    utterances, faults = read_utterances(
        table, path.parent, name, where=lambda n: _row_name(path, n), required=required
    )
    problems = [*_unknown_columns(path, table.columns), *table.problems, *faults]
    if not utterances:
        why = next((f" ({p.path}: {p.detail})" for p in problems if p.is_fault), "")
        raise CorpusError(f"{path}: has no usable row{why}; add or correct its rows")
    rows = [(u, _by_column(table.columns, table.lines[n])) for n, u in utterances.items()]
    return rows, problems


def custom_corpus(
    name: str,
    root: Path,
    utterances: Iterable[Utterance],
    problems: Iterable[Problem],
    *,
    title: str,
    source: str,
    terms: str = NOT_STATED,
    citation: str = "",
    url: str = "",
) -> Corpus:
    """A corpus without a card of its own: its card is made from its utterances, without counts.

    Utterances without a speaker are reported, as a problem of `source`.
    """
    ordered = tuple(sorted(utterances, key=lambda utterance: utterance.id))
    styles = {utterance.naturalness for utterance in ordered}
    elicitation: Elicitation = (
        "acted" if styles == {"acted"} else "natural" if styles == {"natural"} else "mixed"
    )
    card = CorpusCard(
        name=name,
        title=title,
        language=", ".join(sorted({u.language for u in ordered if u.language})) or NOT_STATED,
        elicitation=elicitation,
        license=terms,
        citation=citation,
        url=url,
        labels={},
        n_speakers=0,
    )
    unknown = f"{name}/{UNKNOWN_SPEAKER}"
    n_unknown = sum(utterance.speaker == unknown for utterance in ordered)
    notes = [*problems]
    if n_unknown:
        detail = (
            f"{n_unknown} rows have no speaker and count as one, {unknown}; "
            "speaker-independent protocols refuse them"
        )
        notes.append(Problem("no speakers", source, detail))
    return Corpus(card, root, ordered, tuple(notes))


def write_table(corpus: Corpus, path: Path) -> None:
    """Write a corpus as a table that `parse_table` reads; the audio stays where it is.

    Written into the corpus's root, the table gives back the same utterances; elsewhere, ids start
    with the relative path from there to the audio.

    Raises:
        CorpusError: the suffix of `path` is neither `.csv` nor `.parquet`, or the name of a
            recording is not valid UTF-8.
    """
    lines = [row_of(utterance, path.parent) for utterance in corpus.utterances]
    write_rows(TableRows(COLUMNS, tuple(tuple(row[c] for c in COLUMNS) for row in lines)), path)


def read_utterances(
    table: TableRows,
    root: Path,
    name: str,
    *,
    where: Callable[[int], str],
    required: Sequence[str] = REQUIRED,
) -> tuple[dict[int, Utterance], list[Problem]]:
    """The utterances of rows by the rows' indices, in order, and a problem for each unusable row.

    Args:
        table: rows under the names of `COLUMNS`.
        root: folder that paths are relative to.
        name: name of the corpus.
        where: index of a row -> its name in problems.
        required: columns that need a value.
    """
    found: dict[int, Utterance] = {}
    first: dict[Segment, int] = {}
    faults: list[Problem] = []
    for index, values in enumerate(table.lines):
        if not any(values):
            continue
        try:
            row = _by_column(table.columns, values)
            for column in required:
                if not row[column]:
                    raise RowError("missing value", f"has no {column}")
            file = _existing_file(root, row["path"])
            segment = (PurePath(os.path.relpath(file, root)), *_times(row))
            utterance = _utterance(row, name, file, segment)
            if first.setdefault(segment, index) != index:
                raise RowError("duplicate row", f"repeats the segment of {where(first[segment])}")
            found[index] = utterance
        except RowError as error:
            detail = f"{error}; left out"
            faults.append(Problem(error.kind, where(index), detail, is_fault=True))
    ids = unique_ids(name, first)
    return {n: replace(found[n], id=ids[segment]) for segment, n in first.items()}, faults


def row_of(utterance: Utterance, folder: Path) -> Row:
    """An utterance as text by the names of `COLUMNS`, its path relative to `folder`.

    Raises:
        CorpusError: the name of its recording is not valid UTF-8.
    """
    relative = PurePath(os.path.relpath(utterance.path, folder)).as_posix()
    try:
        relative.encode()
    except UnicodeEncodeError as error:
        path = printable(utterance.path)
        raise CorpusError(f"{path}: its name is not valid UTF-8; rename the recording") from error
    speaker = utterance.speaker.removeprefix(f"{utterance.corpus}/")
    is_segment = utterance.start_s != 0 or utterance.end_s is not None
    return {
        # Values are stripped when they are read.
        "path": f"./{relative}" if relative[0].isspace() else relative,
        "emotion": utterance.label,
        "speaker": "" if speaker == UNKNOWN_SPEAKER else speaker,
        "gender": utterance.gender or "",
        "naturalness": utterance.naturalness or "",
        "language": utterance.language or "",
        "start_s": str(utterance.start_s) if is_segment else "",
        "end_s": _text(utterance.end_s),
        "sentence": utterance.sentence or "",
        "session": utterance.session or "",
        "arousal": _text(utterance.arousal),
        "valence": _text(utterance.valence),
    }


def _unknown_columns(path: Path, columns: tuple[str, ...]) -> Iterator[Problem]:
    for name in columns:
        if name and name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            yield Problem("unknown column", path.name, f"column {name!r} is ignored{hint}")


def _by_column(columns: tuple[str, ...], values: tuple[str, ...]) -> Row:
    if len(values) != len(columns):
        detail = f"has {len(values)} values for {len(columns)} columns"
        raise RowError("wrong number of values", detail)
    return dict.fromkeys(COLUMNS, "") | dict(zip(columns, values, strict=True))


def _utterance(row: Row, name: str, file: Path, segment: Segment) -> Utterance:
    _, start_s, end_s = segment
    return Utterance(
        id=utterance_id(name, *segment),
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
        arousal=_rating(row, "arousal"),
        valence=_rating(row, "valence"),
    )


def _existing_file(root: Path, relative: str) -> Path:
    file = root / relative
    try:
        exists = file.is_file()
    except OSError as error:  # such as a name longer than the file system allows
        raise RowError("missing audio", f"cannot open {relative} ({error.strerror})") from error
    if not exists:
        raise RowError("missing audio", f"no such file {relative}")
    return file


def _class(text: str, task: Task) -> str | None:
    if text and text not in task.classes:
        detail = f"unknown {task.name} {text!r}, use one of {', '.join(task.classes)}"
        raise RowError(f"wrong {task.name}", detail)
    return text or None


def _times(row: Row) -> tuple[float, float | None]:
    start_s = _seconds(row["start_s"] or "0")
    end_s = _seconds(row["end_s"]) if row["end_s"] else None
    if end_s is not None and end_s <= start_s:
        raise RowError(
            "wrong segment", f"ends at {end_s:g} s, not after its start at {start_s:g} s"
        )
    return start_s, end_s


def _seconds(text: str) -> float:
    seconds = _number(text)
    if not 0 <= seconds <= MAX_TIME_S:
        detail = f"{text!r} is not a time in seconds (0 to {MAX_TIME_S:,.0f})"
        raise RowError("wrong segment", detail)
    return seconds


def _rating(row: Row, column: str) -> float | None:
    if not row[column]:
        return None
    rating = _number(row[column])
    if not 0 <= rating <= 1:
        raise RowError(f"wrong {column}", f"{row[column]!r} is not a number from 0 to 1")
    return rating


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _text(number: float | None) -> str:
    return "" if number is None else str(number)
