"""Between the tables of a database in audformat and rows of text, one an utterance.

A database may tell who speaks in a column of any table, or of a scheme that lists its speakers;
here is where each of our columns is looked for, and how it is written.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
"""Field of the header of an export: the corpus's own root, which ids count from."""

GENDERS = {"f": "female", "m": "male", **{word: word for word in GENDER.classes}}
STYLES = {"spontaneous": "natural", "posed": "acted", **{w: w for w in NATURALNESS.classes}}
LANGUAGE_CODE = re.compile(r"[a-z]{2,3}")
NS_PER_S = 10**9

Place = tuple[str, str]
"""A table and a column of it."""

Segment = tuple[str, int | None, int | None]
"""File, start and end in nanoseconds; a row of a table of files has neither."""


@dataclass(frozen=True)
class Field:
    """One of our columns, as databases have it.

    Args:
        names: columns or schemes that hold it, the likeliest first.
        read: a word of the database -> ours, None where it has no place with us.
        is_rating: whether the bounds of its scheme stand for 0 and 1.
    """

    names: tuple[str, ...]
    read: Callable[[str], str | None] = str
    is_rating: bool = False


def _gender(word: str) -> str | None:
    return GENDERS.get(word.casefold())


def _naturalness(word: str) -> str | None:
    return STYLES.get(word.casefold())


def _language(word: str) -> str:
    """English name of an ISO 639 code; any other word stays."""
    language = _iso_639(word) if LANGUAGE_CODE.fullmatch(word) else None
    return language.name.partition(" (")[0] if language else word


def _iso_639(word: str) -> Any:
    """The language of a code or English name, None where the standard has none."""
    from iso639 import Lang, exceptions  # noqa: PLC0415 - comes with audformat

    try:
        return Lang(word)
    except (exceptions.InvalidLanguageValue, exceptions.DeprecatedLanguageValue):
        return None


def _rating(word: str) -> str | None:
    try:
        return word if 0 <= float(word) <= 1 else None
    except ValueError:
        return None


FIELDS = {
    "speaker": Field(("speaker",)),
    "gender": Field(("gender", "sex"), _gender),
    "naturalness": Field(("naturalness", "style", "acting"), _naturalness),
    "language": Field(("language",), _language),
    "sentence": Field(("sentence", "transcription", "text")),
    "session": Field(("session", "dialogue")),
    "arousal": Field(("arousal",), _rating, is_rating=True),
    "valence": Field(("valence",), _rating, is_rating=True),
}


def rows_of_labels(database: Any, labels: Place) -> tuple[list[Row], list[Problem]]:
    """A row for every label, its path as the database has it, and notes of what is not in them."""
    emotions = _texts(database, labels, Field((EMOTION,)))
    columns: dict[str, dict[Segment, str]] = {}
    notes = _unlabeled(database, {file for (file, _, _), _ in emotions})
    for name, field in FIELDS.items():
        told = _told(database, labels[0], field)
        ours = {word: field.read(word) for word in set(told.values())}
        columns[name] = {segment: ours[word] or "" for segment, word in told.items()}
        notes += _unknown(name, Counter(word for word in told.values() if ours[word] is None))
    return [_row(database, columns, *labeled) for labeled in emotions], notes


def database_of(library: Any, corpus: Corpus, base: Path) -> Any:
    """The labels of a corpus in one table, and who speaks what and how in another.

    Args:
        library: audformat.
        corpus: what to write.
        base: resolved folder of the database, from which files are named.
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
    index = _index(library, corpus.utterances, [root / row["path"] for row in rows])
    about = FILES if library.is_filewise_index(index) else SEGMENTS
    for column, scheme in _schemes(library, corpus).items():
        words = [row[column] or None for row in rows]
        if any(words):
            database.schemes[column] = scheme
            table = EMOTION if column == EMOTION else about
            _set_column(library, database, (table, column), pd.Series(words, index))
    return database


def _row(
    database: Any, columns: Mapping[str, Mapping[Segment, str]], segment: Segment, emotion: str
) -> Row:
    """What is told of a segment, or else of its file, or else of the database."""
    file, start, end = segment
    told = {c: of.get(segment) or of.get((file, None, None), "") for c, of in columns.items()}
    if len(database.languages) == 1:
        told["language"] = told["language"] or _language(str(database.languages[0]))
    return {
        "path": file,
        "emotion": emotion,
        **told,
        "start_s": str(start / NS_PER_S) if start else "",
        "end_s": "" if end is None else str(end / NS_PER_S),
    }


def _told(database: Any, first: str, field: Field) -> dict[Segment, str]:
    """Every word for a field that a table has, or that a scheme tells of a speaker.

    Where several tell of one segment, the table of the labels goes before others, and a table
    before the scheme.
    """
    tables = [first, *(table for table in database.tables if table != first)]
    columns = [p for name in field.names for p in _places(database, tables, name)]
    speakers = _places(database, tables, "speaker")
    told: dict[Segment, str] = {}
    for words in (
        *(_texts(database, place, field) for place in columns),
        *(_attributes(database, place, field) for place in speakers),
    ):
        told = {segment: word for segment, word in words if word} | told
    return told


def _places(database: Any, tables: Iterable[str], name: str) -> Iterator[Place]:
    """In every table, the column of a name, or else the first whose scheme has that name."""
    for table in tables:
        columns = database[table].columns
        schemed = [column for column in columns if columns[column].scheme_id == name]
        yield from [(table, column) for column in ([name] if name in columns else schemed[:1])]


def _texts(database: Any, place: Place, field: Field) -> list[tuple[Segment, str]]:
    """A text for every row; a number that its scheme explains by a word is that word."""
    scheme = _scheme(database, place)
    if field.is_rating and scheme and None not in (scheme.minimum, scheme.maximum):
        low, span = scheme.minimum, scheme.maximum - scheme.minimum
        return [(s, _text((x - low) / span if span else x)) for s, x in _cells(database, place)]
    meanings = _meanings(database, scheme) if scheme and scheme.dtype == "int" else {}
    words = {cell: word for cell, word in meanings.items() if isinstance(word, str)}
    return [(s, words.get(_text(x), _text(x))) for s, x in _cells(database, place)]


def _attributes(database: Any, place: Place, field: Field) -> list[tuple[Segment, str]]:
    """What a scheme tells of the speaker of every row, such as `{3: {gender: male}}`."""
    meanings = _meanings(database, _scheme(database, place))
    words = {
        speaker: next((word for n in field.names if (word := _text(told.get(n)))), "")
        for speaker, told in meanings.items()
        if isinstance(told, Mapping)
    }
    return [(s, words.get(_text(x), "")) for s, x in _cells(database, place)]


def _scheme(database: Any, place: Place) -> Any:
    table, column = place
    scheme_id = database[table].columns[column].scheme_id
    return None if scheme_id is None else database.schemes[scheme_id]


def _meanings(database: Any, scheme: Any) -> dict[str, Any]:
    """What a scheme explains its labels by, in the header or in a table of its own."""
    labels = None if scheme is None else scheme.labels
    if isinstance(labels, str):
        labels = database[labels].df.to_dict("index")
    given = labels if isinstance(labels, Mapping) else {}
    return {_text(label): meaning for label, meaning in given.items()}


def _cells(database: Any, place: Place) -> list[tuple[Segment, Any]]:
    table, column = place
    frame = database[table].df
    return list(zip(_segments(frame.index), frame[column], strict=True))


def _segments(index: Any) -> list[Segment]:
    """What a filewise index, of files, or a segmented one, of file, start and end, points at."""
    if index.nlevels == 1:
        return [(str(file), None, None) for file in index]
    files, starts, ends = (index.get_level_values(level) for level in range(3))
    times = zip(files, _nanoseconds(starts), _nanoseconds(ends), strict=True)
    return [(str(file), start or 0, end) for file, start, end in times]


def _nanoseconds(times: pd.TimedeltaIndex) -> list[int | None]:
    numbers = times.as_unit("ns").asi8.tolist()
    return [None if gone else ns for ns, gone in zip(numbers, times.isna(), strict=True)]


def _text(value: Any) -> str:
    import pandas as pd  # noqa: PLC0415 (slow to load)

    if pd.api.types.is_scalar(value) and pd.isna(value):
        return ""
    is_whole = isinstance(value, float) and value.is_integer()  # a number beside no value
    return str(int(value) if is_whole else value).strip()


def _unknown(name: str, words: Counter[str]) -> list[Problem]:
    detail = "rows say {!r}, which is no " + name + "; taken as not known"
    return [
        Problem(f"unknown {name}", HEADER, f"{n} {detail.format(word)}")
        for word, n in words.items()
    ]


def _unlabeled(database: Any, labeled: set[str]) -> list[Problem]:
    """A note of files that tables list and that have no row among the labels."""
    listed = {file for t in database.tables for file, *_ in _segments(database[t].df.index)}
    n = len(listed - labeled)
    detail = f"{n} files are in other tables than that of the labels; left out"
    return [Problem("no label", HEADER, detail)] if n else []


def _index(library: Any, utterances: Sequence[Utterance], files: Sequence[Path]) -> Any:
    """Files as they are, or, where any utterance is a part of one, segments."""
    names = [Path(os.path.normpath(file)).as_posix() for file in files]
    if all(u.start_s == 0 and u.end_s is None for u in utterances):
        return library.filewise_index(names)
    starts = [_duration(u.start_s) for u in utterances]
    return library.segmented_index(names, starts, [_duration(u.end_s) for u in utterances])


def _duration(seconds: float | None) -> pd.Timedelta | None:
    import pandas as pd  # noqa: PLC0415 (slow to load)

    return None if seconds is None else pd.Timedelta(round(seconds * NS_PER_S), unit="ns")


def _set_column(library: Any, database: Any, place: Place, words: pd.Series) -> None:
    import pandas as pd  # noqa: PLC0415 (slow to load)

    table, column = place
    if table not in database:
        database[table] = library.Table(words.index)
    database[table][column] = library.Column(scheme_id=column)
    is_number = database.schemes[column].is_numeric
    database[table][column].set(pd.to_numeric(words) if is_number else words)


def _schemes(library: Any, corpus: Corpus) -> dict[str, Any]:
    """A scheme a column; classes are spelled as they are here, `female child` among them."""
    rating = {"dtype": "float", "minimum": 0, "maximum": 1}
    return {
        EMOTION: library.Scheme(labels=sorted({u.label for u in corpus.utterances})),
        "speaker": library.Scheme("str"),
        "gender": library.Scheme(labels=list(GENDER.classes)),
        "naturalness": library.Scheme(labels=list(NATURALNESS.classes)),
        "language": library.Scheme("str"),
        "sentence": library.Scheme("str"),
        "session": library.Scheme("str"),
        "arousal": library.Scheme(**rating),
        "valence": library.Scheme(**rating),
    }


def _language_codes(utterances: Iterable[Utterance]) -> list[str]:
    """ISO 639-3 codes of the languages, or none: readers take a single one for everybody's."""
    words = {u.language for u in utterances}
    known = [_iso_639(word) if word else None for word in words]
    return sorted({language.pt3 for language in known if language}) if all(known) else []
