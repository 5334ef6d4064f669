"""audformat databases, the format in which audEERING and others publish emotional speech.

A database is a folder with the header `db.yaml`, which names schemes and tables, one file per
table, such as `db.emotion.parquet`, and the media. Its format:
https://audeering.github.io/audformat/data-format.html

No code in a database is executed: the header is read as plain YAML, tables as CSV or Parquet. A
pickle, which the library itself would prefer, is never opened or written.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from voxaffect.corpora.audformat_rows import (
    AUDIO_ROOT,
    EMOTION,
    FILES,
    HEADER,
    SEGMENTS,
    ColumnRef,
    database_of,
    rows_of_labels,
)
from voxaffect.corpora.corpus import Corpus, Problem, Utterance
from voxaffect.corpora.table import (
    COLUMNS,
    NOT_STATED,
    Row,
    TableRows,
    custom_corpus,
    read_utterances,
)
from voxaffect.errors import CorpusError

LIBRARY_ERRORS = (
    *(AssertionError, AttributeError, LookupError, OSError),
    *(RuntimeError, TypeError, ValueError),
)
"""What the library raises for a header or table that it does not expect."""

WRITTEN = {HEADER, *(f"db.{table}.parquet" for table in (EMOTION, FILES, SEGMENTS))}


def is_database(folder: Path) -> bool:
    """Whether a folder has the header of a database."""
    return (folder / HEADER).is_file()


def parse_audformat(
    folder: Path, name: str, *, table: str | None = None, column: str | None = None
) -> Corpus:
    """Read a corpus from a database.

    Labels are the column `emotion` of the table `emotion`, or else the only column of that name,
    or else the only one of that scheme. Speakers and the rest come from all tables that have
    columns or schemes of their names, and from speaker attributes in a scheme. Arousal and valence
    are mapped to 0..1 by the bounds of their scheme, ISO 639 codes to languages.

    Args:
        folder: folder of `db.yaml` and the tables.
        name: name of the corpus, the prefix of ids and speakers.
        table: table of the labels, if there are several.
        column: column of the labels, if there are several or it has another name.

    Raises:
        CorpusError: audformat is not installed, the folder is not a database, its labels are
            missing or ambiguous, or no row can be used.
    """
    database = _open(folder)
    labels = _find_labels(folder, database, table, column)
    rows, problems = _list_utterances(database, folder, name, labels)
    authors = ", ".join(str(who) for who in (database.author, database.organization) if who)
    usage = "" if database.usage == "other" else f"{database.usage} use"
    return custom_corpus(
        name,
        _root(folder, database),
        [utterance for utterance, _ in rows],
        problems,
        title=database.description or database.name,
        source=HEADER,
        terms="; ".join(str(term) for term in (database.license, usage) if term) or NOT_STATED,
        citation=str(database.meta.get("citation", authors)),
        url=database.source,
    )


def list_audformat(folder: Path, name: str) -> tuple[list[tuple[Utterance, Row]], list[Problem]]:
    """The utterances of a database in the order of its labels, each with its row.

    Raises:
        CorpusError: as by `parse_audformat`.
    """
    database = _open(folder)
    return _list_utterances(database, folder, name, _find_labels(folder, database, None, None))


def _list_utterances(
    database: Any, folder: Path, name: str, labels: ColumnRef
) -> tuple[list[tuple[Utterance, Row]], list[Problem]]:
    rows, notes = rows_of_labels(database, labels)
    base, root = folder.resolve(), _root(folder, database)
    located = [{**row, "path": os.path.relpath(base / row["path"], root)} for row in rows]
    lines = tuple(tuple(row[column] for column in COLUMNS) for row in located)

    def where(index: int) -> str:
        row = rows[index]
        times = f" {row['start_s']}-{row['end_s']} s" if row["start_s"] or row["end_s"] else ""
        return row["path"] + times

    utterances, faults = read_utterances(TableRows(COLUMNS, lines), root, name, where=where)
    if not utterances:
        why = f" ({faults[0].path}: {faults[0].detail})" if faults else ""
        raise CorpusError(f"{folder}: table {labels[0]} has no usable row{why}; correct its rows")
    return [(utterance, rows[n]) for n, utterance in utterances.items()], [*notes, *faults]


def write_audformat(corpus: Corpus, folder: Path) -> None:
    """Write a corpus as a database that `parse_audformat` and audformat itself read.

    The audio stays where it is: files are named relative to `folder`, so both must be moved
    together. Read back, the database gives the same utterances, with times to the nanosecond. An
    earlier export in `folder` is replaced as a whole.

    Raises:
        CorpusError: audformat is not installed, `folder` has other files than an export, or the
            name of a recording is not valid UTF-8.
    """
    library = _library()
    if folder.exists() and not folder.is_dir():
        raise CorpusError(f"{folder}: is a file; give a new folder for the database")
    foreign = sorted({p.name for p in folder.iterdir()} - WRITTEN) if folder.exists() else []
    if foreign:
        raise CorpusError(
            f"{folder}: has {foreign[0]}, which is not part of an exported database; "
            "give a new folder"
        )
    base = folder.resolve()
    with _without_library_warnings():
        database = database_of(library, corpus, base)
        with _replacing(base) as new:
            # Parquet: from CSV, the library reads the words NA and null as missing values.
            database.save(str(new), storage_format="parquet")


def _library() -> Any:
    try:
        import audformat  # noqa: PLC0415
    except ImportError as error:
        raise CorpusError(
            f"audformat databases need the audformat library ({error}); "
            "install it with: pip install 'voxaffect[audformat]'"
        ) from error
    return audformat


@contextmanager
def _without_library_warnings() -> Iterator[None]:
    """Suppress deprecation warnings of pandas that address the authors of audformat."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _open(folder: Path) -> Any:
    """The database of a folder, read from a copy of its header, CSV and Parquet files.

    The library prefers a pickle over a table where both exist, and its YAML loader can run code;
    the copy has no pickle, and its header is plain YAML.
    """
    load = _library().Database.load
    text = _plain_header(folder / HEADER)
    with TemporaryDirectory() as copy, _without_library_warnings():
        Path(copy, HEADER).write_text(text, encoding="utf-8")
        try:
            for file in _table_files(folder, load(copy, load_data=False)):
                shutil.copyfile(file, Path(copy, file.name))
            return load(copy, load_data=True)
        except LIBRARY_ERRORS as error:
            why = _one_line(error).replace(copy, str(folder))
            raise CorpusError(f"{folder}: is not a readable audformat database ({why})") from error


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _plain_header(path: Path) -> str:
    """The text of a header, once it is known to be YAML without code."""
    import yaml  # noqa: PLC0415 - comes with audformat

    try:
        text = path.read_text(encoding="utf-8")
        header = yaml.safe_load(text)
    except OSError as error:
        raise CorpusError(
            f"{path}: cannot be read ({error.strerror}); give the folder of an audformat database"
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        why = _one_line(error)
        raise CorpusError(f"{path}: is not plain YAML ({why}); download it again") from error
    if not isinstance(header, dict):
        raise CorpusError(f"{path}: is not the header of a database; download it again")
    return text


def _table_files(folder: Path, database: Any) -> list[Path]:
    """The Parquet or CSV file of every table."""
    files = []
    for table in (*database.tables, *database.misc_tables):
        paths = [folder / f"db.{table}.{suffix}" for suffix in ("parquet", "csv", "pkl")]
        file = next((path for path in paths if path.exists()), None)
        if file is None:
            missing = f"{paths[0].name} or .csv, named in {HEADER}, is missing"
            raise CorpusError(f"{folder}: {missing}; download it again")
        if file.suffix == ".pkl":
            pickled = f"{file}: is a pickle, which could run code"
            raise CorpusError(f"{pickled}; save the database as csv or parquet")
        files.append(file)
    return files


def _find_labels(folder: Path, database: Any, table: str | None, column: str | None) -> ColumnRef:
    """Table and column of the labels; the name `emotion` is preferred, of a column first."""
    known = [(t, c) for t in database.tables for c in database[t].columns]
    fitting = [
        (t, c)
        for t, c in known
        if table in {None, t}
        and (c == column if column else EMOTION in {c, database[t].columns[c].scheme_id})
    ]
    if not fitting:
        wanted = f"{table or 'any table'}/{column or EMOTION}"
        raise CorpusError(f"{folder}: has no labels in {wanted}; its columns are {_listed(known)}")
    rank = {ref: (ref[1] != EMOTION, ref[0] != EMOTION) for ref in fitting}
    best = [ref for ref in fitting if rank[ref] == min(rank.values())]
    if len(best) > 1:
        raise CorpusError(f"{folder}: has labels in {_listed(best)}; choose table and column")
    return best[0]


def _listed(refs: Iterable[ColumnRef]) -> str:
    return ", ".join(f"{table}/{column}" for table, column in refs) or "none"


def _root(folder: Path, database: Any) -> Path:
    """The folder that ids are relative to: that of the exported corpus, or the database's own."""
    return Path(os.path.normpath(folder.resolve() / str(database.meta.get(AUDIO_ROOT, "."))))


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A temporary folder that replaces `folder` once it is written."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        new = Path(temporary, "new")
        new.mkdir()
        yield new
        if folder.exists():
            folder.rename(Path(temporary, "old"))
        new.rename(folder)
