"""What the sources on a command line stand for: recordings, folders, patterns, tables, a pipe."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from voxaffect.audio.decode import DecodeLimits, printable
from voxaffect.cli.console import errors, print_line
from voxaffect.corpora.corpus import Problem, Utterance
from voxaffect.corpora.filename_parsing import find_recordings
from voxaffect.corpora.table import is_table, list_table
from voxaffect.errors import ConfigError, CorpusError

PIPE = "-"
"""Stands for standard input."""

PIPED = "standard input"
"""What answers and errors call a recording that was piped."""

Listed = Path | bytes | Utterance
"""A file, the bytes of a piped one, or what a table's row stands for."""


@dataclass(frozen=True)
class InputSource:
    """A recording that is asked about.

    Args:
        recording: itself.
        place: what a row of a table says of it; else nothing.
    """

    recording: Listed
    place: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the user calls it."""
        if isinstance(self.recording, Utterance):
            return self.recording.id
        return PIPED if isinstance(self.recording, bytes) else printable(self.recording)


@dataclass
class Refusals:
    """What could not be used, told on standard error as it is met."""

    names: list[str] = field(default_factory=list)

    def tell(self, name: str, fault: Exception) -> None:
        """Name one."""
        print_line(f"voxaffect: {fault}", style="red", to=errors)
        self.names.append(name)

    def tell_problems(self, source: Path, problems: Sequence[Problem]) -> None:
        """Name what of a folder or table cannot be used."""
        for problem in problems:
            print_line(f"{source}: {problem.path}: {problem.detail}", to=errors)
        self.names += [problem.path for problem in problems if problem.is_fault]


def list_sources(
    named: Sequence[Path], listed_in: Path | None, refusals: Refusals, limits: DecodeLimits
) -> list[InputSource]:
    """All recordings that the sources stand for, in their order.

    Args:
        named: recordings, folders, patterns, tables, databases, or `-` for a piped recording.
        listed_in: a file with one name a line, or `-`; its names are taken as they are.
        refusals: told what cannot be used.
        limits: of a piped recording's bytes.

    Raises:
        ConfigError: nothing is named, or standard input is to be two things.
        CorpusError: the list cannot be read.
    """
    pipes = [*named, *([listed_in] if listed_in else [])].count(Path(PIPE))
    if pipes > 1:
        raise ConfigError("standard input can be read once; name - once")
    if not named and listed_in is None:
        raise ConfigError("no recording is named; name files, folders, tables or - for a pipe")
    found: list[InputSource] = []
    for source in _expanded(named, refusals):
        found += [_piped(limits)] if source == Path(PIPE) else _usable(source, refusals)
    for source in _names(listed_in):
        found += _usable(source, refusals)
    return found


def _usable(source: Path, refusals: Refusals) -> list[InputSource]:
    try:
        return _found(source, refusals)
    except (CorpusError, OSError) as fault:  # such as a name longer than can be looked up
        refusals.tell(str(source), fault)
        return []


def _expanded(named: Sequence[Path], refusals: Refusals) -> Iterator[Path]:
    """The sources, with what fits them in the place of patterns that name nothing by themselves."""
    for source in named:
        if not glob.has_magic(str(source)) or os.path.lexists(source):
            yield source
            continue
        fitting = sorted(glob.glob(str(source), recursive=True))  # noqa: PTH207 any root
        if not fitting:
            fault = CorpusError(f"{source}: no file fits this pattern; check it")
            refusals.tell(str(source), fault)
        yield from map(Path, fitting)


def _names(listed_in: Path | None) -> list[Path]:
    """The lines of a list that are not empty."""
    if listed_in is None:
        return []
    try:
        content = sys.stdin.buffer.read() if listed_in == Path(PIPE) else listed_in.read_bytes()
    except OSError as fault:
        raise CorpusError(
            f"{listed_in}: this list cannot be read ({fault.strerror}); check the path"
        ) from fault
    return [Path(os.fsdecode(line)) for line in content.splitlines() if line.strip()]


def _piped(limits: DecodeLimits) -> InputSource:
    """The recording that is piped in.

    Raises:
        ConfigError: nobody pipes one.
    """
    if sys.stdin.isatty():
        raise ConfigError("- stands for a recording that is piped in; pipe one, or name a file")
    # One byte more than the limit, so that the decoder says what is wrong with it.
    return InputSource(sys.stdin.buffer.read(limits.max_bytes + 1))


def _found(source: Path, refusals: Refusals) -> list[InputSource]:
    """A recording itself, what lies in a folder, or the rows of a table, in order.

    Raises:
        CorpusError: it holds none, or cannot be read.
    """
    if source.is_dir():
        return _in_folder(source, refusals)
    if not is_table(source):
        return [InputSource(source)]
    rows, problems = list_table(source, source.stem, required=("path",))
    refusals.tell_problems(source, problems)
    return [InputSource(utterance, row) for utterance, row in rows]


def _in_folder(source: Path, refusals: Refusals) -> list[InputSource]:
    from voxaffect.corpora.audformat import is_database, list_audformat

    if is_database(source):
        rows, problems = list_audformat(source, source.resolve().name)
        refusals.tell_problems(source, problems)
        return [InputSource(utterance, row) for utterance, row in rows]
    paths, faults = find_recordings(source)
    refusals.tell_problems(source, faults)
    if not paths:
        raise CorpusError(f"{source}: holds no recording; name one, or another folder")
    return [InputSource(path) for path in paths]
