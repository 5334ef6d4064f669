"""Label-file parsing: read labels from text files and tables, and join them with recordings.

A file or line that cannot be read, a label without a recording and a recording without a label are
each reported as a `Problem`; the rest is read, unless nothing is left.
"""

import codecs
import csv
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, Generic, TypeVar

from voxaffect.audio.decode import printable
from voxaffect.corpora import filename_parsing
from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem
from voxaffect.corpora.filename_parsing import Excluded, ParsedName
from voxaffect.errors import CorpusError

T = TypeVar("T")

UNREADABLE = "unreadable label file"

# A user's list of speakers' sexes, where a corpus has none: lines of a speaker and f or m.
GENDERS_FILE = "speaker_genders.txt"
CHILDREN = {sex: f"{gender} child" for sex, gender in filename_parsing.ADULTS.items()}
GENDERS_LINE = re.compile(r"(?P<speaker>.+?)[\s,;]+(?P<sex>\w+)")


class LineError(Exception):
    """Why a line is left out; becomes a `Problem`."""


@dataclass(frozen=True)
class LabelEntries(Generic[T]):
    """Entries of the label file `source` by the key of a recording, in order, or its text by line.

    `where` is the line of each entry by its key, such as `labels.csv line 7`.
    """

    source: str
    found: Mapping[str, T]
    where: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


LabelFile = LabelEntries[str]
"""Lines of a file that are not blank, by `labels.csv line 7`; none if it is unreadable."""

Labels = LabelEntries[ParsedName | Excluded]


def decode_text(content: bytes) -> tuple[str, str | None]:
    """Text of UTF-8, or of UTF-16 with its byte order mark, and a sentence about invalid bytes.

    These become escapes: they occur in transcripts, not in labels.
    """
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = "utf-16" if is_utf16 else "utf-8-sig"
    try:
        return content.decode(encoding), None
    except UnicodeDecodeError as error:
        where = f"byte {error.start} is not valid {error.encoding}"
        detail = f"{where} and is read as an escape; save the file as UTF-8"
        return content.decode(encoding, "backslashreplace"), detail


def open_label_file(root: Path, *names: str) -> LabelFile:
    """Read the file of one of these names, in any case, that is nearest to the root.

    Raises:
        CorpusError: `root` is missing, not a folder, or cannot be read.
    """
    wanted = {name.lower() for name in names}
    found, _ = filename_parsing.find_files(root, lambda path: path.name.lower() in wanted)
    if not found:
        return LabelFile(f"{names[0]} (not found below the root)", {})
    file = read_label_file(root, found[0])
    detail = f"{file.source} is used; left out"
    copies = (Problem("duplicate", printable(p.relative_to(root)), detail) for p in found[1:])
    return replace(file, problems=(*file.problems, *copies))


def read_label_file(root: Path, path: Path) -> LabelFile:
    """Read the lines of a file below the root; an empty file counts as unreadable."""
    name = printable(path.relative_to(root))
    try:
        text, warning = decode_text(path.read_bytes())
    except OSError as error:
        fix = filename_parsing.suggest_fix(error)
        return _unreadable(name, f"cannot be read ({error.strerror}); {fix}")
    # Lines end at a newline only, since transcripts hold other control characters.
    numbered = enumerate(text.replace("\r\n", "\n").split("\n"), start=1)
    lines = {f"{name} line {number}": line for number, line in numbered if line.strip()}
    if not lines:
        return _unreadable(name, "is empty; copy it again")
    problems = (Problem("encoding", name, warning),) if warning else ()
    return LabelFile(name, lines, problems=problems)


def _unreadable(name: str, detail: str) -> LabelFile:
    return LabelFile(name, {}, problems=(Problem(UNREADABLE, name, detail, is_fault=True),))


def read_lines(file: LabelFile, parse: Callable[[str], tuple[str, T] | None]) -> LabelEntries[T]:
    """Entries of the lines of a file.

    `parse` gives key and entry of a line, None if it has none, or raises `LineError`.
    """
    found: dict[str, T] = {}
    where: dict[str, str] = {}
    problems = [*file.problems]
    for here, text in file.found.items():
        try:
            entry = parse(text)
        except LineError as error:
            problems.append(Problem("broken line", here, f"{error}; left out", is_fault=True))
            continue
        if entry is None:
            continue
        key, value = entry
        if key in found:
            detail = f"{key} already has an entry in {where[key]}, which is used; remove one"
            problems.append(Problem("repeated line", here, detail, is_fault=True))
        else:
            found[key], where[key] = value, here
    return LabelEntries(file.source, found, where, tuple(problems))


def read_table(
    root: Path,
    names: Sequence[str],
    columns: Collection[str],
    parse: Callable[[Mapping[str, str]], tuple[str, T] | None],
    *,
    delimiter: str = ",",
) -> LabelEntries[T]:
    """Read the table that `open_label_file` finds, row by row as `read_lines` does.

    Names of columns, in its first line, are in lower case. A stray quote breaks its own row only. A
    table that lacks one of `columns` is an unreadable file.
    """
    file = open_label_file(root, *names)
    if not file.found:
        return LabelEntries(file.source, {}, problems=file.problems)
    first, *rows = file.found
    header = [name.strip(' "') for name in file.found[first].lower().strip().split(delimiter)]
    missing = next((name for name in columns if name not in header), None)
    if missing:
        detail = f"column {missing!r} is missing; its columns are: {', '.join(header)}"
        problems = (*file.problems, *_unreadable(file.source, detail).problems)
        return LabelEntries(file.source, {}, problems=problems)

    def parse_row(text: str) -> tuple[str, T] | None:
        try:
            values = [value.strip() for value in next(csv.reader([text], delimiter=delimiter))]
        except csv.Error as error:
            raise LineError(f"is not a valid row of a table ({error})") from error
        if len(values) != len(header):
            raise LineError(f"has {len(values)} values for {len(header)} columns")
        return parse(dict(zip(header, values, strict=True)))

    return read_lines(replace(file, found={row: file.found[row] for row in rows}), parse_row)


def merge_entries(parts: Iterable[LabelEntries[T]]) -> LabelEntries[T]:
    """The entries of several files; of a key in two, as in a copy, the first entry is used."""
    sources: list[str] = []
    found: dict[str, T] = {}
    where: dict[str, str] = {}
    problems: list[Problem] = []
    for part in parts:
        sources.append(part.source)
        problems += part.problems
        n_repeated = len(found.keys() & part.found.keys())
        if n_repeated:
            detail = f"{n_repeated} of its entries are in an earlier file, which is used; left out"
            problems.append(Problem("duplicate", part.source, detail))
        found, where = {**part.found, **found}, {**part.where, **where}
    return LabelEntries(" or ".join(sources), found, where, tuple(problems))


def check_readable(root: Path, entries: LabelEntries[Any]) -> None:
    """Raise CorpusError if label files have no entry and one of them is unreadable."""
    fault = next((p for p in entries.problems if p.kind == UNREADABLE), None)
    if fault is not None and not entries.found:
        raise CorpusError(f"{root / fault.path}: {fault.detail}")


def corpus_from_labels(
    card: CorpusCard,
    root: Path,
    pattern: re.Pattern[str],
    labels: LabelEntries[ParsedName] | Labels,
    example: str,
    *,
    key: Callable[[re.Match[str], PurePath], str] = lambda name, _: name[0],
    labels_all: bool = True,
) -> Corpus:
    """Join recordings, as found by `corpus_from_names`, and labels.

    A label without a recording is a fault, unless its class has no recording at all: corpora are
    handed on as subsets of whole classes.

    Args:
        card: what the corpus should be.
        root: folder to read.
        pattern: matches the whole stem of a recording's name.
        labels: entries of the label files.
        example: a path that matches.
        key: match of a name and path below the root -> key of its label; the stem by default.
        labels_all: whether a recording without a label is a fault.

    Raises:
        CorpusError: `root` is not a readable folder, no label file can be read, or no recording
            has a label.
    """
    check_readable(root, labels)
    used: set[str] = set()

    def parse_name(name: re.Match[str], relative: PurePath) -> ParsedName | Excluded:
        wanted = key(name, relative)
        used.add(wanted)
        detail = f"has no label in {labels.source}; left out"
        return labels.found.get(wanted) or Excluded("no label", detail, is_fault=labels_all)

    try:
        corpus = filename_parsing.corpus_from_names(card, pattern, parse_name, example, root)
    except CorpusError as error:
        if labels.found or not used:
            raise
        rest = str(error).removeprefix(f"{root}: ")
        raise CorpusError(f"{root}: no label in {labels.source}; {rest}") from error
    present = {u.label for u in corpus.utterances}
    missing = []
    for labeled, parsed in labels.found.items():
        if labeled not in used and isinstance(parsed, ParsedName):
            detail = f"labels {labeled}, which has no recording; copy it again"
            is_fault = parsed.label in present
            missing.append(Problem("no recording", labels.where[labeled], detail, is_fault))
    return replace(corpus, problems=(*labels.problems, *corpus.problems, *missing))


def look_up(table: Mapping[str, T], code: str, what: str) -> T:
    """Value of a code in a line; an unknown code is a `LineError`."""
    if code not in table:
        raise LineError(f"unknown {what} {code!r}; known are {', '.join(table)}")
    return table[code]


def unit_interval(rating: str | None, n_points: int) -> float | None:
    """A mean rating on a scale from 1 to `n_points`, mapped to 0 to 1; text is a `LineError`.

    None for a blank, NaN, or a value off the scale, as typing errors are.

    >>> unit_interval("4", n_points=5)
    0.75
    """
    text = (rating or "").strip() or "nan"
    try:
        value = (float(text) - 1) / (n_points - 1)
    except ValueError as error:
        raise LineError(f"rating {rating!r} is not a number") from error
    return value if 0 <= value <= 1 else None


def add_genders(corpus: Corpus, classes: Mapping[str, str]) -> Corpus:
    """Set genders from `speaker_genders.txt`, by `ADULTS` or `CHILDREN`; report those missing."""

    def parse_line(text: str) -> tuple[str, str]:
        line = GENDERS_LINE.fullmatch(text.strip())
        if line is None:
            raise LineError(f"{text.strip()!r} is not a speaker followed by f or m")
        return line["speaker"], look_up(classes, line["sex"].lower(), "sex")

    listed = read_lines(open_label_file(corpus.root, GENDERS_FILE), parse_line)
    prefix = f"{corpus.name}/"
    found, speakers = set_genders(corpus, listed.found), {*corpus.speakers}
    problems = [
        Problem("unknown speaker", where, f"{speaker!r} has no recording here; ignored")
        for speaker, where in listed.where.items()
        if prefix + speaker not in speakers
    ]
    missing = sorted({u.speaker.removeprefix(prefix) for u in found.utterances if not u.gender})
    if missing:
        detail = f"{len(missing)} speakers have no gender ({missing[0]} first)"
        problems.append(Problem("no gender", GENDERS_FILE, f"{detail}; list them in this file"))
    return replace(found, problems=(*corpus.problems, *listed.problems, *problems))


def set_genders(corpus: Corpus, genders: Mapping[str, str]) -> Corpus:
    """The corpus with the genders of these speakers."""
    qualified = {f"{corpus.name}/{speaker}": gender for speaker, gender in genders.items()}
    known = (replace(u, gender=qualified.get(u.speaker, u.gender)) for u in corpus.utterances)
    return replace(corpus, utterances=tuple(known))
