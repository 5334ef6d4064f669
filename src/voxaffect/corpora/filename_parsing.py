"""File-name parsing: find recordings below a root and read labels, speakers and texts off names.

A loader supplies a pattern and a function from a matched name to `ParsedName`; everything else is
the same for all corpora and is done here.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path, PurePath

from voxaffect.audio.containers import CONTAINER_SUFFIXES
from voxaffect.audio.decode import AUDIO_SUFFIXES, printable
from voxaffect.corpora.corpus import (
    UNKNOWN_SPEAKER,
    Corpus,
    CorpusCard,
    Problem,
    Utterance,
    utterance_id,
)
from voxaffect.errors import CorpusError


@dataclass(frozen=True, slots=True)
class ParsedName:
    """Metadata in a file name, as in `Utterance`; by default, style and language are the card's.

    The speaker is not yet qualified. `take`, by default the stem, is unique in a speaker's session.
    """

    label: str
    speaker: str
    gender: str | None = None
    sentence: str | None = None
    session: str | None = None
    naturalness: str | None = None
    language: str | None = None
    arousal: float | None = None
    valence: float | None = None
    take: str | None = None


@dataclass(frozen=True, slots=True)
class Excluded:
    """Why a recording is excluded from the corpus; the fields of `Problem` but its path."""

    kind: str
    detail: str
    is_fault: bool = False


NameParser = Callable[[re.Match[str], PurePath], ParsedName | Excluded]
"""Match of a file's stem, and the file's path below the root -> metadata or exclusion."""

ADULTS = {"f": "female", "m": "male", "female": "female", "male": "male"}


def by_groups(
    labels: Mapping[str, str], genders: Mapping[str, str] | None = None
) -> Callable[[re.Match[str], PurePath], ParsedName]:
    """A parser of names whose pattern has groups that state everything.

    These are `emotion`, a key of `labels`, and `speaker`, `sentence` and `sex`, a key of `ADULTS`,
    where names state them. `genders` are of speakers whose sex is not in the name.
    """

    def parse_name(name: re.Match[str], _: PurePath) -> ParsedName:
        stated = name.groupdict()
        speaker = stated.get("speaker") or UNKNOWN_SPEAKER
        gender = ADULTS.get((stated.get("sex") or "").lower()) or (genders or {}).get(speaker)
        return ParsedName(labels[stated["emotion"]], speaker, gender, stated.get("sentence"))

    return parse_name


def corpus_from_names(
    card: CorpusCard,
    pattern: re.Pattern[str],
    parse_name: NameParser,
    example: str,
    root: Path,
    *,
    parents: re.Pattern[str] | None = None,
) -> Corpus:
    """Read a corpus from the names of all recordings below `root`.

    A second recording of the same speaker, session and take is a copy and is left out; the one
    nearest to the root is used.

    Args:
        card: what the corpus should be.
        pattern: matches the whole stem of a recording's name.
        parse_name: parser of names that match.
        example: a path that matches, shown where nothing was found.
        root: folder to read.
        parents: matches names of folders that carry metadata. Those of the root and the folders
            above it come first in the path that `parse_name` receives, so that a root one level too
            low loses nothing.

    Raises:
        CorpusError: `root` is not a readable folder, or has no recording of this corpus.
    """
    paths, problems = find_recordings(root)
    upwards = reversed(Path(os.path.realpath(root)).parts)
    above = [*takewhile(parents.fullmatch, upwards)][::-1] if parents else []
    used: dict[tuple[str, str | None, str], Path] = {}
    utterances: list[Utterance] = []
    for path in paths:
        relative = path.relative_to(root)
        match = pattern.fullmatch(path.stem)
        parsed: ParsedName | Excluded
        if match is None:
            parsed = Excluded("unmatched name", f"is not named like {example}; left out")
        else:
            parsed = parse_name(match, PurePath(*above, relative))
        if isinstance(parsed, ParsedName):
            parsed = _check_file(path, relative, parsed, used)
        if isinstance(parsed, Excluded):
            name = printable(relative)
            problems.append(Problem(parsed.kind, name, parsed.detail, parsed.is_fault))
        else:
            utterances.append(_utterance(card, path, relative, parsed))
    if not utterances:
        first = f" ({problems[0].path} {problems[0].detail})" if problems else ""
        raise CorpusError(
            f"{root}: no recording of {card.title} among {len(paths)} audio files{first}; "
            f"expected names such as {example}"
        )
    return Corpus(card, root, tuple(sorted(utterances, key=lambda u: u.id)), tuple(problems))


def suggest_fix(error: OSError) -> str:
    """What to do about a file or folder that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return "restore the target of this link"
    return "check its permissions" if isinstance(error, PermissionError) else "check it"


def find_recordings(root: Path) -> tuple[list[Path], list[Problem]]:
    """All recordings below a folder as by `find_files`, and its problems and errors.

    At a depth, videos are after audio: a video's sound track often lies next to it.
    """
    found, problems = find_files(root, lambda path: path.suffix.lower() in AUDIO_SUFFIXES)
    found.sort(key=lambda path: (len(path.parts), path.suffix.lower() in CONTAINER_SUFFIXES))
    return found, problems


def find_files(root: Path, wanted: Callable[[Path], bool]) -> tuple[list[Path], list[Problem]]:
    """Files below a folder, nearest first, and a problem for each folder that could not be read.

    Hidden ones are skipped, among them `._*` of macOS. Links are followed, each real folder once.

    Raises:
        CorpusError: `root` is missing, not a folder, or cannot be read.
    """
    try:
        next(root.iterdir(), None)
    except OSError as error:
        why = f"cannot be read ({error.strerror}); check it"
        if isinstance(error, FileNotFoundError):
            why = "no such folder; give the root of a corpus"
        elif isinstance(error, NotADirectoryError):
            why = "is a file; give the folder that holds the corpus"
        raise CorpusError(f"{root}: {why}") from error
    errors: list[OSError] = []
    found = [path for path in _walk(root, errors) if wanted(path)]
    problems = []
    for each in errors:
        name = printable(Path(each.filename).relative_to(root))
        why = f"cannot be read ({each.strerror}), its files are left out; {suggest_fix(each)}"
        problems.append(Problem("unreadable folder", name, why, is_fault=True))
    return sorted(found, key=lambda path: (len(path.parts), path.parts)), problems


def _walk(root: Path, errors: list[OSError]) -> Iterator[Path]:
    visited: set[str] = set()
    for folder, subfolders, names in os.walk(root, onerror=errors.append, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:
            subfolders.clear()
            continue
        visited.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        yield from (Path(folder, name) for name in names if not name.startswith("."))


def _check_file(
    path: Path, relative: Path, parsed: ParsedName, used: dict[tuple[str, str | None, str], Path]
) -> ParsedName | Excluded:
    """Exclude unreadable and empty files and takes in `used`; add others to it."""
    try:
        size = path.stat().st_size
    except OSError as error:
        detail = f"cannot be read ({error.strerror}), left out; {suggest_fix(error)}"
        return Excluded("unreadable file", detail, is_fault=True)
    if size == 0:
        return Excluded("empty file", "has 0 bytes, left out; copy it again", is_fault=True)
    take = (parsed.speaker, parsed.session, parsed.take or path.stem)
    original = used.setdefault(take, relative)
    if original is not relative:
        return Excluded("duplicate", f"is the same take as {printable(original)}; left out")
    return parsed


def _utterance(card: CorpusCard, path: Path, relative: Path, parsed: ParsedName) -> Utterance:
    stated = asdict(parsed)
    del stated["take"]
    stated["speaker"] = f"{card.name}/{parsed.speaker}"
    stated["language"] = parsed.language or card.language
    if not parsed.naturalness and card.elicitation != "mixed":
        stated["naturalness"] = card.elicitation
    name = utterance_id(card.name, PurePath(printable(relative)))
    return Utterance(name, card.name, path, **stated)
