"""Text in rows and columns, from and to CSV and Parquet; `table` knows what the columns mean."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from voxaffect.errors import CorpusError
from voxaffect.files import write_atomically

CSV = ".csv"
PARQUET = ".parquet"


@dataclass(frozen=True)
class Rows:
    """A table as text.

    Args:
        columns: names, lower case, each once.
        lines: the rows below the header; an empty string is no value.
    """

    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def is_table(path: Path) -> bool:
    """Whether a path names a table by its suffix, `.csv` or `.parquet`."""
    return path.suffix.lower() in (CSV, PARQUET)


def read_rows(path: Path) -> Rows:
    """Read a `.csv` (UTF-8, comma-separated, with a header) or `.parquet` file.

    Raises:
        CorpusError: the file is missing, damaged, of another kind, or names a column twice.
    """
    is_parquet = _suffix(path) == PARQUET
    try:
        header, *lines = _read_parquet(path) if is_parquet else _read_csv(path)
    except FileNotFoundError as fault:
        raise CorpusError(f"{path}: there is no such table; check the path") from fault
    except (OSError, ValueError, csv.Error) as fault:
        raise CorpusError(f"{path}: cannot be read as a table ({fault}); save it again") from fault
    columns = tuple(name.lower() for name in header)
    for name in columns:
        if name and columns.count(name) > 1:
            raise CorpusError(f"{path}: has two columns named {name!r}; rename or remove one")
    return Rows(columns, tuple(lines))


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


def _read_csv(path: Path) -> list[tuple[str, ...]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = [tuple(value.strip() for value in line) for line in csv.reader(file, strict=True)]
    return lines or [()]


def _read_parquet(path: Path) -> list[tuple[str, ...]]:
    frame = pd.read_parquet(path, dtype_backend="pyarrow")  # keeps 3 from becoming 3.0 beside null
    columns = [_texts(frame[name]) for name in frame.columns]
    return [tuple(str(name).strip() for name in frame.columns), *zip(*columns, strict=True)]


def _texts(column: pd.Series) -> list[str]:
    return ["" if pd.isna(value) else str(value).strip() for value in column]


def _as_csv(rows: Rows) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)  # RFC 4180; under other line ends it leaves "\r" in values unquoted
    writer.writerows([rows.columns, *rows.lines])
    return text.getvalue().encode("utf-8")


def _as_parquet(rows: Rows) -> bytes:
    frame = pd.DataFrame(list(rows.lines), columns=list(rows.columns), dtype="string")
    return frame.to_parquet(None, index=False)
