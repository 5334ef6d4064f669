"""Stored frames as they are used: by id, or some of them in an order, as a process needs them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.store.index import Places, ShardIndex
from voxaffect.features.store.keys import stack_keys
from voxaffect.features.store.shards import MappedShard


class StoredFrames(Sequence[NDArray[np.float32]]):
    """Frames of some utterances in their order, float32 (T, F), read-only views of shards.

    Pickled it takes the names of its shards, and 16 bytes an utterance.

    Args:
        shards: those that the utterances lie in.
        places: where in these.
    """

    def __init__(self, shards: Sequence[MappedShard], places: Places) -> None:
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
        small = Places(*(column.astype(np.uint32) for column in columns))
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
