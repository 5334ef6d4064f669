"""Index of a feature store: the utterances in its shards, without reading their frames.

The SQLite database `index.sqlite` has one row per shard, the RECORDs of its utterances. A million
utterances are 4,000 rows, which are read as arrays. What it lacks is read from the shards.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import compress
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.cache.file_values import FileValues
from voxaffect.features.cache.shards import RECORD, SHARD_SUFFIX, frames_of, read_records

Integers = NDArray[np.integer]


class ShardIndex:
    """Index of N utterances in valid shards, whose RECORDs it is given by path."""

    def __init__(self, shards: Mapping[Path, bytes]) -> None:
        self.paths = tuple(shards)
        sizes = [len(records) // RECORD.itemsize for records in shards.values()]
        self._ends = np.cumsum(sizes, dtype=np.int64)  # number of records up to each shard's end
        self._records = np.frombuffer(b"".join(shards.values()), RECORD)  # (N,)

    @cached_property
    def _sorted(self) -> tuple[Integers, NDArray[np.uint64]]:
        """Order of the first halves of the keys, and these in it."""
        first_halves = self._records["key"][:, 0]
        order = np.argsort(first_halves)
        return order, first_halves[order]

    def find(self, keys: Collection[bytes]) -> Integers:
        """Place of each key in the index (M,), -1 if it is absent.

        Of two keys with the same first half (probability 10^-7 among a million) one may not be
        found, which costs its recomputation.
        """
        wanted = np.frombuffer(b"".join(keys), "<u8").reshape(-1, 2)
        if len(self._records) == 0:
            return np.full(len(wanted), -1)
        order, first_halves = self._sorted
        place = np.searchsorted(first_halves, wanted[:, 0])
        candidate = order[np.minimum(place, len(self._records) - 1)]
        return np.where((self._records["key"][candidate] == wanted).all(axis=1), candidate, -1)

    def seconds(self, keys: Collection[bytes]) -> dict[bytes, float]:
        """Length of the audio by key, of keys that are stored."""
        seconds, places = self._records["seconds"], self.find(keys).tolist()
        return {key: float(seconds[n]) for key, n in zip(keys, places, strict=True) if n >= 0}

    def seconds_of(self, places: Integers) -> NDArray[np.floating]:
        """Length of the audio of M utterances, (M,)."""
        return self._records["seconds"][places]

    def locate(self, places: Integers) -> NDArray[np.uint32]:
        """Shard, first frame in it, and number of frames of M utterances, (3, M)."""
        shard = np.searchsorted(self._ends, places, "right")
        n_frames = self._records["n_frames"]
        before = np.concatenate([[0], np.cumsum(n_frames, dtype=np.int64)])
        first = before[places] - before[np.concatenate([[0], self._ends])[shard]]
        return np.array([shard, first, n_frames[places]], np.uint32)


def open_index(folder: Path, n_jobs: int = 1) -> tuple[ShardIndex, dict[Path, str]]:
    """Open the valid shards of a folder; remove the others and return what is wrong with them.

    A shard is verified, by `n_jobs` threads, when it is new or has changed.
    """
    paths = sorted(folder.glob(f"*{SHARD_SUFFIX}"))
    shards, unread = FileValues(folder / "index.sqlite", read_records).of(paths, n_jobs)
    faults = {
        path: f"{path}: cannot be read ({fault.strerror})"
        for path, fault in unread.items()
        if not isinstance(fault, FileNotFoundError)
    }
    for path in (path for path, records in shards.items() if not records):
        faults[path] = f"{path}: its content has changed since it was written"
        frames_of.cache_clear()
        with contextlib.suppress(OSError):
            if not read_records(path):  # unless another process has just written it
                path.unlink()
    return ShardIndex({path: shards[path] for path in paths if shards.get(path)}), faults


class StoredFrames(Sequence[NDArray[np.float32]]):
    """Frames of a sequence of N utterances, float32 (T, F), read-only views of shards.

    Its pickle has the paths of the shards, and 12 bytes per utterance: `ShardIndex.locate`.
    """

    def __init__(self, paths: Sequence[Path], locations: NDArray[np.uint32]) -> None:
        self._paths, self._locations = tuple(paths), locations

    @property
    def lengths(self) -> Integers:
        """Number of frames of each utterance (N,), without opening a shard."""
        return np.asarray(self._locations[2])

    def rows(self, rows: Sequence[int]) -> StoredFrames:
        """Frames of some of the utterances, and only their shards."""
        locations = self._locations[:, np.array(rows, np.int64)]
        numbers, locations[0] = np.unique(locations[0], return_inverse=True)
        return StoredFrames([self._paths[n] for n in numbers.tolist()], locations)

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, row: int) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, row: slice) -> list[NDArray[np.float32]]: ...
    def __getitem__(self, row: int | slice) -> NDArray[np.float32] | list[NDArray[np.float32]]:
        if isinstance(row, slice):
            return [self[n] for n in range(*row.indices(len(self)))]
        shard, first, n_frames = map(int, self._locations[:, row])
        return frames_of(self._paths[shard])[first : first + n_frames]


class StoredFeatures(Mapping[str, NDArray[np.float32]]):
    """Frames by utterance id, float32 (T, F), read-only views of memory-mapped shards.

    Of ids whose key is not in the index there are none.
    """

    def __init__(self, index: ShardIndex, keys: Mapping[str, bytes]) -> None:
        places = index.find(keys.values())
        self._keys = dict(compress(keys.items(), (places >= 0).tolist()))
        self._rows = {utterance_id: row for row, utterance_id in enumerate(self._keys)}
        self._frames = StoredFrames(index.paths, index.locate(places[places >= 0]))
        self._seconds = index.seconds_of(places[places >= 0])

    def select(self, ids: Iterable[str]) -> StoredFrames:
        """Frames in the order of some ids; from one shard they share memory, even if pickled."""
        return self._frames.rows([self._rows[i] for i in ids])

    def seconds(self, ids: Iterable[str]) -> float:
        """Seconds of audio that the frames of some utterances were computed from."""
        return float(self._seconds[[self._rows[i] for i in ids]].sum(dtype=np.float64))

    def __getitem__(self, utterance_id: str) -> NDArray[np.float32]:
        return self._frames[self._rows[utterance_id]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, utterance_id: object) -> bool:
        return utterance_id in self._rows  # the inherited one would map the values

    def content(self, utterance_id: str) -> str:
        """Hash of an utterance's audio: the file's bytes and the segment's borders."""
        return self._keys[utterance_id].hex()
