"""Text in rows and columns, from and to CSV and Parquet; `table` knows what the columns mean."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voxaffect.corpora.corpus import Problem
from voxaffect.corpora.label_files import ENCODINGS
from voxaffect.errors import CorpusError
from voxaffect.files import write_atomically

if TYPE_CHECKING:
    import pandas as pd

CSV = ".csv"
PARQUET = ".parquet"


@dataclass(frozen=True)
class Rows:
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


def read_rows(path: Path) -> Rows:
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


def write_rows(rows: Rows, path: Path) -> None:
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


def _read_csv(path: Path) -> Rows:
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
    return Rows(_names(header), tuple(lines), tuple(problems))


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


def _read_parquet(path: Path) -> Rows:
    import pandas as pd  # noqa: PLC0415 (slow to load)

    frame = pd.read_parquet(path, dtype_backend="pyarrow")  # keeps 3 from becoming 3.0 beside null
    columns = [_texts(frame[name]) for name in frame.columns]
    return Rows(_names(frame.columns), tuple(zip(*columns, strict=True)))


def _names(header: Iterable[object]) -> tuple[str, ...]:
    return tuple(str(name).strip().lower() for name in header)


def _texts(column: pd.Series) -> list[str]:
    import pandas as pd  # noqa: PLC0415 (slow to load)

    return ["" if pd.isna(value) else str(value).strip() for value in column]


def _as_csv(rows: Rows) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)  # RFC 4180; under other line ends it leaves "\r" in values unquoted
    writer.writerows([rows.columns, *rows.lines])
    return text.getvalue().encode("utf-8")


def _as_parquet(rows: Rows) -> bytes:
    import pandas as pd  # noqa: PLC0415 (slow to load)

    frame = pd.DataFrame(list(rows.lines), columns=list(rows.columns), dtype="string")
    return frame.to_parquet(None, index=False)
