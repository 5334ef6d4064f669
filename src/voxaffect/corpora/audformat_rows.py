"""Conversion between the tables of an audformat database and rows of text, one per utterance.

A database may state the speaker or another field in a column of any table, or in the attributes
that a scheme lists of each speaker.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voxaffect.corpora.corpus import Corpus, Problem, Utterance
from voxaffect.corpora.table import Row, row_of
from voxaffect.taxonomy import GENDER, NATURALNESS

if TYPE_CHECKING:
    import pandas as pd


HEADER = "db.yaml"
EMOTION = "emotion"
FILES = "files"
SEGMENTS = "segments"
AUDIO_ROOT = "audio_root"
"""Field of the header of an export: the root of the corpus, which ids are relative to."""

GENDERS = {"f": "female", "m": "male", **{word: word for word in GENDER.classes}}
STYLES = {"spontaneous": "natural", "posed": "acted", **{w: w for w in NATURALNESS.classes}}
LANGUAGE_CODE = re.compile(r"[a-z]{2,3}")
NS_PER_S = 10**9

ColumnRef = tuple[str, str]
"""A table and a column of it."""

Segment = tuple[str, int | None, int | None]
"""File, start and end in nanoseconds; None in a table of files."""


@dataclass(frozen=True)
class Field:
    """How databases state one of the columns of `table.COLUMNS`.

    Args:
        names: columns or schemes that hold it, by priority.
        convert: value in the database -> value of the column, None if unknown.
        is_rating: whether to map the bounds of its scheme to 0 and 1.
    """

    names: tuple[str, ...]
    convert: Callable[[str], str | None] = str
    is_rating: bool = False


def _language(word: str) -> str:
    """English name of an ISO 639 code; other words are kept."""
    language = _iso_639(word) if LANGUAGE_CODE.fullmatch(word) else None
    return language.name.partition(" (")[0] if language else word


def _iso_639(word: str) -> Any:
    """The language of a code or English name, None if it is not in the standard."""
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


FIELDS = {
    "speaker": Field(("speaker",)),
    "gender": Field(("gender", "sex"), lambda word: GENDERS.get(word.casefold())),
    "naturalness": Field(
        ("naturalness", "style", "acting"), lambda word: STYLES.get(word.casefold())
    ),
    "language": Field(("language",), _language),
    "sentence": Field(("sentence", "transcription", "text")),
    "session": Field(("session", "dialogue")),
    "arousal": Field(("arousal",), _share, is_rating=True),
    "valence": Field(("valence",), _share, is_rating=True),
}


def rows_of_labels(database: Any, labels: ColumnRef) -> tuple[list[Row], list[Problem]]:
    """A row for each label, its path as in the database, and notes of what was left out."""
    emotions = _texts(database, labels, Field((EMOTION,)))
    listed = {file for table in database.tables for file in database[table].files}
    n_unlabeled = len(listed - {file for (file, _, _), _ in emotions})
    detail = f"{n_unlabeled} files are in other tables than that of the labels; left out"
    notes = [Problem("no label", HEADER, detail)] if n_unlabeled else []
    columns: dict[str, dict[Segment, str]] = {}
    for name, field in FIELDS.items():
        words = _field_values(database, labels[0], field)
        converted = {word: field.convert(word) for word in set(words.values())}
        columns[name] = {segment: converted[word] or "" for segment, word in words.items()}
        unknown = Counter(word for word in words.values() if converted[word] is None)
        for word, n in unknown.items():
            detail = f"unknown {name} {word!r} in {n} rows; taken as missing"
            notes.append(Problem(f"unknown {name}", HEADER, detail))
    return [_row(database, columns, *labeled) for labeled in emotions], notes


def database_of(library: Any, corpus: Corpus, base: Path) -> Any:
    """A database with the labels of a corpus in one table and all other metadata in another.

    Args:
        library: audformat.
        corpus: what to write.
        base: resolved folder of the database, which file names are relative to.
    """
    import pandas as pd  # noqa: PLC0415 (slow to load)

    card = corpus.card
    root = Path(os.path.relpath(corpus.root.resolve(), base))
    database = library.Database(
        corpus.name,
        source=card.url,
        usage=library.define.Usage.OTHER,
        languages=_language_codes(corpus.utterances),
        description=card.title or None,
        license=card.license or None,
        meta={"citation": card.citation, AUDIO_ROOT: root.as_posix()},
    )
    rows = [row_of(utterance, corpus.root) for utterance in corpus.utterances]
    files = [Path(os.path.normpath(root / row["path"])).as_posix() for row in rows]
    if any(u.start_s != 0 or u.end_s is not None for u in corpus.utterances):
        ends = [None if u.end_s is None else _duration(u.end_s) for u in corpus.utterances]
        starts = [_duration(u.start_s) for u in corpus.utterances]
        metadata_table, index = SEGMENTS, library.segmented_index(files, starts, ends)
    else:
        metadata_table, index = FILES, library.filewise_index(files)
    for column, scheme in _schemes(library, corpus).items():
        values = pd.Series([row[column] or None for row in rows], index)
        if values.isna().all():
            continue
        database.schemes[column] = scheme
        table = EMOTION if column == EMOTION else metadata_table
        if table not in database:
            database[table] = library.Table(index)
        database[table][column] = library.Column(scheme_id=column)
        database[table][column].set(pd.to_numeric(values) if scheme.is_numeric else values)
    return database


def _row(
    database: Any, columns: Mapping[str, Mapping[Segment, str]], segment: Segment, emotion: str
) -> Row:
    """Values of a segment, or else of its file, or else of the database."""
    file, start, end = segment
    row = {c: of.get(segment) or of.get((file, None, None), "") for c, of in columns.items()}
    if len(database.languages) == 1:
        row["language"] = row["language"] or _language(str(database.languages[0]))
    return {
        "path": file,
        "emotion": emotion,
        **row,
        "start_s": str(start / NS_PER_S) if start else "",
        "end_s": "" if end is None else str(end / NS_PER_S),
    }


def _field_values(database: Any, first: str, field: Field) -> dict[Segment, str]:
    """All values of a field in columns and in speaker attributes of schemes.

    Where a segment has several, the table of the labels takes precedence over other tables, and a
    table over a scheme.
    """
    tables = [first, *(table for table in database.tables if table != first)]
    columns = [p for name in field.names for p in _named_columns(database, tables, name)]
    speakers = _named_columns(database, tables, "speaker")
    found: dict[Segment, str] = {}
    for words in (
        *(_texts(database, ref, field) for ref in columns),
        *(_attributes(database, ref, field) for ref in speakers),
    ):
        found = {segment: word for segment, word in words if word} | found
    return found


def _named_columns(database: Any, tables: Iterable[str], name: str) -> Iterator[ColumnRef]:
    """In each table, the column of a name, or else the first whose scheme has that name."""
    for table in tables:
        columns = database[table].columns
        schemed = [column for column in columns if columns[column].scheme_id == name]
        yield from [(table, column) for column in ([name] if name in columns else schemed[:1])]


def _texts(database: Any, ref: ColumnRef, field: Field) -> list[tuple[Segment, str]]:
    """A text for each row; numbers that a scheme maps to words become these words."""
    scheme = _scheme(database, ref)
    if field.is_rating and scheme and None not in (scheme.minimum, scheme.maximum):
        low, span = scheme.minimum, scheme.maximum - scheme.minimum
        return [(s, _text((x - low) / span if span else x)) for s, x in _cells(database, ref)]
    meanings = _meanings(database, scheme) if scheme and scheme.dtype == "int" else {}
    words = {cell: word for cell, word in meanings.items() if isinstance(word, str)}
    return [(s, words.get(_text(x), _text(x))) for s, x in _cells(database, ref)]


def _attributes(database: Any, ref: ColumnRef, field: Field) -> list[tuple[Segment, str]]:
    """Attribute of the speaker of each row, by a scheme such as `{3: {gender: male}}`."""
    meanings = _meanings(database, _scheme(database, ref))
    words = {
        speaker: next((word for n in field.names if (word := _text(attributes.get(n)))), "")
        for speaker, attributes in meanings.items()
        if isinstance(attributes, Mapping)
    }
    return [(s, words.get(_text(x), "")) for s, x in _cells(database, ref)]


def _scheme(database: Any, ref: ColumnRef) -> Any:
    table, column = ref
    scheme_id = database[table].columns[column].scheme_id
    return None if scheme_id is None else database.schemes[scheme_id]


def _meanings(database: Any, scheme: Any) -> dict[str, Any]:
    """Words or attributes of a scheme's labels, from the header or from a table."""
    labels = None if scheme is None else scheme.labels
    if isinstance(labels, str):
        labels = database[labels].df.to_dict("index")
    given = labels if isinstance(labels, Mapping) else {}
    return {_text(label): meaning for label, meaning in given.items()}


def _cells(database: Any, ref: ColumnRef) -> list[tuple[Segment, Any]]:
    """Value of each row, with the file or segment of its filewise or segmented index."""
    table, column = ref
    frame = database[table].df
    if frame.index.nlevels == 1:
        return [((str(file), None, None), value) for file, value in frame[column].items()]
    files, starts, ends = (frame.index.get_level_values(level) for level in range(3))
    rows = zip(files, _nanoseconds(starts), _nanoseconds(ends), frame[column], strict=True)
    return [((str(file), start or 0, end), value) for file, start, end, value in rows]


def _nanoseconds(times: pd.TimedeltaIndex) -> list[int | None]:
    numbers = times.as_unit("ns").asi8.tolist()
    return [None if missing else ns for ns, missing in zip(numbers, times.isna(), strict=True)]


def _text(value: Any) -> str:
    import pandas as pd  # noqa: PLC0415 (slow to load)

    if pd.api.types.is_scalar(value) and pd.isna(value):
        return ""
    # Integers in a column with missing values are floats.
    is_whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if is_whole else value).strip()


def _duration(seconds: float) -> pd.Timedelta:
    import pandas as pd  # noqa: PLC0415 (slow to load)

    return pd.Timedelta(round(seconds * NS_PER_S), unit="ns")


def _schemes(library: Any, corpus: Corpus) -> dict[str, Any]:
    """A scheme per column; classes are named as in the taxonomy, `female child` among them."""
    rating = {"dtype": "float", "minimum": 0, "maximum": 1}
    return {
        EMOTION: library.Scheme(labels=sorted({u.label for u in corpus.utterances})),
        "speaker": library.Scheme("str"),
        "gender": library.Scheme(labels=list(GENDER.classes)),
        "naturalness": library.Scheme(labels=list(NATURALNESS.classes)),
        **{name: library.Scheme("str") for name in ("language", "sentence", "session")},
        **{name: library.Scheme(**rating) for name in ("arousal", "valence")},
    }


def _language_codes(utterances: Iterable[Utterance]) -> list[str]:
    """ISO 639-3 codes of all languages; none if one is unknown.

    Readers take a single code as the language of every utterance.
    """
    words = {u.language for u in utterances}
    known = [_iso_639(word) if word else None for word in words]
    return sorted({language.pt3 for language in known if language}) if all(known) else []
