"""Index of a feature store: the utterances in its shards, without reading their values."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.cache.file_digests import FileDigests, KeyIndex, digest_file, stack_keys
from voxaffect.features.cache.shards import RECORD, SHARD_SUFFIX, MappedShard, Records, read_records

CHECKED = "checked"
"""Subfolder that caches the digests of shards that were verified."""


class FrameLocations(NamedTuple):
    """Locations of the frames of M utterances."""

    shard: NDArray[np.integer]  # (M,), index of the shard
    entry: NDArray[np.integer]  # (M,), index of the utterance in the shard
    frames_before: NDArray[np.integer]  # (M,), number of frames before it in the shard
    n_frames: NDArray[np.integer]  # (M,), number of its frames

    def in_shard(self, row: int) -> tuple[int, int, int]:
        """Location of one utterance in its shard: arguments of `MappedShard.frames`."""
        return int(self.entry[row]), int(self.frames_before[row]), int(self.n_frames[row])


@dataclass(frozen=True, eq=False)
class ShardIndex:
    """Records of valid shards, concatenated."""

    paths: tuple[Path, ...]  # the S shards
    ends: NDArray[np.int64]  # (S,), number of records up to the end of each shard
    records: Records  # (N,)
    keys: KeyIndex  # of the records

    @classmethod
    def of(cls, paths: Sequence[Path]) -> ShardIndex:
        """Read the records of valid shards."""
        parts = [read_records(path) for path in paths]
        records = np.frombuffer(b"".join(parts), RECORD)
        ends = np.cumsum([len(part) // RECORD.itemsize for part in parts], dtype=np.int64)
        return cls(tuple(paths), ends, records, KeyIndex(records["key"]))

    def seconds(self, keys: Collection[bytes]) -> dict[bytes, float]:
        """Length of the audio by key, of keys that are stored."""
        found = self.keys.find(stack_keys(keys))
        stored = [key for key, place in zip(keys, found, strict=True) if place >= 0]
        return dict(zip(stored, self.records["seconds"][found[found >= 0]].tolist(), strict=True))

    def locate(self, records: NDArray[np.int64]) -> FrameLocations:
        """Locations of the frames of records (M,)."""
        shard = np.searchsorted(self.ends, records, "right")
        begin = np.concatenate([[0], self.ends])[shard]  # first record of each one's shard
        before = self._frames_before
        n_frames = self.records["n_frames"][records]
        return FrameLocations(shard, records - begin, before[records] - before[begin], n_frames)

    @cached_property
    def _frames_before(self) -> NDArray[np.int64]:
        """Number of frames of all records before each, int64 (N + 1,)."""
        return np.concatenate([[0], np.cumsum(self.records["n_frames"], dtype=np.int64)])


def open_index(folder: Path, n_jobs: int = 1) -> tuple[ShardIndex, dict[Path, str]]:
    """Open the valid shards of a folder; remove the others and return what is wrong with them.

    A shard is verified, by `n_jobs` threads, when it is new or has changed.
    """
    paths = sorted(folder.glob(f"*{SHARD_SUFFIX}"))
    contents = FileDigests(folder / CHECKED).of(paths, n_jobs)
    gone = {path for path, content in contents.items() if isinstance(content, FileNotFoundError)}
    present = [path for path in paths if path not in gone]
    faults = {path: fault for path in present if (fault := _fault(path, contents[path]))}
    for path in faults:
        with contextlib.suppress(OSError):
            if _fault(path, digest_file(path)):  # unless another process has just written it
                path.unlink()
    return ShardIndex.of([path for path in present if path not in faults]), faults


def _fault(path: Path, content: bytes | OSError) -> str:
    """Describe what is wrong with a shard; empty if nothing is."""
    if isinstance(content, OSError):
        return f"{path}: cannot be read ({content.strerror})"
    return (
        ""
        if content.hex() == path.stem
        else f"{path}: its content has changed since it was written"
    )


class StoredFrames(Sequence[NDArray[np.float32]]):
    """Frames of a sequence of utterances, float32 (T, F), read-only views of shards.

    Its pickle has the paths of the shards, and 16 bytes per utterance.
    """

    def __init__(self, shards: Sequence[MappedShard], locations: FrameLocations) -> None:
        self._shards = tuple(shards)
        self._locations = locations

    @property
    def lengths(self) -> NDArray[np.integer]:
        """Number of frames of each utterance (N,), without opening a shard."""
        return self._locations.n_frames

    def __len__(self) -> int:
        return len(self._locations.n_frames)

    @overload
    def __getitem__(self, row: int) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, row: slice) -> list[NDArray[np.float32]]: ...
    def __getitem__(self, row: int | slice) -> NDArray[np.float32] | list[NDArray[np.float32]]:
        if isinstance(row, slice):
            return [self[n] for n in range(*row.indices(len(self)))]
        shard = self._shards[int(self._locations.shard[row])]
        return shard.frames(*self._locations.in_shard(row))


class StoredFeatures(Mapping[str, NDArray[np.float32]]):
    """Frames by utterance id, float32 (T, F), read-only views of memory-mapped shards."""

    def __init__(self, index: ShardIndex, records: Mapping[str, int]) -> None:
        self._index = index
        self._records = dict(records)
        self._shards: dict[int, MappedShard] = {}

    @classmethod
    def of(cls, index: ShardIndex, keys: Mapping[str, bytes]) -> StoredFeatures:
        """Features of the utterances whose keys are in an index."""
        found = index.keys.find(stack_keys(keys.values())).tolist()
        return cls(index, {i: n for i, n in zip(keys, found, strict=True) if n >= 0})

    def select(self, ids: Iterable[str]) -> StoredFrames:
        """Frames of some utterances in the order of their ids, for sending to another process.

        Selections from one shard share its memory, even after pickling them together.
        """
        found = self._index.locate(np.array([self._records[i] for i in ids], np.int64))
        numbers, shard = np.unique(found.shard, return_inverse=True)
        columns = (shard, found.entry, found.frames_before, found.n_frames)
        small = FrameLocations(*(column.astype(np.uint32) for column in columns))
        return StoredFrames([self._shard(n) for n in numbers.tolist()], small)

    def __getitem__(self, utterance_id: str) -> NDArray[np.float32]:
        found = self._index.locate(np.array([self._records[utterance_id]]))
        return self._shard(int(found.shard[0])).frames(*found.in_shard(0))

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, utterance_id: object) -> bool:
        return utterance_id in self._records  # the inherited one would map the values

    def content(self, utterance_id: str) -> str:
        """Hash of an utterance's audio: the file's bytes and the segment's borders."""
        return bytes(self._index.records["key"][self._records[utterance_id]]).hex()

    def _shard(self, number: int) -> MappedShard:
        if number not in self._shards:
            self._shards[number] = MappedShard(self._index.paths[number])
        return self._shards[number]
