"""Databases in audformat, as audEERING and others publish emotional speech.

A database is a folder with the header `db.yaml`, which names schemes and tables, and one file a
table, such as `db.emotion.parquet`; media lie beside them. Its format:
https://audeering.github.io/audformat/data-format.html

Nothing that a database holds is executed: the header is read as plain YAML, tables as CSV or
Parquet. A pickle, which the library itself would prefer, is never opened, nor is one written.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterable, Iterator, Sequence
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
    Place,
    database_of,
    rows_of_labels,
)
from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem, Utterance
from voxaffect.corpora.table import (
    COLUMNS,
    Row,
    TableRows,
    elicitation,
    languages,
    missing_speakers,
    read_utterances,
    sorted_by_id,
)
from voxaffect.errors import CorpusError

TABLE_SUFFIXES = ("parquet", "csv")
LIBRARY_ERRORS = (
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What the library lets through where a header or a table is not as it expects."""

WRITTEN = {HEADER, *(f"db.{table}.parquet" for table in (EMOTION, FILES, SEGMENTS))}


def is_database(folder: Path) -> bool:
    """Whether a folder holds a database's header."""
    return (folder / HEADER).is_file()


def parse_audformat(
    folder: Path, name: str, *, table: str | None = None, column: str | None = None
) -> Corpus:
    """Read a corpus from a database.

    Labels are the column `emotion` of the table `emotion`, or else the only column of that name,
    or else the only one of that scheme. Speakers and the rest come from whatever tables have
    columns or schemes of their names, and from what a scheme tells of each speaker. Arousal and
    valence are mapped to 0..1 by the bounds of their scheme, ISO 639 codes to languages.

    Args:
        folder: holds `db.yaml` and the tables.
        name: name of the corpus, the prefix of ids and speakers.
        table: table of the labels, where there are several.
        column: column of the labels, where there are several or it has another name.

    Raises:
        CorpusError: audformat is not installed, the folder is no database, it cannot be told where
            its labels are, or no row can be used.
    """
    database = _open(folder)
    rows, problems = _list(database, folder, name, _find_labels(folder, database, table, column))
    utterances = sorted_by_id(utterance for utterance, _ in rows)
    notes = missing_speakers(HEADER, utterances, name)
    card = _card(database, name, utterances)
    return Corpus(card, _root(folder, database), utterances, (*problems, *notes))


def list_audformat(folder: Path, name: str) -> tuple[list[tuple[Utterance, Row]], list[Problem]]:
    """The utterances of a database in the order of its labels, each with what the row says.

    Raises:
        CorpusError: as by `parse_audformat`.
    """
    database = _open(folder)
    return _list(database, folder, name, _find_labels(folder, database, None, None))


def _list(
    database: Any, folder: Path, name: str, labels: Place
) -> tuple[list[tuple[Utterance, Row]], list[Problem]]:
    rows, notes = rows_of_labels(database, labels)
    root = _root(folder, database)
    located = TableRows(COLUMNS, tuple(_located(row, folder.resolve(), root) for row in rows))
    utterances, faults = read_utterances(located, root, name, where=lambda n: _where(rows[n]))
    if not utterances:
        why = f" ({faults[0].path}: {faults[0].detail})" if faults else ""
        raise CorpusError(f"{folder}: table {labels[0]} has no row that can be used{why}")
    return [(utterance, rows[n]) for n, utterance in utterances.items()], [*notes, *faults]


def write_audformat(corpus: Corpus, folder: Path) -> None:
    """Write a corpus as a database that `parse_audformat` and audformat itself read.

    The audio stays where it is: files are named by the way from `folder` to them, so that both
    must be moved together. Read back, the database gives the same utterances, with times to the
    nanosecond. An earlier export in `folder` is replaced as a whole.

    Raises:
        CorpusError: audformat is not installed, `folder` holds something else than an export, or
            the name of a recording is no text.
    """
    library = _library()
    base = folder.resolve()
    _refuse_foreign(folder)
    with _without_library_warnings():
        database = database_of(library, corpus, base)
        with _whole_folder(base) as new:
            # Parquet: as CSV, the library takes the words NA and null for no value.
            database.save(str(new), storage_format="parquet")


def _library() -> Any:
    try:
        import audformat  # noqa: PLC0415
    except ImportError as fault:
        raise CorpusError(
            f"databases in audformat need the library of that name ({fault}); "
            "install it with: pip install 'voxaffect[audformat]'"
        ) from fault
    return audformat


@contextmanager
def _without_library_warnings() -> Iterator[None]:
    """Without what pandas tells the authors of audformat about pandas to come."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _open(folder: Path) -> Any:
    """The database of a folder, read from a copy of its header, CSV and Parquet files.

    The library prefers a pickle wherever one lies beside a table, and its YAML loader calls what a
    header tells it to; the copy holds no pickle, and its header is plain.
    """
    load = _library().Database.load
    text = _plain_header(folder / HEADER)
    with TemporaryDirectory() as copy, _without_library_warnings():
        Path(copy, HEADER).write_text(text, encoding="utf-8")
        try:
            for file in _table_files(folder, load(copy, load_data=False)):
                shutil.copyfile(file, Path(copy, file.name))
            return load(copy, load_data=True)
        except LIBRARY_ERRORS as fault:
            why = _one_line(fault).replace(copy, str(folder))
            raise CorpusError(f"{folder}: is no database that can be read ({why})") from fault


def _one_line(fault: Exception) -> str:
    return f"{type(fault).__name__}: {' '.join(str(fault).split())}"


def _plain_header(path: Path) -> str:
    """The text of a header, once it is known to be YAML that names no code to run."""
    import yaml  # noqa: PLC0415 - comes with audformat

    try:
        text = path.read_text(encoding="utf-8")
        header = yaml.safe_load(text)
    except OSError as fault:
        raise CorpusError(
            f"{path}: cannot be read ({fault.strerror}); give the folder of an audformat database"
        ) from fault
    except (UnicodeDecodeError, yaml.YAMLError) as fault:
        raise CorpusError(f"{path}: is no plain YAML ({_one_line(fault)}); get it again") from fault
    if not isinstance(header, dict):
        raise CorpusError(f"{path}: is no header of a database; get it again")
    return text


def _table_files(folder: Path, database: Any) -> list[Path]:
    """The Parquet or CSV file of every table."""
    there = {path.name: path for path in folder.iterdir()}
    files = []
    for table in (*database.tables, *database.misc_tables):
        names = [f"db.{table}.{suffix}" for suffix in TABLE_SUFFIXES]
        file = next((there[name] for name in names if name in there), None)
        if file is None:
            raise CorpusError(_lacking(folder, table, is_pickled=f"db.{table}.pkl" in there))
        files.append(file)
    return files


def _lacking(folder: Path, table: str, *, is_pickled: bool) -> str:
    if is_pickled:
        pickled = folder / f"db.{table}.pkl"
        return f"{pickled}: is a pickle, which could run code; save the database as csv or parquet"
    return f"{folder}: has no db.{table}.parquet or .csv, which {HEADER} names; get it again"


def _find_labels(folder: Path, database: Any, table: str | None, column: str | None) -> Place:
    """Where the labels are; what is named `emotion` goes first, column before table."""
    known = [(t, c) for t in database.tables for c in database[t].columns]
    fitting = [
        (t, c)
        for t, c in known
        if table in {None, t}
        and (c == column if column else EMOTION in {c, database[t].columns[c].scheme_id})
    ]
    if not fitting:
        wanted = f"{table or 'any table'}/{column or EMOTION}"
        raise CorpusError(f"{folder}: has no labels at {wanted}; its columns are {_listed(known)}")
    best = min(map(_unlikeliness, fitting))
    likely = [place for place in fitting if _unlikeliness(place) == best]
    if len(likely) > 1:
        raise CorpusError(f"{folder}: has labels at {_listed(likely)}; choose table and column")
    return likely[0]


def _unlikeliness(place: Place) -> tuple[bool, bool]:
    table, column = place
    return column != EMOTION, table != EMOTION


def _listed(places: Iterable[Place]) -> str:
    return ", ".join(f"{table}/{column}" for table, column in places) or "none"


def _root(folder: Path, database: Any) -> Path:
    """The folder that ids count from: the corpus's that was exported, or else the database's."""
    return Path(os.path.normpath(folder.resolve() / str(database.meta.get(AUDIO_ROOT, "."))))


def _located(row: Row, base: Path, root: Path) -> tuple[str, ...]:
    """A row whose path counts from `root` instead of the database."""
    path = os.path.relpath(base / row["path"], root)
    return tuple({**row, "path": path}[column] for column in COLUMNS)


def _where(row: Row) -> str:
    times = f"{row['start_s']}-{row['end_s']}"
    return row["path"] if times == "-" else f"{row['path']} {times} s"


def _card(database: Any, name: str, utterances: Sequence[Utterance]) -> CorpusCard:
    """What the header says of the database; it promises no counts."""
    by_whom = ", ".join(str(who) for who in (database.author, database.organization) if who)
    permitted = "" if database.usage == "other" else f"{database.usage} use"
    return CorpusCard(
        name=name,
        title=database.description or database.name,
        language=languages(utterances),
        elicitation=elicitation(utterances),
        license="; ".join(str(term) for term in (database.license, permitted) if term)
        or "not stated",
        citation=str(database.meta.get("citation", by_whom)),
        url=database.source,
        labels={},
        n_speakers=0,
    )


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise CorpusError(f"{folder}: is a file; name a new folder for the database")
    foreign = sorted({p.name for p in folder.iterdir()} - WRITTEN) if folder.exists() else []
    if foreign:
        raise CorpusError(
            f"{folder}: holds {foreign[0]}, which is no part of an exported database; "
            "name a new folder"
        )


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder to fill, which takes the place of `folder` once it is full."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as beside:
        new = Path(beside, "new")
        new.mkdir()
        yield new
        if folder.exists():
            folder.rename(Path(beside, "old"))
        new.rename(folder)
