"""Shards: immutable, content-addressed files of frames; journals: shards being written.

A shard is named by the SHA-256 of its bytes: the same computation yields the same file, and a shard
is valid if its content matches its name. Layout, little-endian:

    head      magic, number of columns F
    entries   per utterance: its record (key, seconds of audio, frames T, CRC-32 of these and of the
              values), then its values, float32 (T, F)
    list      all records again, which is what opening a store reads
    tail      number of records

A journal is head and entries. Its writer keeps it locked. If the writer is killed, it has whole
entries and perhaps a torn one; the next process that opens the store locks it and makes it a shard.
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
from functools import cached_property
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import FeatureError
from voxaffect.features.cache.file_digests import KEY, digest_file

SHARD_SUFFIX = ".shard"
MAGIC = b"voxshd02"
HEAD = np.dtype([("magic", "S8"), ("n_columns", "<u8")])
RECORD = np.dtype([("key", KEY), ("seconds", "<f8"), ("n_frames", "<u4"), ("crc", "<u4")])
TAIL = np.dtype([("n_records", "<u8")])
VALUE = np.dtype("<f4")  # the sizes above are multiples of its size
FIELDS, CRC = struct.Struct("<16sdI"), struct.Struct("<I")  # the two parts of a RECORD

Records = NDArray[np.void]


class Entry(NamedTuple):
    """Frames of one utterance to store."""

    key: bytes  # hash of what they were computed from, 16 bytes
    values: NDArray[np.float32]  # (T, F)
    seconds: float  # length of the audio

    def pack(self) -> tuple[bytes, memoryview]:
        """Bytes of its record and its values."""
        values = np.ascontiguousarray(self.values, VALUE).data.cast("B")
        fields = FIELDS.pack(self.key, self.seconds, len(self.values))
        return fields + _crc(fields, values), values


def _crc(fields: bytes | memoryview, values: memoryview) -> bytes:
    """CRC-32 of a record's other fields and of its values."""
    return CRC.pack(zlib.crc32(values, zlib.crc32(fields)))


def pack_head(n_columns: int) -> bytes:
    """Bytes at the begin of a shard."""
    return np.array((MAGIC, n_columns), HEAD).tobytes()


def pack_list(records: bytes) -> bytes:
    """Bytes at the end of a shard: the list and the tail."""
    return records + np.array((len(records) // RECORD.itemsize,), TAIL).tobytes()


def read_records(path: Path) -> bytes:
    """Read the list of a valid shard."""
    with path.open("rb", buffering=0) as file:
        end = file.seek(-TAIL.itemsize, os.SEEK_END)
        n_records = int(np.frombuffer(file.read(TAIL.itemsize), TAIL)["n_records"][0])
        file.seek(end - n_records * RECORD.itemsize)
        return file.read(n_records * RECORD.itemsize)


class MappedShard:
    """Valid shard, memory-mapped on first access, in each process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getstate__(self) -> dict[str, object]:
        """Pickle the path alone."""
        return {"_path": self._path}

    def frames(self, entry: int, frames_before: int, n_frames: int) -> NDArray[np.float32]:
        """Frames of one utterance by its `FrameLocations`, float32 (T, F), read-only.

        Raises:
            FeatureError: the file is missing on this machine.
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
                f"{self._path}: features cannot be read ({fault.strerror}); run again to recompute "
                "them"
            ) from fault

    @cached_property
    def _n_columns(self) -> int:
        return int(self._values[: HEAD.itemsize // VALUE.itemsize].view(HEAD)["n_columns"][0])


def check_shared(folder: Path) -> None:
    """Check that a store's folder exists on this machine.

    Raises:
        FeatureError: it does not; the message names the machine.
    """
    if not folder.is_dir():
        raise FeatureError(
            f"{folder}: no such folder on {socket.gethostname()}; put the feature store on a path "
            "that all machines share"
        )


@contextmanager
def storing(folder: Path) -> Iterator[None]:
    """Turn errors of writing (disk full, read-only ...) into FeatureError."""
    try:
        yield
    except OSError as fault:
        raise FeatureError(
            f"{folder}: features cannot be stored ({fault.strerror}); free space there, or choose "
            "a writable folder"
        ) from fault


JOURNAL_SUFFIX = ".journal"


class Journal:
    """Shard being written: a locked file that begins with a head."""

    def __init__(self, file: FileIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._records = bytearray()

    def append(self, entries: Iterable[Entry]) -> None:
        """Write entries, which survive if this process is killed; FeatureError if it fails."""
        with storing(self._path.parent):
            for entry in entries:
                record, values = entry.pack()
                _write(self._file, record)
                _write(self._file, values)
                self._records += record


@contextmanager
def new_shard(folder: Path, n_columns: int) -> Iterator[Journal]:
    """Create a journal that becomes a shard on exit; after an error it is left to `salvage`.

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
        with storing(folder):
            _seal(file, path, bytes(journal._records))


def salvage(folder: Path) -> None:
    """Turn the journals of killed writers into shards; those that cannot be written are left."""
    for path in sorted(folder.glob(f"*{JOURNAL_SUFFIX}")):
        with contextlib.suppress(OSError), path.open("rb+", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while the writer runs
            if _is_still(file, path):
                entries = [*_whole_entries(path)]
                file.truncate(HEAD.itemsize + sum(map(len, entries)))
                file.seek(0, os.SEEK_END)
                _seal(file, path, b"".join(entry[: RECORD.itemsize] for entry in entries))


def _create(folder: Path) -> tuple[FileIO, Path]:
    """Create a locked journal; `salvage` of another process may remove it before it is locked."""
    while True:
        path = folder / f"{uuid.uuid4().hex}{JOURNAL_SUFFIX}"
        file = path.open("xb+", buffering=0)
        fcntl.flock(file, fcntl.LOCK_EX)
        if _is_still(file, path):
            return file, path
        file.close()


def _is_still(file: FileIO, path: Path) -> bool:
    """Whether a file is still at its path, neither renamed nor removed."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def _whole_entries(path: Path) -> Iterator[memoryview]:
    """Bytes of a journal's entries, up to the first torn one."""
    if path.stat().st_size < HEAD.itemsize:
        return
    content = np.memmap(path, np.uint8, "r").data
    row_bytes = VALUE.itemsize * int(np.frombuffer(content, HEAD, 1)["n_columns"][0])
    begin = HEAD.itemsize
    while begin + RECORD.itemsize <= len(content):
        n_frames = int(np.frombuffer(content, RECORD, 1, begin)["n_frames"][0])
        end = begin + RECORD.itemsize + row_bytes * n_frames
        entry = content[begin:end]
        checksum = _crc(entry[: FIELDS.size], entry[RECORD.itemsize :])
        if end > len(content) or checksum != entry[FIELDS.size : RECORD.itemsize]:
            return
        yield entry
        begin = end


def _seal(file: FileIO, path: Path, records: bytes) -> None:
    """Append the list to a journal and rename it to the hash of its content."""
    if not records:
        path.unlink()
        return
    _write(file, pack_list(records))
    os.fsync(file.fileno())
    path.rename(path.with_name(digest_file(path).hex() + SHARD_SUFFIX))


def _write(file: FileIO, data: bytes | memoryview) -> None:
    """Write all of it; an unbuffered write may be partial."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
