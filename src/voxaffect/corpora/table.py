"""A user's own corpus: a table with one row per utterance, in CSV or Parquet.

Columns `path` and `emotion` are required; `speaker`, `gender`, `naturalness`, `language`,
`start_s`, `end_s`, `sentence`, `session`, `arousal` and `valence` (0 to 1) are optional. Paths are
relative to the table's folder. A row with an error is left out and reported; a table with an error
is refused.
"""

import csv
import difflib
import io
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
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
)
from voxaffect.corpora.label_parsing import decode_text
from voxaffect.errors import CorpusError
from voxaffect.files import write_atomically
from voxaffect.taxonomy import GENDER, NATURALNESS, Task

PARQUET = ".parquet"
REQUIRED = ("path", "emotion")
COLUMNS = (
    *(*REQUIRED, "speaker", "gender", "naturalness", "language", "start_s", "end_s"),
    *("sentence", "session", "arousal", "valence"),
)

MAX_TIME_S = 1e6  # eleven days, longer than any recording
NOT_STATED = "not stated"  # language and license on the card of a table

Row = dict[str, str]  # text by column, as it was written; `COLUMNS` that are missing are empty
Record = tuple[str, ...] | csv.Error  # values of a row, or why they cannot be read


class RowError(Exception):
    """Kind and detail of the `Problem` for which a row is left out."""


def is_table(path: Path) -> bool:
    """Whether a path has the suffix of a table, `.csv` or `.parquet`."""
    return path.suffix.lower() in (".csv", PARQUET)


def parse_table(path: Path, name: str) -> Corpus:
    """Read the corpus `name` from a `.parquet` or comma-separated `.csv` table with a header.

    A CSV is decoded by `decode_text`; a stray quote breaks its own row only.

    Raises:
        CorpusError: the table cannot be read, has a column twice, lacks a required one, or has no
            usable row.
    """
    rows, problems = list_table(path, name)
    title = f"{name} ({path.name})"
    card = CorpusCard(name, title, NOT_STATED, "mixed", NOT_STATED, citation="", url="")
    return custom_corpus(card, path.parent, rows, problems, source=path.name)


def list_table(
    path: Path, name: str, *, required: Sequence[str] = REQUIRED
) -> tuple[list[tuple[Utterance, Row]], list[Problem]]:
    """The utterances of a table in its own order, each with its row; errors as by `parse_table`.

    `required` are the columns with a value in every row: only `path` for unlabeled recordings.
    """
    columns, rows, notes = _read(path)
    for column in required:
        if column not in columns:
            listed = ", ".join(filter(None, columns)) or "none"
            raise CorpusError(f"{path}: column {column!r} is missing; its columns are: {listed}")

    names = [f"{path.name} row {number}" for number, _ in enumerate(rows, 2)]  # the header is row 1
    found, faults = read_utterances(rows, path.parent, name, names=names, required=required)
    if not found:
        why = f" ({faults[0].path}: {faults[0].detail})" if faults else ""
        raise CorpusError(f"{path}: has no usable row{why}; add or correct its rows")
    return list(found.values()), [*notes, *faults]


def write_table(corpus: Corpus, path: Path) -> None:
    """Write a corpus as a table that `parse_table` reads; the audio stays where it is.

    In the corpus's root, the table gives back the same utterances; elsewhere, ids start with the
    relative path from there to the audio.

    Raises:
        CorpusError: the suffix of `path` is neither `.csv` nor `.parquet`, or the name of a
            recording is not valid UTF-8.
    """
    import pandas as pd  # noqa: PLC0415 (slow to load)

    rows = [row_of(utterance, path.parent) for utterance in corpus.utterances]
    frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype="string")
    if _suffix(path) == PARQUET:
        encoded = frame.to_parquet(None, index=False)
    else:  # with other line ends, "\r" in values is not quoted
        encoded = frame.to_csv(index=False, lineterminator="\r\n").encode()
    with write_atomically(path) as file:
        file.write(encoded)


def custom_corpus(
    card: CorpusCard,
    root: Path,
    rows: Iterable[tuple[Utterance, Row]],
    problems: Iterable[Problem],
    *,
    source: str,
) -> Corpus:
    """A corpus without counts, the languages and elicitation of its card set by its utterances.

    Utterances without a speaker are reported, as a problem of `source`.
    """
    ordered = tuple(sorted((utterance for utterance, _ in rows), key=lambda u: u.id))
    styles = {utterance.naturalness for utterance in ordered}
    elicitation: Elicitation = (
        "acted" if styles == {"acted"} else "natural" if styles == {"natural"} else "mixed"
    )
    languages = ", ".join(sorted({u.language for u in ordered if u.language})) or NOT_STATED
    card = replace(card, language=languages, elicitation=elicitation)
    unknown = f"{card.name}/{UNKNOWN_SPEAKER}"
    n_unknown = sum(utterance.speaker == unknown for utterance in ordered)
    notes = [*problems]
    if n_unknown:
        why = f"{n_unknown} rows have no speaker and count as one, {unknown}"
        detail = f"{why}; speaker-independent protocols refuse them"
        notes.append(Problem("no speakers", source, detail))
    return Corpus(card, root, ordered, tuple(notes))


def read_utterances(
    rows: Iterable[Row | RowError | None],
    root: Path,
    name: str,
    *,
    names: Sequence[str],
    required: Sequence[str] = REQUIRED,
) -> tuple[dict[int, tuple[Utterance, Row]], list[Problem]]:
    """The utterances of rows by the rows' indices, in order, and a problem for each unusable row.

    A row is its text, what is wrong with it, or None if it is empty. Paths are relative to `root`;
    `name` is the corpus, `names` are those of the rows in problems.
    """
    found: dict[int, tuple[Utterance, Row]] = {}
    first: dict[Segment, int] = {}
    faults: list[Problem] = []
    for index, row in enumerate(rows):
        if row is None:
            continue
        try:
            if isinstance(row, RowError):
                raise row
            for column in required:
                if not row[column]:
                    raise RowError("missing value", f"has no {column}")
            utterance = _utterance(row, name, _existing_file(root, row["path"]))
            relative = PurePath(os.path.relpath(utterance.path, root))
            segment = (relative, utterance.start_s, utterance.end_s)
            if first.setdefault(segment, index) != index:
                raise RowError("duplicate row", f"repeats the segment of {names[first[segment]]}")
            found[index] = utterance, row
        except RowError as error:
            kind, detail = error.args
            faults.append(Problem(kind, names[index], f"{detail}; left out", is_fault=True))
    for segment, unique in unique_ids(name, first).items():
        utterance, row = found[first[segment]]
        found[first[segment]] = replace(utterance, id=unique), row
    return found, faults


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
    values = {column: getattr(utterance, column, None) for column in COLUMNS} | {
        # Values are stripped when they are read.
        "path": f"./{relative}" if relative[0].isspace() else relative,
        "emotion": utterance.label,
        "speaker": None if speaker == UNKNOWN_SPEAKER else speaker,
        "start_s": utterance.start_s if is_segment else None,
    }
    return {column: "" if value is None else str(value) for column, value in values.items()}


def _suffix(path: Path) -> str:
    if not is_table(path):
        raise CorpusError(f"{path}: is not a .csv or .parquet file; convert it")
    return path.suffix.lower()


def _read(path: Path) -> tuple[tuple[str, ...], list[Row | RowError | None], list[Problem]]:
    """Columns of a table, lower case, its rows, and notes about columns and the encoding."""
    warning = None
    try:
        if _suffix(path) == PARQUET:
            records: list[Record] = [*_read_parquet(path)]
        else:
            text, warning = decode_text(path.read_bytes())
            records = [*_read_csv(list(io.StringIO(text, newline="")))]
        header, *rest = records or [()]
        if isinstance(header, csv.Error):
            raise header
    except FileNotFoundError as error:
        raise CorpusError(f"{path}: no such table; check the path") from error
    except (OSError, ValueError, csv.Error) as error:
        raise CorpusError(f"{path}: cannot be read as a table ({error}); save it again") from error
    columns = tuple(name.lower() for name in header)
    notes = []
    for name in filter(None, columns):
        if columns.count(name) > 1:
            raise CorpusError(f"{path}: has two columns named {name!r}; rename or remove one")
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            detail = f"column {name!r} is ignored{hint}"
            notes.append(Problem("unknown column", path.name, detail))
    if warning:
        notes.append(Problem("encoding", path.name, warning))
    return columns, [_row(columns, record) for record in rest], notes


def _read_csv(lines: Sequence[str]) -> Iterator[Record]:
    """Header and rows; a line with a misplaced or unclosed quote yields the error."""
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


def _read_parquet(path: Path) -> Iterator[tuple[str, ...]]:
    import pandas as pd  # noqa: PLC0415 (slow to load)

    frame = pd.read_parquet(path, dtype_backend="pyarrow")  # keeps 3 from becoming 3.0 next to null
    yield tuple(str(name).strip() for name in frame)
    for values in frame.itertuples(index=False, name=None):
        yield tuple("" if pd.isna(value) else str(value).strip() for value in values)


def _row(columns: tuple[str, ...], values: Record) -> Row | RowError | None:
    if isinstance(values, csv.Error):
        return RowError("broken row", f"is not a valid row of a table ({values})")
    if not any(values):
        return None
    if len(values) != len(columns):
        why = f"has {len(values)} values for {len(columns)} columns"
        return RowError("wrong number of values", why)
    return dict.fromkeys(COLUMNS, "") | dict(zip(columns, values, strict=True))


def _utterance(row: Row, name: str, file: Path) -> Utterance:
    """The utterance of a row, its id yet to come."""
    time = f"a time in seconds (0 to {MAX_TIME_S:,.0f})"
    start_s = _number(row, "start_s", MAX_TIME_S, "wrong segment", time) or 0.0
    end_s = _number(row, "end_s", MAX_TIME_S, "wrong segment", time)
    if end_s is not None and end_s <= start_s:
        detail = f"ends at {end_s:g} s, not after its start at {start_s:g} s"
        raise RowError("wrong segment", detail)
    return Utterance(
        id="",
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
        arousal=_number(row, "arousal", 1, "wrong arousal", "a number from 0 to 1"),
        valence=_number(row, "valence", 1, "wrong valence", "a number from 0 to 1"),
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


def _number(row: Row, column: str, limit: float, kind: str, what: str) -> float | None:
    """A value from 0 to `limit`; None for no text."""
    text = row[column]
    try:
        number = float(text or "nan")
    except ValueError:
        number = math.nan
    if text and not 0 <= number <= limit:
        raise RowError(kind, f"{text!r} is not {what}")
    return number if text else None
