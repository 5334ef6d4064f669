"""Content digests of files, remembered so that an unchanged file is not read again.

A file that kept its path, size and times of change kept its content. What is remembered lies in
small files that only grow, each written by one process; losing one only costs reading again.
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
from io import BufferedReader, FileIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

KEY_BYTES = 16
KEY = np.dtype(("<u8", 2))
"""A key as two numbers; the first alone tells nearly all keys apart."""

SEGMENT = struct.Struct("<16sdd")

Keys = NDArray[np.uint64]


def key_of(*parts: object) -> bytes:
    """128 bits of the SHA-256 of plain parts; `repr` keeps floats exact and parts apart."""
    return hashlib.sha256(repr(parts).encode()).digest()[:KEY_BYTES]


def segment_key(content: bytes, start_s: float, end_s: float | None) -> bytes:
    """Key of a stretch of a recording.

    Args:
        content: digest of its file, 16 bytes.
        start_s: beginning of the stretch in seconds.
        end_s: its end in seconds, None for the end of the file.
    """
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
    """Finds keys among stored ones.

    Args:
        keys: (N, 2), in any order, repeats allowed.
    """

    keys: Keys

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        return np.argsort(self.keys[:, 0])

    @cached_property
    def _first_halves(self) -> Keys:
        return np.asarray(self.keys[self._order, 0])

    def find(self, wanted: Keys) -> NDArray[np.intp]:
        """Position of every wanted key (M, 2) among the stored ones, -1 where it is not there.

        Two keys that share their first half (one chance in 10^7 among a million) may hide each
        other; a hidden one counts as absent and costs its recomputation.
        """
        if len(self.keys) == 0:
            return np.full(len(wanted), -1)
        place = np.searchsorted(self._first_halves, wanted[:, 0])
        candidate = self._order[np.minimum(place, len(self.keys) - 1)]
        return np.where((self.keys[candidate] == wanted).all(axis=1), candidate, -1)


SUFFIX = ".digests"
WORD = np.dtype("<u8")
WORDS = 5  # two of a file's stamp, two of its content's digest, and one that makes them whole:
PARITY = np.frombuffer(b"voxaffct", WORD)  # what exclusive or makes of the five

AT_ONCE = 16
"""Files that a thread takes at a time."""


@dataclass(frozen=True)
class FileDigests:
    """Digests of files, looked up where possible, computed where not.

    Args:
        folder: where they are remembered.
    """

    folder: Path

    def of(self, paths: Iterable[Path], n_jobs: int = 1) -> dict[Path, bytes | OSError]:
        """128 bits of the SHA-256 of every file, or why it cannot be read.

        Args:
            paths: the files, repeats allowed.
            n_jobs: files that are read at once.
        """
        stamps = {path: _attempt(_stamp, path) for path in dict.fromkeys(paths)}
        faults = {path: stamp for path, stamp in stamps.items() if isinstance(stamp, OSError)}
        present = {path: stamp for path, stamp in stamps.items() if isinstance(stamp, bytes)}
        known = self._look_up(present)
        unknown = {path: stamp for path, stamp in present.items() if path not in known}
        return {**faults, **known, **self._read(unknown, n_jobs)}

    def _look_up(self, stamps: Mapping[Path, bytes]) -> dict[Path, bytes]:
        parts = map(_recall, sorted(self.folder.glob(f"*{SUFFIX}")))
        pairs = np.concatenate([np.zeros((0, WORDS), WORD), *parts])
        found = KeyIndex(pairs[:, :2]).find(stack_keys(stamps.values()))
        known = [path for path, place in zip(stamps, found, strict=True) if place >= 0]
        return dict(zip(known, split_keys(pairs[found[found >= 0], 2:4]), strict=True))

    def _read(self, stamps: Mapping[Path, bytes], n_jobs: int) -> dict[Path, bytes | OSError]:
        """Digests of files that are not known, each remembered as soon as it is there."""
        if not stamps:
            return {}
        paths = [*stamps]
        parts = [paths[at : at + AT_ONCE] for at in range(0, len(paths), AT_ONCE)]
        with self._begin() as memory, ThreadPoolExecutor(n_jobs) as pool:
            read = pool.map(partial(_read_part, stamps, memory), parts)
            return {path: content for part in read for path, content in part.items()}

    def _begin(self) -> BinaryIO:
        """A new file to remember in; nowhere, if the folder cannot be written."""
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            return (self.folder / f"{uuid.uuid4().hex}{SUFFIX}").open("ab", buffering=0)
        return Path(os.devnull).open("ab", buffering=0)


def _read_part(
    stamps: Mapping[Path, bytes], memory: BinaryIO, paths: Sequence[Path]
) -> dict[Path, bytes | OSError]:
    contents = {}
    for path in paths:
        contents[path] = content = _attempt(digest_file, path)
        if isinstance(content, bytes):
            _remember(memory, stamps[path], content)
    return contents


def _remember(memory: BinaryIO, stamp: bytes, content: bytes) -> None:
    words = np.frombuffer(stamp + content, WORD)
    last = np.bitwise_xor.reduce(words) ^ PARITY
    with contextlib.suppress(OSError):  # a full disk must not keep stored features from being read
        memory.write(words.tobytes() + last.tobytes())


def _recall(path: Path) -> Keys:
    """Whole pairs of a file (N, 5); none if it cannot be read."""
    content = b""
    with contextlib.suppress(OSError):
        content = path.read_bytes()
    n_pairs = len(content) // (WORDS * WORD.itemsize)
    pairs = np.frombuffer(content, WORD, n_pairs * WORDS).reshape(-1, WORDS)
    whole: NDArray[np.uint64] = pairs[np.bitwise_xor.reduce(pairs, axis=1) == PARITY]
    return whole


def _attempt(function: Callable[[Path], bytes], path: Path) -> bytes | OSError:
    try:
        return function(path)
    except OSError as fault:
        return fault


def _stamp(path: Path) -> bytes:
    """What is another one when the content is: the time of the last change cannot be set back."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(0, "is no regular file")
    times = status.st_mtime_ns, status.st_ctime_ns
    return key_of(os.fsencode(path.absolute()), status.st_size, *times)


def digest_file(path: Path) -> bytes:
    """128 bits of the SHA-256 of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return digest_open(file)


def digest_open(file: BufferedReader | FileIO) -> bytes:
    """The same of a file that is open, from where it stands."""
    return hashlib.file_digest(file, "sha256").digest()[:KEY_BYTES]
