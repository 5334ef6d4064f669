"""The recordings that predict is given: files, folders, patterns, tables, standard input."""

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

PIPE, PIPED = Path("-"), "standard input"  # the argument, and its name in predictions and errors


@dataclass(frozen=True)
class InputSource:
    """A recording to recognize: a file, the bytes of a piped one, or a table's row of one."""

    recording: Path | bytes | Utterance
    row: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name in predictions and errors."""
        from voxaffect.recognizer.recording import name_of

        return PIPED if isinstance(self.recording, bytes) else name_of(self.recording)


@dataclass
class Refusals:
    """Names of sources that cannot be used; each is reported on standard error at once."""

    names: list[str] = field(default_factory=list)

    def report(self, name: str, fault: Exception) -> None:
        """Report a source and what is wrong with it."""
        print_line(f"voxaffect: {fault}", style="red", to=errors())
        self.names.append(name)

    def report_problems(self, source: Path, problems: Sequence[Problem]) -> None:
        """Report what cannot be used of a folder or table."""
        for problem in problems:
            print_line(f"{source}: {problem.path}: {problem.detail}", to=errors())
        self.names += [problem.path for problem in problems if problem.is_fault]


def list_sources(
    named: Sequence[Path], listed_in: Path | None, refusals: Refusals, limits: DecodeLimits
) -> list[InputSource]:
    """List the recordings of all sources, in order; those that cannot be used are refused.

    `listed_in` is a file with one name per line, or `-`; its names are not patterns. The limits are
    those of a piped recording.

    Raises `ConfigError` without a source or with two `-`, `CorpusError` for an unreadable list.
    """
    if [*named, listed_in].count(PIPE) > 1:
        fault = "- is named twice, but standard input can be read only once; name it once"
        raise ConfigError(fault)
    if not named and listed_in is None:
        fault = "no recordings given; name files, folders or tables, or - for standard input"
        raise ConfigError(fault)
    found: list[InputSource] = []
    for source in _expand_patterns(named, refusals):
        found += [_read_pipe(limits)] if source == PIPE else _list_source(source, refusals)
    for source in _read_names(listed_in) if listed_in is not None else ():
        found += _list_source(source, refusals)
    return found


def _expand_patterns(named: Sequence[Path], refusals: Refusals) -> Iterator[Path]:
    for source in named:
        if not glob.has_magic(str(source)) or os.path.lexists(source):
            yield source
            continue
        matches = sorted(glob.glob(str(source), recursive=True))  # noqa: PTH207 any root
        if not matches:
            fault = CorpusError(f"{source}: no file matches this pattern; check it")
            refusals.report(str(source), fault)
        yield from map(Path, matches)


def _read_names(listed_in: Path) -> list[Path]:
    try:
        content = sys.stdin.buffer.read() if listed_in == PIPE else listed_in.read_bytes()
    except OSError as fault:
        message = f"{listed_in}: cannot read this list ({fault.strerror}); check the path"
        raise CorpusError(message) from fault
    return [Path(os.fsdecode(line)) for line in content.splitlines() if line.strip()]


def _read_pipe(limits: DecodeLimits) -> InputSource:
    if sys.stdin.isatty():
        fault = "- reads standard input, which is a terminal; pipe a recording in, or name a file"
        raise ConfigError(fault)
    # One byte more than the limit, so that the decoder refuses it.
    return InputSource(sys.stdin.buffer.read(limits.max_bytes + 1))


def _list_source(source: Path, refusals: Refusals) -> list[InputSource]:
    """A recording itself, those of a folder, or the rows of a table; none if it is refused."""
    from voxaffect.corpora.table import is_table, list_table

    try:
        if source.is_dir():
            found, problems = _list_folder(source)
        elif is_table(source):
            rows, problems = list_table(source, source.stem, required=("path",))
            found = [InputSource(*row) for row in rows]
        else:
            return [InputSource(source)]
        refusals.report_problems(source, problems)
        if not found:
            raise CorpusError(f"{source}: no recordings found in this folder; name another")
    except (CorpusError, OSError) as fault:  # such as a name longer than can be looked up
        refusals.report(str(source), fault)
        return []
    return found


def _list_folder(source: Path) -> tuple[list[InputSource], list[Problem]]:
    from voxaffect.corpora.audformat import is_database, list_audformat
    from voxaffect.corpora.filename_parsing import find_recordings

    if is_database(source):
        rows, problems = list_audformat(source, source.resolve().name)
        return [InputSource(*row) for row in rows], problems
    paths, problems = find_recordings(source)
    return [InputSource(path) for path in paths], problems
