"""Content digests of files, remembered so that an unchanged corpus is not read again.

A file that kept its path, size and time of change kept its content. What is remembered lies in
small immutable files beside the features; losing one only costs reading the recordings again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import uuid
import zlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxaffect.features.store.keys import KEY, KEY_BYTES, KeyIndex, key_of, stack_keys
from voxaffect.files import write_atomically

SUFFIX = ".digests"
PAIR = np.dtype([("stamp", KEY), ("content", KEY)])
CRC_BYTES = 4


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
        unknown = [path for path in present if path not in known]
        with ThreadPoolExecutor(n_jobs) as pool:
            read = dict(
                zip(unknown, pool.map(lambda p: _attempt(_digest, p), unknown), strict=True)
            )
        fresh = {path: content for path, content in read.items() if isinstance(content, bytes)}
        self._remember([(present[path], content) for path, content in fresh.items()])
        return {**faults, **known, **read}

    def _look_up(self, stamps: Mapping[Path, bytes]) -> dict[Path, bytes]:
        pairs = np.concatenate(
            [np.zeros(0, PAIR), *map(_read_pairs, sorted(self.folder.glob(f"*{SUFFIX}")))]
        )
        found = KeyIndex(pairs["stamp"]).find(stack_keys(stamps.values()))
        return {
            path: pairs["content"][place].tobytes()
            for path, place in zip(stamps, found, strict=True)
            if place >= 0
        }

    def _remember(self, pairs: list[tuple[bytes, bytes]]) -> None:
        if not pairs:
            return
        body = b"".join(stamp + content for stamp, content in pairs)
        # A folder that cannot be written must not keep stored features from being read.
        with (
            contextlib.suppress(OSError),
            write_atomically(self.folder / f"{uuid.uuid4().hex}{SUFFIX}") as file,
        ):
            file.write(body + zlib.crc32(body).to_bytes(CRC_BYTES, "little"))


def _read_pairs(path: Path) -> NDArray[np.void]:
    """Pairs of a remembered file; none if it is damaged."""
    content = path.read_bytes()
    body, crc = content[:-CRC_BYTES], content[-CRC_BYTES:]
    whole = zlib.crc32(body).to_bytes(CRC_BYTES, "little") == crc
    return np.frombuffer(body if whole else b"", PAIR)


def _attempt(function: Callable[[Path], bytes], path: Path) -> bytes | OSError:
    try:
        return function(path)
    except OSError as fault:
        return fault


def _stamp(path: Path) -> bytes:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(0, "is no regular file")
    return key_of(os.fsencode(path.absolute()), status.st_size, status.st_mtime_ns)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()[:KEY_BYTES]
