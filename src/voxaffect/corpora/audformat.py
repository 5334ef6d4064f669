"""audformat databases, the format in which audEERING and others publish emotional speech.

A database is a folder with the header `db.yaml`, which names schemes and tables, one file per
table, such as `db.emotion.parquet`, and the media. It may state the speaker or another field in a
column of any table, or in the attributes that a scheme lists of each speaker. The format:
https://audeering.github.io/audformat/data-format.html

No code in a database is executed: the header is read as plain YAML, tables as CSV or Parquet. A
pickle, which the library itself would prefer, is never opened or written.
"""

import os
import re
import shutil
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem, Utterance
from voxaffect.corpora.table import NOT_STATED, Row, custom_corpus, read_utterances, row_of
from voxaffect.errors import CorpusError
from voxaffect.taxonomy import GENDER, NATURALNESS

HEADER = "db.yaml"
EMOTION, FILES, SEGMENTS = "emotion", "files", "segments"
WRITTEN = {HEADER, *(f"db.{table}.parquet" for table in (EMOTION, FILES, SEGMENTS))}
AUDIO_ROOT = "audio_root"  # field of the header of an export

GENDERS = {"f": "female", "m": "male", **{word: word for word in GENDER.classes}}
STYLES = {"spontaneous": "natural", "posed": "acted", **{w: w for w in NATURALNESS.classes}}
RATINGS = ("arousal", "valence")

LIBRARY_ERRORS = (
    *(AssertionError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError),
)
"""What the library raises for a header or table that it does not expect."""

Place = Any
"""The file of a row, or its file, start and end, as in a filewise or a segmented index."""


def _language(word: str) -> str:
    """English name of an ISO 639 code; other words are kept."""
    language = _iso_639(word) if re.fullmatch(r"[a-z]{2,3}", word) else None
    return language.name.partition(" (")[0] if language else word


def _iso_639(word: str) -> Any:
    """The language of a code or English name, or None."""
    from iso639 import Lang, exceptions  # noqa: PLC0415 - comes with audformat

    try:
        return Lang(word)
    except (exceptions.InvalidLanguageValue, exceptions.DeprecatedLanguageValue):
        return None


def _share(word: str) -> str | None:
    try:
        return word if 0 <= float(word) <= 1 else None
    except ValueError:
        return None


FIELDS: dict[str, tuple[tuple[str, ...], Callable[[str], str | None]]] = {
    "speaker": (("speaker",), str),
    "gender": (("gender", "sex"), lambda word: GENDERS.get(word.casefold())),
    "naturalness": (("naturalness", "style", "acting"), lambda word: STYLES.get(word.casefold())),
    "language": (("language",), _language),
    "sentence": (("sentence", "transcription", "text"), str),
    "session": (("session", "dialogue"), str),
    "arousal": (("arousal",), _share),
    "valence": (("valence",), _share),
}
"""Field of a row -> columns, schemes or attributes of speakers that state it, by priority, and the
conversion of what they state, None if it is unknown."""


def is_database(folder: Path) -> bool:
    """Whether a folder has the header of a database."""
    return (folder / HEADER).is_file()


def parse_audformat(
    folder: Path, name: str, *, table: str | None = None, column: str | None = None
) -> Corpus:
    """Read the corpus `name` from a database.

    Labels are the column `emotion` of the table `emotion`, or else the only column of that name,
    or else the only one of that scheme, unless `table` or `column` are given. The rest is stated by
    columns or schemes of their names in any table, or by speaker attributes in a scheme. Arousal
    and valence are mapped to 0..1 by the bounds of their scheme, ISO 639 codes to languages.

    Raises:
        CorpusError: audformat is not installed, the folder is not a database, its labels are
            missing or ambiguous, or no row can be used.
    """
    database = _open(folder)
    rows, problems = _list(database, folder, name, table, column)
    authors = ", ".join(str(who) for who in (database.author, database.organization) if who)
    usage = "" if database.usage == "other" else f"{database.usage} use"
    card = CorpusCard(
        name,
        title=database.description or database.name,
        language=NOT_STATED,
        elicitation="mixed",
        license="; ".join(str(term) for term in (database.license, usage) if term) or NOT_STATED,
        citation=str(database.meta.get("citation", authors)),
        url=database.source,
    )
    return custom_corpus(card, _root(folder, database), rows, problems, source=HEADER)


def list_audformat(folder: Path, name: str) -> tuple[list[tuple[Utterance, Row]], list[Problem]]:
    """The utterances in the order of the labels, each with its row; errors as `parse_audformat`."""
    return _list(_open(folder), folder, name)


def write_audformat(corpus: Corpus, folder: Path) -> None:
    """Write a corpus as a database, with times to the nanosecond.

    The audio stays where it is: files are named relative to `folder`, so both must be moved
    together. An earlier export in `folder` is replaced as a whole.

    Raises:
        CorpusError: audformat is not installed, `folder` has other files than an export, or the
            name of a recording is not valid UTF-8.
    """
    library = _library()
    if folder.exists() and not folder.is_dir():
        raise CorpusError(f"{folder}: is a file; give a new folder for the database")
    foreign = sorted({p.name for p in folder.iterdir()} - WRITTEN) if folder.exists() else []
    if foreign:
        why = f"has {foreign[0]}, which is not part of an exported database"
        raise CorpusError(f"{folder}: {why}; give a new folder")
    target = folder.resolve()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        database = _database_of(library, corpus, target)
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as temporary:
            # Parquet: from CSV, the library reads the words NA and null as missing values.
            database.save(str(Path(temporary, "new")), storage_format="parquet")
            if target.exists():
                target.rename(Path(temporary, "old"))
            Path(temporary, "new").rename(target)


def _library() -> Any:
    try:
        import audformat  # noqa: PLC0415
    except ImportError as error:
        need = f"audformat databases need the audformat library ({error})"
        command = "pip install 'voxaffect[audformat]'"
        raise CorpusError(f"{need}; install it with: {command}") from error
    return audformat


def _open(folder: Path) -> Any:
    """The database of a folder, its tables read from copies without a pickle beside them."""
    library, header = _library(), _read_header(folder / HEADER)
    with (
        TemporaryDirectory() as copy,
        warnings.catch_warnings(action="ignore", category=DeprecationWarning),
    ):
        try:
            database = library.Database.load_header_from_yaml(header)
            for table in (*database.misc_tables, *database.tables):
                file = _table_file(folder, f"db.{table}")
                shutil.copyfile(file, Path(copy, file.name))
                database[table].load(str(Path(copy, f"db.{table}")))
        except LIBRARY_ERRORS as error:
            why = " ".join(f"{type(error).__name__}: {error}".split()).replace(copy, str(folder))
            raise CorpusError(f"{folder}: is not a readable audformat database ({why})") from error
    return database


def _read_header(path: Path) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - comes with audformat

    try:
        header = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        fix = "give the folder of an audformat database"
        raise CorpusError(f"{path}: cannot be read ({error.strerror}); {fix}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise CorpusError(f"{path}: is not plain YAML ({why}); download it again") from error
    if not isinstance(header, dict):
        raise CorpusError(f"{path}: is not the header of a database; download it again")
    return header


def _table_file(folder: Path, stem: str) -> Path:
    for suffix in ("parquet", "csv"):
        if (folder / f"{stem}.{suffix}").exists():
            return folder / f"{stem}.{suffix}"
    if (folder / f"{stem}.pkl").exists():
        pickled = f"{folder / stem}.pkl: is a pickle, which could run code"
        raise CorpusError(f"{pickled}; save the database as csv or parquet")
    missing = f"{stem}.parquet or .csv, named in {HEADER}, is missing"
    raise CorpusError(f"{folder}: {missing}; download it again")


def _root(folder: Path, database: Any) -> Path:
    """The folder that ids are relative to: that of the exported corpus, or the database's own."""
    return Path(os.path.normpath(folder.resolve() / str(database.meta.get(AUDIO_ROOT, "."))))


def _list(
    database: Any, folder: Path, name: str, table: str | None = None, column: str | None = None
) -> tuple[list[tuple[Utterance, Row]], list[Problem]]:
    labels = _find_labels(folder, database, table, column)
    rows, notes = _rows(database, *labels)
    base, root = folder.resolve(), _root(folder, database)
    located = [{**row, "path": os.path.relpath(base / row["path"], root)} for row in rows]
    names = [
        f"{row['path']} {row['start_s']}-{row['end_s']} s".removesuffix(" - s") for row in rows
    ]
    found, faults = read_utterances(located, root, name, names=names)
    if not found:
        why = f" ({faults[0].path}: {faults[0].detail})" if faults else ""
        raise CorpusError(f"{folder}: table {labels[0]} has no usable row{why}; correct its rows")
    return [(utterance, rows[n]) for n, (utterance, _) in found.items()], [*notes, *faults]


def _find_labels(
    folder: Path, database: Any, table: str | None, column: str | None
) -> tuple[str, str]:
    """Table and column of the labels; the name `emotion` is preferred, of a column first."""

    def listed(refs: Iterable[tuple[str, str]]) -> str:
        return ", ".join(map("/".join, refs)) or "none"

    known = [(t, c) for t in database.tables for c in database[t].columns]
    fitting = [
        (t, c)
        for t, c in known
        if table in {None, t}
        and (c == column if column else EMOTION in {c, database[t][c].scheme_id})
    ]
    if not fitting:
        wanted = f"{table or 'any table'}/{column or EMOTION}"
        raise CorpusError(f"{folder}: has no labels in {wanted}; its columns are {listed(known)}")
    rank = {ref: (ref[1] != EMOTION, ref[0] != EMOTION) for ref in fitting}
    best = [ref for ref in fitting if rank[ref] == min(rank.values())]
    if len(best) > 1:
        raise CorpusError(f"{folder}: has labels in {listed(best)}; choose table and column")
    return best[0]


def _rows(database: Any, table: str, column: str) -> tuple[list[Row], list[Problem]]:
    """A row for each label, with what is stated of its segment, file or database, and notes."""
    import pandas as pd  # noqa: PLC0415 (slow to load)

    emotions = _texts(database[table][column])
    rows: list[Row] = []
    for place, emotion in emotions:
        file, start, end = place if isinstance(place, tuple) else (place, None, None)
        start_s = str(start.total_seconds()) if start else ""
        end_s: str = "" if pd.isna(end) else str(end.total_seconds())
        rows.append({"path": file, "emotion": emotion, "start_s": start_s, "end_s": end_s})
    n_unlabeled = len({*database.files} - {row["path"] for row in rows})
    detail = f"{n_unlabeled} files are in other tables than that of the labels; left out"
    notes = [Problem("no label", HEADER, detail)] if n_unlabeled else []
    tables = [table, *(other for other in database.tables if other != table)]
    for field, (names, convert) in FIELDS.items():
        words: dict[Place, str] = {}
        for texts in _stated(database, tables, names, is_rating=field in RATINGS):
            words = {place: word for place, word in texts if word} | words
        known = {word: convert(word) for word in words.values()}
        for word, n in Counter(word for word in words.values() if known[word] is None).items():
            detail = f"unknown {field} {word!r} in {n} rows; taken as missing"
            notes.append(Problem(f"unknown {field}", HEADER, detail))
        for row, (place, _) in zip(rows, emotions, strict=True):
            found = (known.get(words.get(each, "")) for each in (place, row["path"]))
            row[field] = next(filter(None, found), "")
    if len(database.languages) == 1:
        of_all = _language(database.languages[0])
        rows = [{**row, "language": row["language"] or of_all} for row in rows]
    return rows, notes


def _stated(
    database: Any, tables: Iterable[str], names: Iterable[str], *, is_rating: bool
) -> Iterator[list[tuple[Place, str]]]:
    """Texts of columns of these names, then of attributes of speakers, by priority."""

    def columns(name: str) -> Iterator[Any]:
        """In each table, the column of a name, or else the first whose scheme has that name."""
        for table in tables:
            of_table = database[table].columns
            schemed = [column for column in of_table.values() if column.scheme_id == name]
            yield from [of_table[name]] if name in of_table else schemed[:1]

    for name in names:
        yield from (_texts(column, is_rating=is_rating) for column in columns(name))
    for column in columns("speaker"):
        labels = column.scheme.labels if column.scheme else None
        if isinstance(labels, str):
            labels = database[labels].df.to_dict("index")
        listed = labels.values() if isinstance(labels, dict) else ()
        stated = {name for each in listed if isinstance(each, dict) for name in each}
        yield from (_texts(column, name) for name in names if name in stated)


def _texts(
    column: Any, attribute: str | None = None, *, is_rating: bool = False
) -> list[tuple[Place, str]]:
    """A text for each row of a column; numbers that a scheme maps to words become these words."""
    scheme = column.scheme
    if attribute is None and scheme is not None and scheme.dtype == "int":
        words = scheme.labels.values() if isinstance(scheme.labels, dict) else ()
        attribute = column.scheme_id if any(isinstance(word, str) for word in words) else None
    values = column.get(map=attribute)
    if is_rating and scheme is not None and None not in (scheme.minimum, scheme.maximum):
        values = (values - scheme.minimum) / ((scheme.maximum - scheme.minimum) or 1)
    texts = []
    for place, value, is_missing in zip(values.index, values, values.isna(), strict=True):
        # Integers in a column with missing values are floats.
        is_whole = isinstance(value, float) and value.is_integer()
        text = "" if is_missing else str(int(value) if is_whole else value).strip()
        texts.append((place, text))
    return texts


def _database_of(library: Any, corpus: Corpus, base: Path) -> Any:
    """A database with the labels of a corpus in one table and all other metadata in another."""
    import pandas as pd  # noqa: PLC0415 (slow to load)

    card, utterances = corpus.card, corpus.utterances
    root = Path(os.path.relpath(corpus.root.resolve(), base))
    # No codes if one is unknown: readers take a single code as the language of every utterance.
    languages = [_iso_639(name or "") for name in {u.language for u in utterances}]
    database = library.Database(
        corpus.name,
        source=card.url,
        usage=library.define.Usage.OTHER,
        languages=sorted({each.pt3 for each in languages}) if all(languages) else [],
        description=card.title or None,
        license=card.license or None,
        meta={"citation": card.citation, AUDIO_ROOT: root.as_posix()},
    )
    rows = [row_of(utterance, corpus.root) for utterance in utterances]
    files = [Path(os.path.normpath(root / row["path"])).as_posix() for row in rows]
    # From seconds, the library would truncate rather than round to nanoseconds.
    starts = [pd.Timedelta(round(u.start_s * 10**9)) for u in utterances]
    ends = [None if u.end_s is None else pd.Timedelta(round(u.end_s * 10**9)) for u in utterances]
    metadata, index = FILES, library.filewise_index(files)
    if any(starts) or any(ends):
        metadata, index = SEGMENTS, library.segmented_index(files, starts, ends)
    schemes = {
        EMOTION: library.Scheme(labels=sorted({u.label for u in utterances})),
        **{name: library.Scheme("str") for name in FIELDS},
        "gender": library.Scheme(labels=list(GENDER.classes)),
        "naturalness": library.Scheme(labels=list(NATURALNESS.classes)),
        **{name: library.Scheme("float", minimum=0, maximum=1) for name in RATINGS},
    }
    for name, scheme in schemes.items():
        values = pd.Series([row[name] or None for row in rows], index)
        if values.isna().all():
            continue
        database.schemes[name] = scheme
        table = EMOTION if name == EMOTION else metadata
        if table not in database:
            database[table] = library.Table(index)
        database[table][name] = library.Column(scheme_id=name)
        database[table][name].set(pd.to_numeric(values) if scheme.is_numeric else values)
    return database
