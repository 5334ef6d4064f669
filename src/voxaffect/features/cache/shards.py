"""Shards: immutable files that each hold the frames of some utterances, named by their content.

The name is the digest of the bytes. So the same work done twice meets in one file, and a shard is
whole if its content still has its name. Its layout, little-endian throughout:

    head      magic, number of columns F
    entries   one an utterance: its record (key, seconds of audio, frames T, CRC-32 of these and of
              the values), then its values, float32 (T, F)
    list      all records once more: what opening a store reads
    tail      number of records

Head and entries alone are a journal (`journal.py`), a shard in the making.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import uuid
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import FileIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import FeatureError
from voxaffect.features.cache.file_digests import KEY, digest_open

SHARD_SUFFIX = ".shard"
MAGIC = b"voxshd02"
HEAD = np.dtype([("magic", "S8"), ("n_columns", "<u8")])
RECORD = np.dtype([("key", KEY), ("seconds", "<f8"), ("n_frames", "<u4"), ("crc", "<u4")])
TAIL = np.dtype([("n_records", "<u8")])
VALUE = np.dtype("<f4")  # all sizes above are multiples of its own
FIELDS, CRC = struct.Struct("<16sdI"), struct.Struct("<I")  # a RECORD in two

Records = NDArray[np.void]


@dataclass(frozen=True)
class Entry:
    """Frames of one utterance, ready to be stored.

    Args:
        key: what they were computed from, 16 bytes.
        values: float32 (T, F).
        seconds: length of the audio.
    """

    key: bytes
    values: NDArray[np.float32]
    seconds: float

    def pack(self) -> tuple[bytes, memoryview]:
        """Its record and its values, as they are written."""
        values = np.ascontiguousarray(self.values, VALUE).data.cast("B")
        fields = FIELDS.pack(self.key, self.seconds, len(self.values))
        return fields + _crc(fields, values), values


def is_whole(entry: memoryview) -> bool:
    """Whether the bytes of an entry, record and values, are those that were written."""
    record, values = entry[: RECORD.itemsize], entry[RECORD.itemsize :]
    return _crc(record[: FIELDS.size], values) == record[FIELDS.size :]


def _crc(fields: bytes | memoryview, values: memoryview) -> bytes:
    """CRC-32 of a record's other fields and of the values behind it."""
    return CRC.pack(zlib.crc32(values, zlib.crc32(fields)))


def pack_head(n_columns: int) -> bytes:
    """What a shard begins with."""
    return np.array((MAGIC, n_columns), HEAD).tobytes()


def pack_list(records: bytes) -> bytes:
    """What a shard ends with."""
    return records + np.array((len(records) // RECORD.itemsize,), TAIL).tobytes()


def read_records(path: Path) -> bytes:
    """The records of a whole shard."""
    with path.open("rb", buffering=0) as file:
        end = file.seek(-TAIL.itemsize, os.SEEK_END)
        n_records = int(np.frombuffer(file.read(TAIL.itemsize), TAIL)["n_records"][0])
        file.seek(end - n_records * RECORD.itemsize)
        return file.read(n_records * RECORD.itemsize)


class MappedShard:
    """A whole shard, mapped into memory when it is first looked into; in each process anew.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getstate__(self) -> dict[str, object]:
        """The path alone travels to other processes."""
        return {"_path": self._path}

    def frames(self, entry: int, frames_before: int, n_frames: int) -> NDArray[np.float32]:
        """Frames of one utterance, float32 (T, F), read-only.

        Args:
            entry: its number in the shard.
            frames_before: frames of the shard's utterances before it.
            n_frames: its own, T.

        Raises:
            FeatureError: the file is gone, or not there on this machine.
        """
        head, record = (part.itemsize // VALUE.itemsize for part in (HEAD, RECORD))
        begin = head + (entry + 1) * record + frames_before * self._n_columns
        return self._values[begin : begin + n_frames * self._n_columns].reshape(n_frames, -1)

    @cached_property
    def _values(self) -> NDArray[np.float32]:
        try:
            return np.asarray(np.memmap(self._path, VALUE, "r"))
        except OSError as fault:
            check_shared(self._path.parent)
            raise FeatureError(
                f"{self._path}: features cannot be read ({fault.strerror}); run again to compute "
                "them"
            ) from fault

    @cached_property
    def _n_columns(self) -> int:
        return int(self._values[: HEAD.itemsize // VALUE.itemsize].view(HEAD)["n_columns"][0])


def check_shared(folder: Path) -> None:
    """Say which machine does not have a store's folder, if this is one.

    Raises:
        FeatureError: the folder is not there.
    """
    if not folder.is_dir():
        raise FeatureError(
            f"{folder}: there is no such folder on {socket.gethostname()}; put the feature store "
            "on a path that all machines share"
        )


@contextmanager
def storing(folder: Path) -> Iterator[None]:
    """Say where the features were to go if the disk is full or read-only."""
    try:
        yield
    except OSError as fault:
        raise FeatureError(
            f"{folder}: features cannot be stored ({fault.strerror}); free space there, or name "
            "a folder that can be written"
        ) from fault


# Journals: shards in the making, which grow utterance by utterance and survive their writer.
#
# Whenever its writer is killed, a journal holds whole entries, and behind them perhaps a torn one.
# The writer keeps its journal locked. So one that can be locked was left behind, and whoever opens
# the store next makes a shard of it. A store has no other temporary files of features.

JOURNAL_SUFFIX = ".journal"


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
            _write(file, pack_head(n_columns))
        journal = Journal(file, path)
        yield journal
        journal.seal()


def salvage(folder: Path) -> None:
    """Make shards of the journals of dead writers; those that cannot be written now have to wait.

    Args:
        folder: where they lie.
    """
    for path in sorted(folder.glob(f"*{JOURNAL_SUFFIX}")):
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
        path = folder / f"{uuid.uuid4().hex}{JOURNAL_SUFFIX}"
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
    _write(file, pack_list(records))
    os.fsync(file.fileno())
    file.seek(0)
    path.rename(path.with_name(digest_open(file).hex() + SHARD_SUFFIX))


def _write(file: FileIO, data: bytes | memoryview) -> None:
    """Write all of it, which may take the system several turns."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
