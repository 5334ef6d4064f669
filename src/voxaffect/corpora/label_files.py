"""What corpora with label files share: lines to entries, and entries to recordings.

A line that cannot be read, a label without a recording and a recording without a label are each
reported; none of them stops the rest.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Generic, TypeVar

from voxaffect.audio.decode import printable
from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem
from voxaffect.corpora.tree import LeftOut, NameScheme, Spoken, corpus_from_names, find_files
from voxaffect.errors import CorpusError

T = TypeVar("T")


class LineError(Exception):
    """Why a line is left out; becomes a `Problem`, never leaves the loader."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a label file, and where it stands: `labels.csv line 7`."""

    where: str
    text: str


@dataclass(frozen=True)
class LabelFile:
    """A text file found below a corpus root.

    Args:
        name: what reports call it.
        lines: those that are not blank; none where there is no such file.
    """

    name: str
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Entries(Generic[T]):
    """What the lines of a label file say, by the key of a recording or speaker.

    Args:
        source: the file's name, for reports.
        found: key -> what its line says.
        where: key -> where that line stands.
        problems: lines that could not be used.
    """

    source: str
    found: Mapping[str, T]
    where: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


Labels = Entries[Spoken | LeftOut]


def open_label_file(root: Path, *names: str) -> LabelFile:
    """Read the file of one of these names, in any case, that is nearest to the root.

    Bytes that are not UTF-8 become escapes: they stand in transcripts, not in labels. Lines end at
    a newline alone, since transcripts hold other control characters.

    Raises:
        CorpusError: `root` is missing, no folder, or cannot be read, or the file cannot.
    """
    wanted = {name.lower() for name in names}
    found, _ = find_files(root, lambda path: path.name.lower() in wanted)
    if not found:
        return LabelFile(f"{names[0]}, which is not below the root")
    try:
        text = found[0].read_bytes().decode("utf-8-sig", "backslashreplace")
    except OSError as fault:
        raise CorpusError(f"{found[0]}: cannot be read ({fault.strerror}); check it") from fault
    name = printable(found[0].relative_to(root))
    texts = text.replace("\r\n", "\n").split("\n")
    lines = ((f"{name} line {n}", line) for n, line in enumerate(texts, start=1))
    return LabelFile(name, tuple(Line(at, text) for at, text in lines if text.strip()))


def read_lines(file: LabelFile, read: Callable[[str], tuple[str, T] | None]) -> Entries[T]:
    """Read a file line by line.

    Args:
        file: what to read.
        read: text -> key and what it says of it, or None for a line that says nothing; raises
            `LineError` for one that should but cannot be read.
    """
    found: dict[str, T] = {}
    where: dict[str, str] = {}
    problems: list[Problem] = []
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
    return Entries(file.name, found, where, tuple(problems))


def read_table(
    file: LabelFile,
    columns: Collection[str],
    read: Callable[[Mapping[str, str]], tuple[str, T] | None],
    *,
    delimiter: str = ",",
) -> Entries[T]:
    """Read a table with a header, row by row; a stray quote spoils its own row only.

    Args:
        file: what to read.
        columns: names, lower case, of the columns that are needed.
        read: values by column -> as in `read_lines`.
        delimiter: what stands between values.

    Raises:
        CorpusError: the table lacks a column.
    """
    if not file.lines:
        return Entries(file.name, {})
    header = [name.strip(' "') for name in file.lines[0].text.lower().strip().split(delimiter)]
    for name in columns:
        if name not in header:
            raise CorpusError(
                f"{file.name}: needs a column {name!r}; its columns are: {', '.join(header)}"
            )
    rows = LabelFile(file.name, file.lines[1:])
    return read_lines(rows, lambda text: read(_by_column(header, _values(text, delimiter))))


def joined(parts: Iterable[Entries[T]]) -> Entries[T]:
    """The entries of several files whose keys differ."""
    source, found, where = "", dict[str, T](), dict[str, str]()
    problems: list[Problem] = []
    for part in parts:
        source = f"{source} or {part.source}" if source else part.source
        found |= part.found
        where |= part.where
        problems += part.problems
    return Entries(source, found, where, tuple(problems))


def corpus_from_labels(
    card: CorpusCard,
    root: Path,
    labels: Labels,
    *,
    pattern: re.Pattern[str],
    example: str,
    key: Callable[[re.Match[str], PurePath], str] = lambda name, _: name[0],
) -> Corpus:
    """Join recordings and labels.

    A label without a recording is a fault, unless no recording of its class is there: corpora are
    handed on as subsets of whole classes.

    Args:
        card: what the corpus should be.
        root: folder to read.
        labels: what the label files say.
        pattern: fits the whole stem of a recording's name.
        example: a path that fits, shown where nothing was found.
        key: a fitting name and its path below the root -> the key of its label; the stem, unless
            another is given.

    Raises:
        CorpusError: `root` is no folder that can be read, or holds no labelled recording.
    """
    asked: set[str] = set()

    def read(name: re.Match[str], relative: PurePath) -> Spoken | LeftOut:
        wanted = key(name, relative)
        asked.add(wanted)
        return labels.found.get(wanted) or LeftOut(
            "no label", f"has no line in {labels.source}; left out"
        )

    corpus = corpus_from_names(card, root, NameScheme(pattern, read, example))
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
        if key not in asked and isinstance(said, Spoken)
    ]


def _broken(line: Line, kind: str, detail: str) -> Problem:
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
