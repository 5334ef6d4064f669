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
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import FeatureError
from voxaffect.features.store.keys import KEY, KeyIndex, stack_keys
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
    values = np.concatenate([entry.values for entry in entries]).astype("<f4", copy=False)
    records = _records(entries)
    body = records.tobytes(), values.tobytes()
    head = np.array((MAGIC, len(records), values.shape[1], *map(zlib.crc32, body)), HEAD)
    path = folder / f"{uuid.uuid4().hex}{SUFFIX}"
    with storing(folder), write_atomically(path) as file:
        for part in (head.tobytes(), *body):
            file.write(part)
    return path


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
        if zlib.crc32(self.values().data) != self.values_crc:
            raise FeatureError(f"{self.path}: its values are damaged")


def _size(path: Path) -> int:
    return path.stat().st_size


def open_shards(folder: Path) -> tuple[list[Shard], dict[Path, str]]:
    """The shards of a folder, and what is wrong with those that are damaged."""
    shards, faults = [], {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            shards.append(Shard.open(path))
        except FileNotFoundError:  # another process found it damaged and removed it
            continue
        except FeatureError as fault:
            faults[path] = str(fault)
    return shards, faults


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

    def places(self, keys: Mapping[str, bytes]) -> dict[str, int]:
        """Number of the record of every key that is stored, under the key's name."""
        found = self.keys.find(stack_keys(keys.values()))
        return {name: int(n) for name, n in zip(keys, found, strict=True) if n >= 0}

    def seconds(self, keys: Collection[bytes]) -> dict[bytes, float]:
        """Length of the audio behind every key that is stored."""
        found = self.keys.find(stack_keys(keys))
        return {
            key: float(self.records["seconds"][n])
            for key, n in zip(keys, found, strict=True)
            if n >= 0
        }

    def damage(self, keys: Collection[bytes]) -> dict[Path, str]:
        """What is wrong with those shards that hold any of the keys, reading all their values."""
        found = self.keys.find(stack_keys(keys))
        faults = {}
        for number in np.unique(self.shard_of[found[found >= 0]]):
            try:
                self.shards[number].check()
            except FeatureError as fault:
                faults[self.shards[number].path] = str(fault)
        return faults
