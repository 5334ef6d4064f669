"""Shards: immutable safetensors files of frames, named by the SHA-256 of their content.

The same computation yields the same file, and a shard is valid if its content matches its name. Its
tensors, for N utterances of F columns:

    keys      U8 (N, 16), of what the frames were computed from
    seconds   F64 (N,), length of the audio
    n_frames  U32 (N,), number of frames T
    frames    F32 (sum of T, F), utterance after utterance

A writer puts small shards into a folder of its own, which it keeps locked, and joins them to one
shard when it is done. If it is killed, the next process that opens the store joins them.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import socket
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import FeatureError
from voxaffect.features.cache.file_values import KEY_BYTES, digest_file

SHARD_SUFFIX, PARTS_SUFFIX, LOCK = ".safetensors", ".parts", "lock"

RECORD = np.dtype([("key", "<u8", 2), ("seconds", "<f8"), ("n_frames", "<u4")])
"""What the index has of an utterance; the first half of a key is nearly always unique."""


class Entry(NamedTuple):
    """Frames of one utterance to store."""

    key: bytes  # hash of what they were computed from, 16 bytes
    values: NDArray[np.float32]  # (T, F)
    seconds: float  # length of the audio


TYPES = {"U8": "u1", "U32": "<u4", "F32": "<f4", "F64": "<f8"}  # NumPy's by safetensors' names


def write_shard(folder: Path, entries: Collection[Entry]) -> Path:
    """Write one or more entries as a shard; the frames are not copied in memory."""
    keys, frames, seconds = zip(*entries, strict=True)
    tensors = {
        "keys": ("U8", [np.frombuffer(b"".join(keys), "u1").reshape(-1, KEY_BYTES)]),
        "seconds": ("F64", [np.array(seconds, "<f8")]),
        "n_frames": ("U32", [np.array([*map(len, frames)], "<u4")]),
        "frames": ("F32", [np.ascontiguousarray(values, "<f4") for values in frames]),
    }
    header, end = {}, 0
    for name, (dtype, parts) in tensors.items():
        begin, end = end, end + sum(part.nbytes for part in parts)
        shape = [sum(map(len, parts)), *parts[0].shape[1:]]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # aligns the tensors
    content: list[Any] = [len(text).to_bytes(8, "little"), text]
    content += chain.from_iterable(parts for _, parts in tensors.values())
    sha256, path = hashlib.sha256(), folder / f"{uuid.uuid4().hex}.new"
    with path.open("xb") as file:
        for data in content:
            file.write(data)
            sha256.update(data)
    return path.rename(folder / f"{sha256.hexdigest()[: 2 * KEY_BYTES]}{SHARD_SUFFIX}")


def map_shard(path: Path) -> dict[str, NDArray[Any]]:
    """Tensors of a valid shard, memory-mapped and read-only."""
    with path.open("rb") as file:
        content = np.frombuffer(mmap(file.fileno(), 0, access=ACCESS_READ), np.uint8)
    start = 8 + int.from_bytes(content[:8].tobytes(), "little")
    tensors = {}
    for name, entry in json.loads(content[8:start].tobytes()).items():
        begin, end = entry["data_offsets"]
        values = content[start + begin : start + end].view(TYPES[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
    return tensors


def read_records(path: Path) -> bytes:
    """Verify a shard and return its RECORDs, none if it is damaged; OSError if it is unreadable."""
    if digest_file(path).hex() != path.stem:
        return b""
    tensors = map_shard(path)
    records = np.empty(len(tensors["keys"]), RECORD)
    records["key"] = tensors["keys"].view("<u8")
    records["seconds"] = tensors["seconds"]
    records["n_frames"] = tensors["n_frames"]
    return records.tobytes()


@lru_cache(256)  # each is an open file
def frames_of(path: Path) -> NDArray[np.float32]:
    """Frames of all utterances of a valid shard, float32 (sum of T, F), mapped and read-only."""
    try:
        return map_shard(path)["frames"]
    except OSError as fault:
        check_shared(path.parent)
        raise FeatureError(
            f"{path}: features cannot be read ({fault.strerror}); run again to recompute them"
        ) from fault


def check_shared(folder: Path) -> None:
    """Raise FeatureError, which names this machine, if a store's folder is not on it."""
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


@contextmanager
def new_shard(folder: Path) -> Iterator[Callable[[Collection[Entry]], None]]:
    """Yield a function that stores entries safely from a kill; on exit they become one shard."""
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        hidden = folder / f".{uuid.uuid4().hex}"  # from `salvage`, until it is locked
        hidden.mkdir()
        lock = (hidden / LOCK).open("xb")
    with lock:
        with storing(folder):
            fcntl.flock(lock, fcntl.LOCK_EX)
            parts = hidden.rename(folder / f"{hidden.name[1:]}{PARTS_SUFFIX}")

        def append(entries: Collection[Entry]) -> None:
            with storing(folder):
                if entries:
                    write_shard(parts, entries)

        yield append
        with storing(folder):
            _join(parts)


def salvage(folder: Path) -> None:
    """Make shards of what killed writers have stored; what cannot be written is left."""
    for parts in sorted(folder.glob(f"*{PARTS_SUFFIX}")):
        with contextlib.suppress(OSError), (parts / LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while the writer runs
            _join(parts)


def _join(parts: Path) -> None:
    """Join the valid shards of a writer's folder to one beside it, and remove the folder."""
    entries: dict[bytes, Entry] = {}
    for path in sorted(parts.glob(f"*{SHARD_SUFFIX}")):
        if read_records(path):
            tensors = map_shard(path)
            frames = np.split(tensors["frames"], np.cumsum(tensors["n_frames"])[:-1])
            keys = [key.tobytes() for key in tensors["keys"]]
            entries |= dict(zip(keys, map(Entry, keys, frames, tensors["seconds"]), strict=True))
    if entries:
        shard = write_shard(parts, entries.values())
        with shard.open("rb+") as file:
            os.fsync(file.fileno())
        shard.rename(parts.parent / shard.name)
    shutil.rmtree(parts, ignore_errors=True)
