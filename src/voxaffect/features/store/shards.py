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

import os
import socket
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import FeatureError
from voxaffect.features.store.keys import KEY

SUFFIX = ".shard"
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
            refuse_unshared(self._path.parent)
            raise FeatureError(
                f"{self._path}: features cannot be read ({fault.strerror}); run again to compute "
                "them"
            ) from fault

    @cached_property
    def _n_columns(self) -> int:
        return int(self._values[: HEAD.itemsize // VALUE.itemsize].view(HEAD)["n_columns"][0])


def refuse_unshared(folder: Path) -> None:
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
