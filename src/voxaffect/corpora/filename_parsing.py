"""What loaders share: finding the recordings of a tree, and reading a corpus off their names.

A corpus whose file names say all there is to know gives a pattern and a function from a matched
name to `ParsedName`; the rest is the same for every one of them and lives here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePath

from voxaffect.audio.containers import CONTAINER_SUFFIXES
from voxaffect.audio.decode import AUDIO_SUFFIXES, printable
from voxaffect.corpora.corpus import Corpus, CorpusCard, Problem, Utterance, utterance_id
from voxaffect.errors import CorpusError


@dataclass(frozen=True, slots=True)
class ParsedName:
    """What a file name says; the fields are those of `Utterance`, the speaker not yet qualified.

    Naturalness and language are the card's unless they are given. `take` tells a recording from the
    others of its speaker and session; it is the stem of the name unless it is given.
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
class LeftOut:
    """Why a recording whose name is understood is no part of the corpus: a `Problem`'s text."""

    kind: str
    detail: str
    is_fault: bool = False


@dataclass(frozen=True)
class NameScheme:
    """How a corpus writes what it knows into its file names.

    Args:
        pattern: fits the whole stem of a recording's name.
        read: a fitting name and its path below the root -> what it says, or why it is left out.
        example: a path that fits, shown where nothing was found.
    """

    pattern: re.Pattern[str]
    read: Callable[[re.Match[str], PurePath], ParsedName | LeftOut]
    example: str


Take = tuple[str, str | None, str]
"""Speaker, session and take, which tell one recording of a corpus from every other."""


def corpus_from_names(card: CorpusCard, root: Path, scheme: NameScheme) -> Corpus:
    """Read a corpus off the names of the recordings anywhere below `root`.

    A speaker has no take twice in a session, so a second file of the same take is a copy and is
    left out; the one nearest to the root is used.

    Raises:
        CorpusError: `root` is no folder that can be read, or holds no recording of this corpus.
    """
    paths, problems = find_recordings(root)
    used: dict[Take, Path] = {}
    utterances: list[Utterance] = []
    for path in paths:
        relative = path.relative_to(root)
        said = _read_name(path, relative, scheme, used)
        if isinstance(said, LeftOut):
            problems.append(Problem(said.kind, printable(relative), said.detail, said.is_fault))
        else:
            utterances.append(_utterance(card, path, relative, said))
    if not utterances:
        raise CorpusError(_nothing_found(card, root, scheme, len(paths), problems))
    return Corpus(card, root, tuple(sorted(utterances, key=lambda u: u.id)), tuple(problems))


def folders_above(root: Path, pattern: re.Pattern[str]) -> list[str]:
    """Names of the root and the folders it is in, as far up as they fit, outermost first.

    Where folders tell what names do not, a root one level too low must not lose them.
    """
    upwards = reversed(Path(os.path.realpath(root)).parts)
    return [*takewhile(pattern.fullmatch, upwards)][::-1]


def remedy(refusal: OSError) -> str:
    """What to do about a file or folder that cannot be read."""
    if isinstance(refusal, FileNotFoundError):
        return "fetch it"  # a link that leads nowhere
    return "check its permissions" if isinstance(refusal, PermissionError) else "check it"


def find_recordings(root: Path) -> tuple[list[Path], list[Problem]]:
    """All recordings below a folder, and what could not be read.

    They are ordered as by `find_files`, films after sounds: a film's sound is often beside it.

    Raises:
        CorpusError: `root` is missing, no folder, or cannot be read.
    """
    found, problems = find_files(root, lambda path: path.suffix.lower() in AUDIO_SUFFIXES)
    found.sort(key=lambda path: (len(path.parts), path.suffix.lower() in CONTAINER_SUFFIXES))
    return found, problems


def find_files(root: Path, wanted: Callable[[Path], bool]) -> tuple[list[Path], list[Problem]]:
    """Files below a folder, those nearest to it first, and what could not be read.

    Hidden files and folders, `._*` of macOS among them, are no part of a corpus. Linked folders
    are followed, each real folder once, so that a loop of links ends.

    Raises:
        CorpusError: `root` is missing, no folder, or cannot be read.
    """
    _check_root(root)
    refusals: list[OSError] = []
    found = [path for path in _walk(root, refusals) if wanted(path)]
    problems = [_refused(root, refusal) for refusal in refusals]
    return sorted(found, key=lambda path: (len(path.parts), path.parts)), problems


def _check_root(root: Path) -> None:
    try:
        next(root.iterdir(), None)
    except FileNotFoundError as fault:
        raise CorpusError(f"{root}: there is no such folder; give the root of a corpus") from fault
    except NotADirectoryError as fault:
        raise CorpusError(f"{root}: is a file; give the folder that holds the corpus") from fault
    except OSError as fault:
        raise CorpusError(f"{root}: cannot be read ({fault.strerror}); check it") from fault


def _walk(root: Path, refusals: list[OSError]) -> Iterable[Path]:
    visited: set[str] = set()
    for folder, subfolders, names in os.walk(root, onerror=refusals.append, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:
            subfolders.clear()
            continue
        visited.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        here = Path(folder)
        yield from (here / name for name in names if not name.startswith("."))


def _refused(root: Path, refusal: OSError) -> Problem:
    return Problem(
        "unreadable folder",
        printable(Path(refusal.filename).relative_to(root)),
        f"cannot be read ({refusal.strerror}), what it holds is missing; {remedy(refusal)}",
        is_fault=True,
    )


def _read_name(
    path: Path, relative: Path, scheme: NameScheme, used: dict[Take, Path]
) -> ParsedName | LeftOut:
    """What a file is, by its name and size, noted in `used`; the samples are `check`'s business."""
    match = scheme.pattern.fullmatch(path.stem)
    if match is None:
        return LeftOut("unmatched name", f"is not named like {scheme.example}; left out")
    said = scheme.read(match, relative)
    if isinstance(said, LeftOut):
        return said
    try:
        size = path.stat().st_size
    except OSError as fault:
        detail = f"cannot be read ({fault.strerror}), left out; {remedy(fault)}"
        return LeftOut("unreadable file", detail, is_fault=True)
    if size == 0:
        return LeftOut("empty file", "has 0 bytes, left out; copy it again", is_fault=True)
    original = used.setdefault((said.speaker, said.session, said.take or match.string), relative)
    if original is not relative:
        return LeftOut("duplicate", f"is the same take as {printable(original)}; left out")
    return said


def _utterance(card: CorpusCard, path: Path, relative: Path, said: ParsedName) -> Utterance:
    name = printable(relative)
    return Utterance(
        id=utterance_id(card.name, relative if name == str(relative) else PurePath(name)),
        corpus=card.name,
        path=path,
        label=said.label,
        speaker=f"{card.name}/{said.speaker}",
        gender=said.gender,
        naturalness=said.naturalness or (None if card.elicitation == "mixed" else card.elicitation),
        language=said.language or card.language,
        sentence=said.sentence,
        session=said.session,
        arousal=said.arousal,
        valence=said.valence,
    )


def _nothing_found(
    card: CorpusCard, root: Path, scheme: NameScheme, n_files: int, problems: list[Problem]
) -> str:
    first = f" ({problems[0].path} {problems[0].detail})" if problems else ""
    return (
        f"{root}: holds nothing of {card.title} among {n_files} audio files{first}; "
        f"expected recordings such as {scheme.example}"
    )
