"""A user's own corpus: a table of one row an utterance, in CSV or Parquet.

Columns `path` and `emotion` are needed; `speaker`, `gender`, `naturalness`, `language`, `start_s`,
`end_s`, `sentence`, `session`, `arousal` and `valence` (0 to 1) are read where they are there.
Paths are relative to the table's folder. A fault of a row leaves that row out and is reported; a
fault of the table refuses it.
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
from typing import TYPE_CHECKING

from voxaffect.audio.decode import printable
from voxaffect.corpora.corpus import (
    UNKNOWN_SPEAKER,
    Corpus,
    CorpusCard,
    Elicitation,
    Problem,
    Stretch,
    Utterance,
    distinct_ids,
    utterance_id,
)
from voxaffect.corpora.label_parsing import ENCODINGS
from voxaffect.errors import CorpusError
from voxaffect.files import write_atomically
from voxaffect.taxonomy import GENDER, NATURALNESS, Task

if TYPE_CHECKING:
    import pandas as pd


CSV = ".csv"
PARQUET = ".parquet"


@dataclass(frozen=True)
class TableRows:
    """A table as text.

    Args:
        columns: names, lower case, each once.
        lines: the rows below the header; an empty string is no value, a broken row has none.
        problems: broken rows, and bytes that are no text.
    """

    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    problems: tuple[Problem, ...] = ()


def is_table(path: Path) -> bool:
    """Whether a path names a table by its suffix, `.csv` or `.parquet`."""
    return path.suffix.lower() in (CSV, PARQUET)


def read_rows(path: Path) -> TableRows:
    """Read a `.csv` (comma-separated, with a header) or `.parquet` file.

    A CSV is UTF-8 unless it begins with the mark of UTF-16; bytes that are neither become escapes
    and are reported. A stray quote spoils its own row only.

    Raises:
        CorpusError: the file is missing, damaged, of another kind, or names a column twice.
    """
    is_parquet = _suffix(path) == PARQUET
    try:
        rows = _read_parquet(path) if is_parquet else _read_csv(path)
    except FileNotFoundError as fault:
        raise CorpusError(f"{path}: there is no such table; check the path") from fault
    except (OSError, ValueError, csv.Error) as fault:
        raise CorpusError(f"{path}: cannot be read as a table ({fault}); save it again") from fault
    for name in rows.columns:
        if name and rows.columns.count(name) > 1:
            raise CorpusError(f"{path}: has two columns named {name!r}; rename or remove one")
    return rows


def row_name(path: Path, index: int) -> str:
    """How problems call a row; a spreadsheet counts rows from 1, which is the header."""
    return f"{path.name} row {index + 2}"


def write_rows(rows: TableRows, path: Path) -> None:
    """Write a table, atomically, in the format that the suffix of `path` names.

    Raises:
        CorpusError: the suffix is neither `.csv` nor `.parquet`.
    """
    encoded = _as_parquet(rows) if _suffix(path) == PARQUET else _as_csv(rows)
    with write_atomically(path) as file:
        file.write(encoded)


def _suffix(path: Path) -> str:
    if not is_table(path):
        raise CorpusError(f"{path}: a table is a .csv or .parquet file; convert it")
    return path.suffix.lower()


def _read_csv(path: Path) -> TableRows:
    text, problems = _decoded(path)
    records = _records(list(io.StringIO(text, newline="")))
    header = next(records, ())
    if isinstance(header, csv.Error):
        raise header
    lines: list[tuple[str, ...]] = []
    for index, record in enumerate(records):
        if isinstance(record, csv.Error):
            detail = f"is no row of a table ({record}); left out"
            problems.append(Problem("broken row", row_name(path, index), detail, is_fault=True))
        lines.append(() if isinstance(record, csv.Error) else record)
    return TableRows(_names(header), tuple(lines), tuple(problems))


def _decoded(path: Path) -> tuple[str, list[Problem]]:
    content = path.read_bytes()
    encoding = ENCODINGS.get(content[:2], "utf-8-sig")
    try:
        return content.decode(encoding), []
    except UnicodeDecodeError as fault:
        where = f"byte {fault.start} is not {fault.encoding}"
        detail = f"{where}; such bytes are read as escapes, save it as UTF-8 where they matter"
        escaped = content.decode(encoding, "backslashreplace")
        return escaped, [Problem("encoding", path.name, detail)]


def _records(lines: Sequence[str]) -> Iterator[tuple[str, ...] | csv.Error]:
    """The rows of a CSV's lines, of which a quoted value may span several.

    A line with a quote that is wrong, or never closed, is a row of its own and yields the fault.
    """
    begin = 0
    while begin < len(lines):
        reader = csv.reader((lines[n] for n in range(begin, len(lines))), strict=True)
        n_read = 0
        try:
            for values in reader:
                n_read = reader.line_num
                yield tuple(value.strip() for value in values)
        except csv.Error as fault:
            yield fault
            n_read += 1
        begin += n_read


def _read_parquet(path: Path) -> TableRows:
    import pandas as pd  # noqa: PLC0415 (slow to load)

    frame = pd.read_parquet(path, dtype_backend="pyarrow")  # keeps 3 from becoming 3.0 beside null
    columns = [_texts(frame[name]) for name in frame.columns]
    return TableRows(_names(frame.columns), tuple(zip(*columns, strict=True)))


def _names(header: Iterable[object]) -> tuple[str, ...]:
    return tuple(str(name).strip().lower() for name in header)


def _texts(column: pd.Series) -> list[str]:
    import pandas as pd  # noqa: PLC0415 (slow to load)

    return ["" if pd.isna(value) else str(value).strip() for value in column]


def _as_csv(rows: TableRows) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)  # RFC 4180; under other line ends it leaves "\r" in values unquoted
    writer.writerows([rows.columns, *rows.lines])
    return text.getvalue().encode("utf-8")


def _as_parquet(rows: TableRows) -> bytes:
    import pandas as pd  # noqa: PLC0415 (slow to load)

    frame = pd.DataFrame(list(rows.lines), columns=list(rows.columns), dtype="string")
    return frame.to_parquet(None, index=False)


REQUIRED = ("path", "emotion")
WHO_AND_WHEN = ("speaker", "gender", "naturalness", "language", "start_s", "end_s")
WHAT = ("sentence", "session", "arousal", "valence")
COLUMNS = (*REQUIRED, *WHO_AND_WHEN, *WHAT)

MAX_TIME_S = 1e6
"""Eleven days: a time beyond it is in no recording."""

NOT_STATED = "not stated"
"""Language on the card of a table that does not say."""

Row = dict[str, str]
"""Text by the names of `COLUMNS`, as it was written."""


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
    rows, problems = list_table(path, name)
    utterances = sorted_by_id(utterance for utterance, _ in rows)
    notes = missing_speakers(path.name, utterances, name)
    return Corpus(_card(path, name, utterances), path.parent, utterances, (*problems, *notes))


def list_table(
    path: Path, name: str, *, required: Sequence[str] = REQUIRED
) -> tuple[list[tuple[Utterance, Row]], list[Problem]]:
    """The utterances of a table in its own order, each with the row that tells of it.

    Args:
        path: a `.csv` or `.parquet` file.
        name: name of the corpus, the prefix of ids and speakers.
        required: columns that must be there with a value in every row; `path` alone where
            recordings are not labeled yet.

    Raises:
        CorpusError: the table cannot be read, lacks a needed column, or has no usable row.
    """
    table = read_rows(path)
    _check_columns(path, table.columns, required)
    utterances, faults = read_utterances(
        table, path.parent, name, where=lambda n: row_name(path, n), required=required
    )
    problems = [*_unread_columns(path, table.columns), *table.problems, *faults]
    if not utterances:
        why = next((f" ({p.path}: {p.detail})" for p in problems if p.is_fault), "")
        raise CorpusError(f"{path}: has no row that can be used{why}; add or correct its rows")
    rows = [(u, _by_column(table.columns, table.lines[n])) for n, u in utterances.items()]
    return rows, problems


def write_table(corpus: Corpus, path: Path) -> None:
    """Write a corpus as a table that `parse_table` reads; the audio stays where it is.

    Written into the corpus's root, the table gives back the same utterances; elsewhere, ids start
    with the way from there to the audio.

    Raises:
        CorpusError: the suffix of `path` is neither `.csv` nor `.parquet`, or the name of a
            recording is no text.
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
    """The utterances of rows by the rows' indices, in order, and a problem for each unfit row.

    Args:
        table: rows under the names of `COLUMNS`.
        root: folder that paths are relative to.
        name: name of the corpus.
        where: index of a row -> how its problem names it.
        required: columns without which a row is no utterance.
    """
    found: dict[int, Utterance] = {}
    first: dict[Stretch, int] = {}
    faults: list[Problem] = []
    for index, values in enumerate(table.lines):
        if not any(values):
            continue
        try:
            row = _by_column(table.columns, values)
            _check_values(row, required)
            file = _file(root, row["path"])
            stretch = (_relative(file, root), *_segment(row))
            utterance = _utterance(row, name, file, stretch)
            if first.setdefault(stretch, index) != index:
                raise RowError("duplicate row", f"is of the same speech as {where(first[stretch])}")
            found[index] = utterance
        except RowError as fault:
            detail = f"{fault}; left out"
            faults.append(Problem(fault.kind, where(index), detail, is_fault=True))
    ids = distinct_ids(name, first)
    return {n: replace(found[n], id=ids[stretch]) for stretch, n in first.items()}, faults


def sorted_by_id(utterances: Iterable[Utterance]) -> tuple[Utterance, ...]:
    """Utterances in the order of a corpus."""
    return tuple(sorted(utterances, key=lambda utterance: utterance.id))


def row_of(utterance: Utterance, folder: Path) -> Row:
    """An utterance as text by the names of `COLUMNS`, its path relative to `folder`.

    Raises:
        CorpusError: the name of its recording is no text.
    """
    speaker = utterance.speaker.removeprefix(f"{utterance.corpus}/")
    is_segment = utterance.start_s != 0 or utterance.end_s is not None
    return {
        "path": _path_text(utterance.path, folder),
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


def missing_speakers(where: str, utterances: Iterable[Utterance], name: str) -> list[Problem]:
    """A note where utterances name no speaker."""
    n = sum(utterance.speaker == f"{name}/{UNKNOWN_SPEAKER}" for utterance in utterances)
    detail = (
        f"{n} rows name no speaker and count as one, {name}/{UNKNOWN_SPEAKER}; "
        "protocols that keep speakers apart refuse them"
    )
    return [Problem("no speakers", where, detail)] if n else []


def elicitation(utterances: Iterable[Utterance]) -> Elicitation:
    """Acted or natural where all utterances are, else mixed."""
    styles = {u.naturalness for u in utterances}
    if styles == {"acted"}:
        return "acted"
    return "natural" if styles == {"natural"} else "mixed"


def languages(utterances: Iterable[Utterance]) -> str:
    """The languages of utterances, as a card writes them."""
    return ", ".join(sorted({u.language for u in utterances if u.language})) or NOT_STATED


def _check_columns(path: Path, columns: tuple[str, ...], required: Sequence[str]) -> None:
    for name in required:
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


def _by_column(columns: tuple[str, ...], values: tuple[str, ...]) -> Row:
    if len(values) != len(columns):
        detail = f"has {len(values)} values for {len(columns)} columns"
        raise RowError("wrong number of values", detail)
    return dict.fromkeys(COLUMNS, "") | dict(zip(columns, values, strict=True))


def _check_values(row: Row, required: Sequence[str]) -> None:
    for column in required:
        if not row[column]:
            raise RowError("missing value", f"has no {column}")


def _utterance(row: Row, name: str, file: Path, stretch: Stretch) -> Utterance:
    _, start_s, end_s = stretch
    return Utterance(
        id=utterance_id(name, *stretch),
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
        arousal=_share(row, "arousal"),
        valence=_share(row, "valence"),
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


def _segment(row: Row) -> tuple[float, float | None]:
    start_s = _seconds(row["start_s"] or "0")
    end_s = _seconds(row["end_s"]) if row["end_s"] else None
    if end_s is not None and end_s <= start_s:
        raise RowError("wrong segment", f"ends at {end_s:g} s, not after its start {start_s:g} s")
    return start_s, end_s


def _seconds(text: str) -> float:
    seconds = _number(text)
    if not 0 <= seconds <= MAX_TIME_S:
        raise RowError("wrong segment", f"{text!r} is no time in seconds that a recording has")
    return seconds


def _share(row: Row, column: str) -> float | None:
    if not row[column]:
        return None
    share = _number(row[column])
    if not 0 <= share <= 1:
        raise RowError(f"wrong {column}", f"{row[column]!r} is no number from 0 to 1")
    return share


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _card(path: Path, name: str, utterances: Sequence[Utterance]) -> CorpusCard:
    """What the table says of itself; it promises no counts."""
    return CorpusCard(
        name=name,
        title=f"{name} ({path.name})",
        language=languages(utterances),
        elicitation=elicitation(utterances),
        license="not stated",
        citation="",
        url="",
        labels={},
        n_speakers=0,
    )


def _relative(path: Path, folder: Path) -> PurePath:
    return PurePath(os.path.relpath(path, folder))


def _path_text(path: Path, folder: Path) -> str:
    """A path from `folder`, with `/`; rows are read without the space around their values."""
    relative = _relative(path, folder).as_posix()
    try:
        relative.encode()
    except UnicodeEncodeError as fault:
        raise CorpusError(f"{printable(path)}: is no UTF-8 name; rename the recording") from fault
    return f"./{relative}" if relative[0].isspace() else relative


def _text(number: float | None) -> str:
    return "" if number is None else str(number)
