"""Shards: immutable files that each hold the frames of some utterances, and where to find them.

A shard appears whole, by one rename, under a name of its own. So a killed writer leaves the others
as they were, and two writers never meet. Its layout, little-endian throughout:

    head     magic, number of records, number of columns F, CRC-32 of the records and of the values
    records  one an utterance: key, first row, frames T, seconds of audio
    values   float32 (sum of T, F), read as a memory map
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import FeatureError
from voxaffect.features.keys import KEY, KeyIndex, Keys
from voxaffect.files import write_atomically

SUFFIX = ".shard"
MAGIC = b"voxshd01"
HEAD = np.dtype(
    [
        ("magic", "S8"),
        ("n_records", "<u8"),
        ("n_columns", "<u8"),
        ("records_crc", "<u4"),
        ("values_crc", "<u4"),
    ]
)
RECORD = np.dtype([("key", KEY), ("row", "<i8"), ("n_frames", "<i8"), ("seconds", "<f8")])

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


def write_shard(folder: Path, entries: Sequence[Entry]) -> Path:
    """Store entries as one new shard.

    Raises:
        FeatureError: the folder cannot be written.
    """
    values = np.ascontiguousarray(np.concatenate([entry.values for entry in entries]), "<f4")
    records = _records(entries)
    head = np.array(
        (MAGIC, len(records), values.shape[1], zlib.crc32(records), zlib.crc32(values)), HEAD
    )
    path = folder / f"{uuid.uuid4().hex}{SUFFIX}"
    try:
        with write_atomically(path) as file:
            for part in (head, records, values):
                file.write(part.tobytes())
    except OSError as fault:
        raise FeatureError(
            f"{folder}: features cannot be stored ({fault.strerror}); free space there, or name "
            "a folder that can be written"
        ) from fault
    return path


def _records(entries: Sequence[Entry]) -> Records:
    n_frames = np.array([len(entry.values) for entry in entries])
    records = np.zeros(len(entries), RECORD)
    records["key"] = [np.frombuffer(entry.key, "<u8") for entry in entries]
    records["row"] = np.cumsum(n_frames) - n_frames
    records["n_frames"] = n_frames
    records["seconds"] = [entry.seconds for entry in entries]
    return records


@dataclass(frozen=True, eq=False)
class Shard:
    """A shard whose head and records were read and found whole.

    Args:
        path: its file.
        records: its utterances, of type RECORD.
        shape: rows and columns of its values.
        values_crc: what the values' CRC-32 must be.
    """

    path: Path
    records: Records
    shape: tuple[int, int]
    values_crc: int

    @classmethod
    def open(cls, path: Path) -> Shard:
        """Read head and records, not the values.

        Raises:
            FeatureError: the file is foreign, cut short or altered.
        """
        with path.open("rb") as file:
            head_bytes = file.read(HEAD.itemsize)
            if len(head_bytes) < HEAD.itemsize or not head_bytes.startswith(MAGIC):
                raise FeatureError(f"{path}: is no shard of features")
            head = np.frombuffer(head_bytes, HEAD)[0]
            record_bytes = file.read(min(int(head["n_records"]) * RECORD.itemsize, _size(path)))
        if zlib.crc32(record_bytes) != head["records_crc"]:
            raise FeatureError(f"{path}: the list of its utterances is damaged")
        records = np.frombuffer(record_bytes, RECORD)
        shape = (int(records["n_frames"].sum()), int(head["n_columns"]))
        if _size(path) != HEAD.itemsize + records.nbytes + 4 * shape[0] * shape[1]:
            raise FeatureError(f"{path}: is {_size(path)} bytes long, not what its head says")
        return cls(path, records, shape, int(head["values_crc"]))

    def values(self) -> NDArray[np.float32]:
        """All frames, float32 (rows, F), mapped from the file, read-only."""
        start = HEAD.itemsize + self.records.nbytes
        mapped = np.memmap(self.path, np.dtype("<f4"), "r", offset=start, shape=self.shape)
        return np.asarray(mapped)

    def check(self) -> None:
        """Read all values once.

        Raises:
            FeatureError: they are not what was written.
        """
        if zlib.crc32(self.values()) != self.values_crc:
            raise FeatureError(f"{self.path}: its values are damaged")


def _size(path: Path) -> int:
    return path.stat().st_size


@dataclass(frozen=True, eq=False)
class ShardIndex:
    """All records of some shards, one after the other.

    Args:
        shards: the shards.
        records: of type RECORD.
        shard_of: number of the shard of every record.
        keys: finds a record by its key.
    """

    shards: tuple[Shard, ...]
    records: Records
    shard_of: NDArray[np.intp]
    keys: KeyIndex

    @classmethod
    def of(cls, shards: Sequence[Shard]) -> ShardIndex:
        """The index over the records of all shards."""
        records = np.concatenate([np.zeros(0, RECORD), *(shard.records for shard in shards)])
        shard_of = np.repeat(np.arange(len(shards)), [len(shard.records) for shard in shards])
        return cls(tuple(shards), records, shard_of, KeyIndex(records["key"]))

    def find(self, wanted: Keys) -> NDArray[np.intp]:
        """Record of every wanted key (M, 2), -1 where there is none."""
        return self.keys.find(wanted)
