"""Content hashes of files, cached on disk so that an unchanged file is not read again.

A file is unchanged if its path, size and times are. The cache is a folder of append-only files,
each written by one process; a lost one only costs reading again.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import stat
import struct
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

KEY_BYTES = 16
KEY = np.dtype(("<u8", 2))
"""A key as two numbers, of which the first is nearly always unique."""

SEGMENT = struct.Struct("<16sdd")

Keys = NDArray[np.uint64]


def key_of(*parts: object) -> bytes:
    """128 bits of the SHA-256 of the `repr` of plain values."""
    return hashlib.sha256(repr(parts).encode()).digest()[:KEY_BYTES]


def segment_key(content: bytes, start_s: float, end_s: float | None) -> bytes:
    """Key of a segment of a recording, by the digest of its file; an end of None is the file's."""
    end_s = math.inf if end_s is None else end_s
    return hashlib.sha256(SEGMENT.pack(content, start_s, end_s)).digest()[:KEY_BYTES]


def stack_keys(keys: Iterable[bytes]) -> Keys:
    """Keys as an array (N, 2)."""
    return np.frombuffer(b"".join(keys), dtype="<u8").reshape(-1, 2)


def split_keys(keys: Keys) -> list[bytes]:
    """Keys of an array (N, 2)."""
    joined = keys.tobytes()
    return [joined[at : at + KEY_BYTES] for at in range(0, len(joined), KEY_BYTES)]


@dataclass(frozen=True)
class KeyIndex:
    """Index for looking up keys (N, 2), in any order, repeats allowed."""

    keys: Keys

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        return np.argsort(self.keys[:, 0])

    @cached_property
    def _first_halves(self) -> Keys:
        return np.asarray(self.keys[self._order, 0])

    def find(self, wanted: Keys) -> NDArray[np.intp]:
        """Position of each wanted key (M, 2), -1 if it is absent.

        Of two keys with the same first half (probability 10^-7 among a million) one may not be
        found, which costs its recomputation.
        """
        if len(self.keys) == 0:
            return np.full(len(wanted), -1)
        place = np.searchsorted(self._first_halves, wanted[:, 0])
        candidate = self._order[np.minimum(place, len(self.keys) - 1)]
        return np.where((self.keys[candidate] == wanted).all(axis=1), candidate, -1)


SUFFIX = ".digests"
WORD = np.dtype("<u8")
WORDS = 5  # two of a file's stamp, two of its content's digest, and a checksum:
PARITY = np.frombuffer(b"voxaffct", WORD)  # the XOR of the five words

FILES_PER_TASK = 16


@dataclass(frozen=True)
class FileDigests:
    """SHA-256 digests of files, cached in a folder."""

    folder: Path

    def of(self, paths: Iterable[Path], n_jobs: int = 1) -> dict[Path, bytes | OSError]:
        """128 bits of the SHA-256 of each file, or the error of reading it, by `n_jobs` threads."""
        stamps = {path: _attempt(_stamp, path) for path in dict.fromkeys(paths)}
        faults = {path: stamp for path, stamp in stamps.items() if isinstance(stamp, OSError)}
        present = {path: stamp for path, stamp in stamps.items() if isinstance(stamp, bytes)}
        known = self._look_up(present)
        unknown = {path: stamp for path, stamp in present.items() if path not in known}
        return {**faults, **known, **self._read(unknown, n_jobs)}

    def _look_up(self, stamps: Mapping[Path, bytes]) -> dict[Path, bytes]:
        parts = map(_read_cache, sorted(self.folder.glob(f"*{SUFFIX}")))
        records = np.concatenate([np.zeros((0, WORDS), WORD), *parts])
        found = KeyIndex(records[:, :2]).find(stack_keys(stamps.values()))
        known = [path for path, place in zip(stamps, found, strict=True) if place >= 0]
        return dict(zip(known, split_keys(records[found[found >= 0], 2:4]), strict=True))

    def _read(self, stamps: Mapping[Path, bytes], n_jobs: int) -> dict[Path, bytes | OSError]:
        """Digests of files that are not cached, each added to the cache at once."""
        if not stamps:
            return {}
        paths = [*stamps]
        parts = [paths[at : at + FILES_PER_TASK] for at in range(0, len(paths), FILES_PER_TASK)]
        with self._new_file() as cache, ThreadPoolExecutor(n_jobs) as pool:
            read = pool.map(partial(_read_part, stamps, cache), parts)
            return {path: content for part in read for path, content in part.items()}

    def _new_file(self) -> BinaryIO:
        """Open a new cache file; the null device if the folder cannot be written."""
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            return (self.folder / f"{uuid.uuid4().hex}{SUFFIX}").open("ab", buffering=0)
        return Path(os.devnull).open("ab", buffering=0)


def _read_part(
    stamps: Mapping[Path, bytes], cache: BinaryIO, paths: Sequence[Path]
) -> dict[Path, bytes | OSError]:
    contents = {}
    for path in paths:
        contents[path] = content = _attempt(digest_file, path)
        if isinstance(content, bytes):
            words = np.frombuffer(stamps[path] + content, WORD)
            checksum = np.bitwise_xor.reduce(words) ^ PARITY
            with contextlib.suppress(OSError):  # stored features are readable on a full disk, too
                cache.write(words.tobytes() + checksum.tobytes())
    return contents


def _read_cache(path: Path) -> Keys:
    """Valid records of a cache file (N, 5); none if it cannot be read."""
    content = b""
    with contextlib.suppress(OSError):
        content = path.read_bytes()
    n_records = len(content) // (WORDS * WORD.itemsize)
    records = np.frombuffer(content, WORD, n_records * WORDS).reshape(-1, WORDS)
    valid: NDArray[np.uint64] = records[np.bitwise_xor.reduce(records, axis=1) == PARITY]
    return valid


def _attempt(function: Callable[[Path], bytes], path: Path) -> bytes | OSError:
    try:
        return function(path)
    except OSError as fault:
        return fault


def _stamp(path: Path) -> bytes:
    """Hash of path, size and times; the status change time cannot be set back."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(0, "not a regular file")
    times = status.st_mtime_ns, status.st_ctime_ns
    return key_of(os.fsencode(path.absolute()), status.st_size, *times)


def digest_file(path: Path) -> bytes:
    """128 bits of the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()[:KEY_BYTES]
