"""Recordings that the arguments of predict stand for: files, folders, patterns, tables, a pipe."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from voxaffect.cli.console import errors, print_line
from voxaffect.errors import ConfigError, CorpusError

if TYPE_CHECKING:
    from voxaffect.audio.decode import DecodeLimits
    from voxaffect.corpora.corpus import Problem, Utterance

PIPE = "-"
"""Stands for standard input."""

PIPED = "standard input"
"""Name of a recording that was piped, in predictions and errors."""


@dataclass(frozen=True)
class InputSource:
    """A recording to recognize.

    Args:
        recording: a file, the bytes of a piped one, or the utterance of a table's row.
        place: its row of a table; else nothing.
    """

    recording: Path | bytes | Utterance
    place: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name in predictions and errors."""
        from voxaffect.audio.decode import printable
        from voxaffect.corpora.corpus import Utterance

        if isinstance(self.recording, Utterance):
            return self.recording.id
        return PIPED if isinstance(self.recording, bytes) else printable(self.recording)


@dataclass
class Refusals:
    """What could not be used; each is named on standard error at once."""

    names: list[str] = field(default_factory=list)

    def report(self, name: str, fault: Exception) -> None:
        """Name one source and what is wrong with it."""
        print_line(f"voxaffect: {fault}", style="red", to=errors())
        self.names.append(name)

    def report_problems(self, source: Path, problems: Sequence[Problem]) -> None:
        """Name what cannot be used of a folder or table."""
        for problem in problems:
            print_line(f"{source}: {problem.path}: {problem.detail}", to=errors())
        self.names += [problem.path for problem in problems if problem.is_fault]


def list_sources(
    named: Sequence[Path], listed_in: Path | None, refusals: Refusals, limits: DecodeLimits
) -> list[InputSource]:
    """All recordings that the sources stand for, in order.

    Args:
        named: recordings, folders, patterns, tables, databases, or `-` for a piped recording.
        listed_in: a file with one name a line, or `-`; its names are taken as they are.
        refusals: gets what cannot be used.
        limits: of a piped recording's bytes.

    Raises:
        ConfigError: nothing is named, or standard input is to be two things.
        CorpusError: the list cannot be read.
    """
    pipes = [*named, *([listed_in] if listed_in else [])].count(Path(PIPE))
    if pipes > 1:
        raise ConfigError(
            "- is named twice, but standard input can be read only once; name it once"
        )
    if not named and listed_in is None:
        raise ConfigError(
            "no recordings given; name files, folders or tables, or - for standard input"
        )
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
        refusals.report(str(source), fault)
        return []


def _expanded(named: Sequence[Path], refusals: Refusals) -> Iterator[Path]:
    """The sources, with patterns replaced by the files that match."""
    for source in named:
        if not glob.has_magic(str(source)) or os.path.lexists(source):
            yield source
            continue
        fitting = sorted(glob.glob(str(source), recursive=True))  # noqa: PTH207 any root
        if not fitting:
            fault = CorpusError(f"{source}: no file matches this pattern; check it")
            refusals.report(str(source), fault)
        yield from map(Path, fitting)


def _names(listed_in: Path | None) -> list[Path]:
    """Lines of a list that are not empty."""
    if listed_in is None:
        return []
    try:
        content = sys.stdin.buffer.read() if listed_in == Path(PIPE) else listed_in.read_bytes()
    except OSError as fault:
        raise CorpusError(
            f"{listed_in}: cannot read this list ({fault.strerror}); check the path"
        ) from fault
    return [Path(os.fsdecode(line)) for line in content.splitlines() if line.strip()]


def _piped(limits: DecodeLimits) -> InputSource:
    """The recording on standard input.

    Raises:
        ConfigError: standard input is a terminal.
    """
    if sys.stdin.isatty():
        raise ConfigError(
            "- reads standard input, which is a terminal; pipe a recording in, or name a file"
        )
    # One byte more than the limit, so that the decoder says what is wrong with it.
    return InputSource(sys.stdin.buffer.read(limits.max_bytes + 1))


def _found(source: Path, refusals: Refusals) -> list[InputSource]:
    """A recording itself, those of a folder, or the rows of a table.

    Raises:
        CorpusError: there are none, or the source cannot be read.
    """
    from voxaffect.corpora.table import is_table, list_table

    if source.is_dir():
        return _in_folder(source, refusals)
    if not is_table(source):
        return [InputSource(source)]
    rows, problems = list_table(source, source.stem, required=("path",))
    refusals.report_problems(source, problems)
    return [InputSource(utterance, row) for utterance, row in rows]


def _in_folder(source: Path, refusals: Refusals) -> list[InputSource]:
    from voxaffect.corpora.audformat import is_database, list_audformat
    from voxaffect.corpora.filename_parsing import find_recordings

    if is_database(source):
        rows, problems = list_audformat(source, source.resolve().name)
        refusals.report_problems(source, problems)
        return [InputSource(utterance, row) for utterance, row in rows]
    paths, faults = find_recordings(source)
    refusals.report_problems(source, faults)
    if not paths:
        raise CorpusError(f"{source}: no recordings found in this folder; name another")
    return [InputSource(path) for path in paths]
