"""A user's list of speakers' sexes, for corpora whose distribution does not tell them apart.

`speaker_genders.txt`, anywhere below the root, has a line a speaker: its name, then f or m.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Generic, TypeVar

from voxaffect.audio.decode import printable
from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem, Utterance
from voxaffect.corpora.filename_parsing import (
    LeftOut,
    NameScheme,
    ParsedName,
    corpus_from_names,
    find_files,
    remedy,
)
from voxaffect.errors import CorpusError

# What corpora with label files share: lines to entries, and entries to recordings.
#
# A file or line that cannot be read, a label without a recording and a recording without a label
# are each reported; none of them stops the rest, unless there is nothing else.

T = TypeVar("T")

UNREADABLE = "unreadable label file"

# Files of other programs begin with a mark of their encoding; `utf-16` reads both byte orders.
ENCODINGS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class LineError(Exception):
    """Why a line is left out; becomes a `Problem`, never leaves the loader."""


@dataclass(frozen=True, slots=True)
class LabelLine:
    """A line of a label file, and where it stands: `labels.csv line 7`."""

    where: str
    text: str


@dataclass(frozen=True)
class LabelFile:
    """A text file found below a corpus root.

    Args:
        name: what reports call it.
        lines: those that are not blank; none where the file is missing or cannot be read.
        problems: what is wrong with the file as a whole.
    """

    name: str
    lines: tuple[LabelLine, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class LabelEntries(Generic[T]):
    """What the lines of a label file say, by the key of a recording or speaker.

    Args:
        source: the file's name, for reports.
        found: key -> what its line says.
        where: key -> where that line stands.
        problems: what is wrong with the file, and lines that could not be used.
    """

    source: str
    found: Mapping[str, T]
    where: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


Labels = LabelEntries[ParsedName | LeftOut]


def open_label_file(root: Path, *names: str) -> LabelFile:
    """Read the file of one of these names, in any case, that is nearest to the root.

    Raises:
        CorpusError: `root` is missing, no folder, or cannot be read.
    """
    wanted = {name.lower() for name in names}
    found, _ = find_files(root, lambda path: path.name.lower() in wanted)
    if not found:
        return LabelFile(f"{names[0]}, which is not below the root")
    file = read_label_file(root, found[0])
    copies = (
        Problem("duplicate", printable(path.relative_to(root)), f"{file.name} is read; left out")
        for path in found[1:]
    )
    return replace(file, problems=(*file.problems, *copies))


def read_label_file(root: Path, path: Path) -> LabelFile:
    """Read the lines of a file below the root.

    A file is UTF-8 unless it begins with the mark of UTF-16. Bytes that are neither become escapes
    and are reported: they stand in transcripts, not in labels. Lines end at a newline alone, since
    transcripts hold other control characters. An empty file counts as one that cannot be read.
    """
    name = printable(path.relative_to(root))
    try:
        content = path.read_bytes()
    except OSError as fault:
        return _unreadable(name, f"cannot be read ({fault.strerror}); {remedy(fault)}")
    encoding = ENCODINGS.get(content[:2], "utf-8-sig")
    texts = content.decode(encoding, "backslashreplace").replace("\r\n", "\n").split("\n")
    numbered = (LabelLine(f"{name} line {n}", text) for n, text in enumerate(texts, start=1))
    lines = tuple(line for line in numbered if line.text.strip())
    if not lines:
        return _unreadable(name, "is empty; copy it again")
    return LabelFile(name, lines, _escapes(name, content, encoding))


def read_lines(file: LabelFile, read: Callable[[str], tuple[str, T] | None]) -> LabelEntries[T]:
    """Read a file line by line.

    Args:
        file: what to read.
        read: text -> key and what it says of it, or None for a line that says nothing; raises
            `LineError` for one that should but cannot be read.
    """
    found: dict[str, T] = {}
    where: dict[str, str] = {}
    problems = [*file.problems]
    for line in file.lines:
        try:
            entry = read(line.text)
        except LineError as fault:
            problems.append(_broken(line, "broken line", f"{fault}; left out"))
            continue
        if entry is None:
            continue
        key, said = entry
        if key in found:
            detail = f"{key} has a line before, {where[key]}, which counts; remove one"
            problems.append(_broken(line, "repeated line", detail))
        else:
            found[key], where[key] = said, line.where
    return LabelEntries(file.name, found, where, tuple(problems))


def read_table(
    file: LabelFile,
    columns: Collection[str],
    read: Callable[[Mapping[str, str]], tuple[str, T] | None],
    *,
    delimiter: str = ",",
) -> LabelEntries[T]:
    """Read a table with a header, row by row; a stray quote spoils its own row only.

    A table that lacks a column is an unreadable file.

    Args:
        file: what to read.
        columns: names, lower case, of the columns that are needed.
        read: values by column -> as in `read_lines`.
        delimiter: what stands between values.
    """
    if not file.lines:
        return LabelEntries(file.name, {}, problems=file.problems)
    header = [name.strip(' "') for name in file.lines[0].text.lower().strip().split(delimiter)]
    missing = [name for name in columns if name not in header]
    if missing:
        detail = f"needs a column {missing[0]!r}; its columns are: {', '.join(header)}"
        problems = (*file.problems, *_unreadable(file.name, detail).problems)
        return LabelEntries(file.name, {}, problems=problems)
    rows = replace(file, lines=file.lines[1:])
    return read_lines(rows, lambda text: read(_by_column(header, _values(text, delimiter))))


def joined(parts: Iterable[LabelEntries[T]]) -> LabelEntries[T]:
    """The entries of several files; of a key in two, such as in a copy, the first entry counts."""
    sources: list[str] = []
    found: dict[str, T] = {}
    where: dict[str, str] = {}
    problems: list[Problem] = []
    for part in parts:
        sources.append(part.source)
        problems += part.problems
        n_repeated = len(found.keys() & part.found.keys())
        if n_repeated:
            detail = f"{n_repeated} of its entries are in a file before, which counts; left out"
            problems.append(Problem("duplicate", part.source, detail))
        found = {**part.found, **found}
        where = {**part.where, **where}
    return LabelEntries(" or ".join(sources), found, where, tuple(problems))


def refuse_unread(root: Path, entries: LabelEntries[T]) -> None:
    """Refuse label files of which none could be read.

    Raises:
        CorpusError: no file has an entry, and one of them is unreadable.
    """
    fault = next((p for p in entries.problems if p.kind == UNREADABLE), None)
    if fault is not None and not entries.found:
        raise CorpusError(f"{root / fault.path}: {fault.detail}")


def corpus_from_labels(
    card: CorpusCard,
    root: Path,
    labels: Labels,
    *,
    pattern: re.Pattern[str],
    example: str,
    key: Callable[[re.Match[str], PurePath], str] = lambda name, _: name[0],
    labels_all: bool = True,
) -> Corpus:
    """Join recordings and labels.

    A label without a recording is a fault, unless no recording of its class is there: corpora are
    handed on as subsets of whole classes. A recording without a label is a fault too, unless the
    distribution has such recordings.

    Args:
        card: what the corpus should be.
        root: folder to read.
        labels: what the label files say.
        pattern: fits the whole stem of a recording's name.
        example: a path that fits, shown where nothing was found.
        key: a fitting name and its path below the root -> the key of its label; the stem, unless
            another is given.
        labels_all: whether the corpus labels all its recordings.

    Raises:
        CorpusError: `root` is no folder that can be read, no label file can be, or no recording
            has a label.
    """
    refuse_unread(root, labels)
    asked: set[str] = set()

    def read(name: re.Match[str], relative: PurePath) -> ParsedName | LeftOut:
        wanted = key(name, relative)
        asked.add(wanted)
        return labels.found.get(wanted) or LeftOut(
            "no label", f"has no line in {labels.source}; left out", is_fault=labels_all
        )

    try:
        corpus = corpus_from_names(card, root, NameScheme(pattern, read, example))
    except CorpusError as fault:
        if labels.found or not asked:
            raise
        rest = str(fault).removeprefix(f"{root}: ")
        raise CorpusError(f"{root}: there is no label in {labels.source}; it {rest}") from fault
    lone = _without_recording(labels, asked, {u.label for u in corpus.utterances})
    return replace(corpus, problems=(*labels.problems, *corpus.problems, *lone))


def look_up(table: Mapping[str, T], word: str, what: str) -> T:
    """What a word of a line stands for.

    Raises:
        LineError: the table does not know it.
    """
    if word not in table:
        raise LineError(f"{what} {word!r} is none of {', '.join(table)}")
    return table[word]


def unit_interval(rating: str | None, n_points: int) -> float | None:
    """A mean of ratings on a scale from 1 to `n_points`, moved to 0 to 1.

    None where there is none: no text, a blank, NaN, or a value off the scale, as slips are.

    >>> unit_interval("4", n_points=5)
    0.75

    Raises:
        LineError: the rating is no number.
    """
    text = (rating or "").strip() or "nan"
    try:
        value = (float(text) - 1) / (n_points - 1)
    except ValueError as fault:
        raise LineError(f"rating {rating!r} is no number") from fault
    return value if 0 <= value <= 1 else None


def _without_recording(
    labels: Labels, asked: Collection[str], present: Collection[str]
) -> list[Problem]:
    return [
        Problem(
            "no recording",
            labels.where[key],
            f"labels {key}, of which there is no recording; copy it again",
            is_fault=said.label in present,
        )
        for key, said in labels.found.items()
        if key not in asked and isinstance(said, ParsedName)
    ]


def _unreadable(name: str, detail: str) -> LabelFile:
    return LabelFile(name, problems=(Problem(UNREADABLE, name, detail, is_fault=True),))


def _escapes(name: str, content: bytes, encoding: str) -> tuple[Problem, ...]:
    try:
        content.decode(encoding)
    except UnicodeDecodeError as fault:
        where = f"byte {fault.start} is not {fault.encoding}"
        detail = f"{where}; such bytes are read as escapes, save it as UTF-8 where they matter"
        return (Problem("encoding", name, detail),)
    return ()


def _broken(line: LabelLine, kind: str, detail: str) -> Problem:
    return Problem(kind, line.where, detail, is_fault=True)


def _values(text: str, delimiter: str) -> list[str]:
    try:
        return [value.strip() for row in csv.reader([text], delimiter=delimiter) for value in row]
    except csv.Error as fault:
        raise LineError(f"is no row of a table ({fault})") from fault


def _by_column(header: list[str], values: list[str]) -> dict[str, str]:
    if len(values) != len(header):
        raise LineError(f"has {len(values)} values for {len(header)} columns")
    return dict(zip(header, values, strict=True))


GENDERS_FILE = "speaker_genders.txt"

ADULTS = {"f": "female", "m": "male", "female": "female", "male": "male"}
CHILDREN = {sex: f"{gender} child" for sex, gender in ADULTS.items()}

LINE = re.compile(r"(?P<speaker>.+?)[\s,;]+(?P<sex>\w+)")


def with_genders(corpus: Corpus, classes: Mapping[str, str]) -> Corpus:
    """The corpus with the genders that its list tells; what stays unknown is reported.

    Args:
        corpus: one whose speakers have no gender, or not all of them.
        classes: `ADULTS` or `CHILDREN`, word of the list -> class of `taxonomy.GENDER`.
    """
    genders = read_lines(open_label_file(corpus.root, GENDERS_FILE), _read_line)
    known = {speaker: classes[sex] for speaker, sex in genders.found.items()}
    utterances = tuple(
        replace(u, gender=known.get(_name(u.speaker), u.gender)) for u in corpus.utterances
    )
    problems = [*genders.problems, *_strangers(corpus, genders), *_unknown(utterances)]
    return replace(corpus, utterances=utterances, problems=(*corpus.problems, *problems))


def _read_line(text: str) -> tuple[str, str]:
    line = LINE.fullmatch(text.strip())
    if line is None:
        raise LineError(f"{text.strip()!r} is no speaker and f or m")
    sex = line["sex"].lower()
    look_up(ADULTS, sex, "sex")
    return line["speaker"], sex


def _name(speaker: str) -> str:
    return speaker.partition("/")[2]


def _strangers(corpus: Corpus, genders: LabelEntries[str]) -> list[Problem]:
    """Listed speakers whom the corpus does not have, such as misspelled ones."""
    present = {_name(speaker) for speaker in corpus.speakers}
    return [
        Problem("unknown speaker", where, f"{speaker!r} is no speaker of what is here; not used")
        for speaker, where in genders.where.items()
        if speaker not in present
    ]


def _unknown(utterances: Iterable[Utterance]) -> list[Problem]:
    names = sorted({_name(u.speaker) for u in utterances if u.gender is None})
    if not names:
        return []
    detail = f"{len(names)} speakers have no gender ({names[0]} first); list them in {GENDERS_FILE}"
    return [Problem("no gender", GENDERS_FILE, detail)]
