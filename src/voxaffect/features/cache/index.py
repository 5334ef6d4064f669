"""The index of a store: which utterances its whole shards hold, without reading their values."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.cache.file_digests import FileDigests, KeyIndex, digest_file, stack_keys
from voxaffect.features.cache.shards import RECORD, SHARD_SUFFIX, MappedShard, Records, read_records

CHECKED = "checked"
"""Folder beside the shards that remembers which were read and found whole."""


@dataclass(frozen=True, eq=False)
class FrameLocations:
    """Where the frames of M utterances lie.

    Args:
        shard: (M,), number of each one's shard.
        entry: (M,), its number in the shard.
        frames_before: (M,), frames of the shard's utterances before it.
        n_frames: (M,), its own frames.
    """

    shard: NDArray[np.integer]
    entry: NDArray[np.integer]
    frames_before: NDArray[np.integer]
    n_frames: NDArray[np.integer]

    def of_shard(self, row: int) -> tuple[int, int, int]:
        """Place of one utterance in its shard, as `MappedShard.frames` takes it."""
        return int(self.entry[row]), int(self.frames_before[row]), int(self.n_frames[row])


@dataclass(frozen=True, eq=False)
class ShardIndex:
    """All records of some whole shards, one shard after the other.

    Args:
        paths: the shards, S of them.
        ends: int64 (S,), how many records there are up to the end of each shard.
        records: of type RECORD (N,).
        keys: finds a record by its key.
    """

    paths: tuple[Path, ...]
    ends: NDArray[np.int64]
    records: Records
    keys: KeyIndex

    @classmethod
    def of(cls, paths: Sequence[Path]) -> ShardIndex:
        """The index of shards, which are taken to be whole."""
        parts = [read_records(path) for path in paths]
        records = np.frombuffer(b"".join(parts), RECORD)
        ends = np.cumsum([len(part) // RECORD.itemsize for part in parts], dtype=np.int64)
        return cls(tuple(paths), ends, records, KeyIndex(records["key"]))

    def seconds(self, keys: Collection[bytes]) -> dict[bytes, float]:
        """Length of the audio behind every key that is stored."""
        found = self.keys.find(stack_keys(keys))
        stored = [key for key, place in zip(keys, found, strict=True) if place >= 0]
        return dict(zip(stored, self.records["seconds"][found[found >= 0]].tolist(), strict=True))

    def places(self, records: NDArray[np.int64]) -> FrameLocations:
        """Where the frames of records (M,) lie."""
        shard = np.searchsorted(self.ends, records, "right")
        begin = np.concatenate([[0], self.ends])[shard]  # first record of each one's shard
        before = self._frames_before
        n_frames = self.records["n_frames"][records]
        return FrameLocations(shard, records - begin, before[records] - before[begin], n_frames)

    @cached_property
    def _frames_before(self) -> NDArray[np.int64]:
        """Frames of all records before each, int64 (N + 1,)."""
        return np.concatenate([[0], np.cumsum(self.records["n_frames"], dtype=np.int64)])


def open_index(folder: Path, n_jobs: int = 1) -> tuple[ShardIndex, dict[Path, str]]:
    """The whole shards of a folder, and what is wrong with the others, which are removed.

    A shard is read when it is new or has changed, and then never again.

    Args:
        folder: where they lie.
        n_jobs: shards that are read at once.
    """
    paths = sorted(folder.glob(f"*{SHARD_SUFFIX}"))
    contents = FileDigests(folder / CHECKED).of(paths, n_jobs)
    gone = {path for path, content in contents.items() if isinstance(content, FileNotFoundError)}
    verdicts = {path: _fault(path, contents[path]) for path in paths if path not in gone}
    faults = {path: fault for path, fault in verdicts.items() if fault}
    for path in faults:
        _remove_damaged(path)
    return ShardIndex.of([path for path in verdicts if path not in faults]), faults


def _fault(path: Path, content: bytes | OSError) -> str:
    """What is wrong with a shard of some content, in words; empty if nothing is."""
    if isinstance(content, OSError):
        return f"{path}: cannot be read ({content.strerror})"
    return "" if content.hex() == path.stem else f"{path}: its content is not what was written"


def _remove_damaged(path: Path) -> None:
    """Remove a shard, unless another process has built it anew since it was read."""
    with contextlib.suppress(OSError):
        if _fault(path, digest_file(path)):
            path.unlink()


class StoredFrames(Sequence[NDArray[np.float32]]):
    """Frames of some utterances in their order, float32 (T, F), read-only views of shards.

    Pickled it takes the names of its shards, and 16 bytes an utterance.

    Args:
        shards: those that the utterances lie in.
        places: where in these.
    """

    def __init__(self, shards: Sequence[MappedShard], places: FrameLocations) -> None:
        self._shards = tuple(shards)
        self._places = places

    @property
    def lengths(self) -> NDArray[np.integer]:
        """Frames of each utterance (N,); no shard is looked into."""
        return self._places.n_frames

    def __len__(self) -> int:
        return len(self._places.n_frames)

    @overload
    def __getitem__(self, row: int) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, row: slice) -> list[NDArray[np.float32]]: ...
    def __getitem__(self, row: int | slice) -> NDArray[np.float32] | list[NDArray[np.float32]]:
        if isinstance(row, slice):
            return [self[n] for n in range(*row.indices(len(self)))]
        shard = self._shards[int(self._places.shard[row])]
        return shard.frames(*self._places.of_shard(row))


class StoredFeatures(Mapping[str, NDArray[np.float32]]):
    """Frames by utterance id, float32 (T, F), read-only views of memory-mapped shards.

    Args:
        index: of the store.
        records: the record of every utterance id.
    """

    def __init__(self, index: ShardIndex, records: Mapping[str, int]) -> None:
        self._index = index
        self._records = dict(records)
        self._shards: dict[int, MappedShard] = {}

    @classmethod
    def of(cls, index: ShardIndex, keys: Mapping[str, bytes]) -> StoredFeatures:
        """Those utterances, by their keys, that an index holds."""
        found = index.keys.find(stack_keys(keys.values())).tolist()
        return cls(index, {i: n for i, n in zip(keys, found, strict=True) if n >= 0})

    def select(self, ids: Iterable[str]) -> StoredFrames:
        """Frames of some utterances in the order of their ids: all that a process needs of them.

        Whatever is selected of one shard shares its memory, also after a journey in one pickle.
        """
        places = self._index.places(np.array([self._records[i] for i in ids], np.int64))
        numbers, shard = np.unique(places.shard, return_inverse=True)
        columns = (shard, places.entry, places.frames_before, places.n_frames)
        small = FrameLocations(*(column.astype(np.uint32) for column in columns))
        return StoredFrames([self._shard(n) for n in numbers.tolist()], small)

    def __getitem__(self, utterance_id: str) -> NDArray[np.float32]:
        places = self._index.places(np.array([self._records[utterance_id]]))
        return self._shard(int(places.shard[0])).frames(*places.of_shard(0))

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, utterance_id: object) -> bool:
        return utterance_id in self._records  # the inherited test would map the values

    def content(self, utterance_id: str) -> str:
        """Hash of the audio behind an utterance's frames: the file's bytes and the borders."""
        return bytes(self._index.records["key"][self._records[utterance_id]]).hex()

    def _shard(self, number: int) -> MappedShard:
        if number not in self._shards:
            self._shards[number] = MappedShard(self._index.paths[number])
        return self._shards[number]
