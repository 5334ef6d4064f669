"""Journals: shards in the making, which grow utterance by utterance and survive their writer.

Whenever its writer is killed, a journal holds whole entries, and behind them perhaps a torn one.
The writer keeps its journal locked. So one that can be locked was left behind, and whoever opens
the store next makes a shard of it. A store has no other temporary files of features.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import numpy as np

from voxaffect.features.store import shards
from voxaffect.features.store.file_digests import digest_open
from voxaffect.features.store.shards import HEAD, RECORD, VALUE, Entry, is_whole, storing

SUFFIX = ".journal"


class Journal:
    """A shard that still grows.

    Args:
        file: open and locked, a head is all there is in it.
        path: where it lies.
    """

    def __init__(self, file: FileIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._records = bytearray()

    def append(self, entries: Iterable[Entry]) -> None:
        """Write entries; the death of this process does not touch them any more.

        Raises:
            FeatureError: the disk is full.
        """
        with storing(self._path.parent):
            for entry in entries:
                record, values = entry.pack()
                _write(self._file, record)
                _write(self._file, values)
                self._records += record

    def seal(self) -> None:
        """Make a shard of it; without entries it is removed.

        Raises:
            FeatureError: the disk is full.
        """
        with storing(self._path.parent):
            _seal(self._file, self._path, bytes(self._records))


@contextmanager
def new_shard(folder: Path, n_columns: int) -> Iterator[Journal]:
    """A journal that becomes a shard at the end; if something fails, it is left to `salvage`.

    Args:
        folder: where it goes.
        n_columns: F, of all its entries.

    Raises:
        FeatureError: the folder cannot be written.
    """
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file, path = _create(folder)
    with file:
        with storing(folder):
            _write(file, shards.pack_head(n_columns))
        journal = Journal(file, path)
        yield journal
        journal.seal()


def salvage(folder: Path) -> None:
    """Make shards of the journals of dead writers; those that cannot be written now have to wait.

    Args:
        folder: where they lie.
    """
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with contextlib.suppress(OSError), path.open("rb+", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where the writer lives
            if _is_still(file, path):
                entries = [*_whole_entries(path)]
                file.truncate(HEAD.itemsize + sum(map(len, entries)))
                file.seek(0, os.SEEK_END)
                _seal(file, path, b"".join(entry[: RECORD.itemsize] for entry in entries))


def _create(folder: Path) -> tuple[FileIO, Path]:
    """A new journal under lock; `salvage` may find it before it is locked, and remove it."""
    while True:
        path = folder / f"{uuid.uuid4().hex}{SUFFIX}"
        file = path.open("xb+", buffering=0)
        fcntl.flock(file, fcntl.LOCK_EX)
        if _is_still(file, path):
            return file, path
        file.close()


def _is_still(file: FileIO, path: Path) -> bool:
    """Whether a file has neither been sealed nor removed by the time that it is locked."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def _whole_entries(path: Path) -> Iterator[memoryview]:
    """The bytes of a journal's entries, up to the first torn one."""
    if path.stat().st_size < HEAD.itemsize:
        return
    content = np.memmap(path, np.uint8, "r").data
    row_bytes = VALUE.itemsize * int(np.frombuffer(content, HEAD, 1)["n_columns"][0])
    begin = HEAD.itemsize
    while begin + RECORD.itemsize <= len(content):
        n_frames = int(np.frombuffer(content, RECORD, 1, begin)["n_frames"][0])
        end = begin + RECORD.itemsize + row_bytes * n_frames
        entry = content[begin:end]
        if end > len(content) or not is_whole(entry):
            return
        yield entry
        begin = end


def _seal(file: FileIO, path: Path, records: bytes) -> None:
    """Add the list to a journal's entries, and give the file the name of its content."""
    if not records:
        path.unlink()
        return
    _write(file, shards.pack_list(records))
    os.fsync(file.fileno())
    file.seek(0)
    path.rename(path.with_name(digest_open(file).hex() + shards.SUFFIX))


def _write(file: FileIO, data: bytes | memoryview) -> None:
    """Write all of it, which may take the system several turns."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
