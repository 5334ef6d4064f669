"""Keys of audio, and what was computed from files, kept on disk while the files are unchanged."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import sqlite3
import stat
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

KEY_BYTES = 16


def key_of(*parts: object) -> bytes:
    """128 bits of the SHA-256 of the `repr` of plain values."""
    return hashlib.sha256(repr(parts).encode()).digest()[:KEY_BYTES]


def segment_key(content: bytes, start_s: float, end_s: float | None) -> bytes:
    """Key of a segment of a recording, by the digest of its file; an end of None is the file's."""
    segment = struct.pack("<16sdd", content, start_s, math.inf if end_s is None else end_s)
    return hashlib.sha256(segment).digest()[:KEY_BYTES]


def digest_file(path: Path) -> bytes:
    """128 bits of the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()[:KEY_BYTES]


TABLE = "CREATE TABLE IF NOT EXISTS files (stamp BLOB PRIMARY KEY, value BLOB, checksum INTEGER)"
BUSY_S = 60.0  # to wait for another process that writes to the database
BATCH_FILES = 256  # whose values are kept in one transaction


@dataclass(frozen=True)
class FileValues:
    """Bytes computed from files, kept in an SQLite database while path, size and times stay.

    Where the database is missing, damaged, locked or read-only, they are computed again.
    """

    database: Path
    compute: Callable[[Path], bytes]  # may raise OSError

    def of(
        self, paths: Iterable[Path], n_jobs: int = 1
    ) -> tuple[dict[Path, bytes], dict[Path, OSError]]:
        """Values of files, and why others have none, computed by `n_jobs` threads."""
        stamps = {path: _attempt(_stamp, path) for path in dict.fromkeys(paths)}
        faults = {path: fault for path, fault in stamps.items() if isinstance(fault, OSError)}
        present = {path: stamp for path, stamp in stamps.items() if isinstance(stamp, bytes)}
        values = self._kept(present)
        missing = [path for path in present if path not in values]
        with ThreadPoolExecutor(n_jobs) as pool:
            for at in range(0, len(missing), BATCH_FILES):
                batch = missing[at : at + BATCH_FILES]
                computed: dict[Path, bytes] = {}
                try:
                    results = pool.map(partial(_attempt, self.compute), batch)
                    for path, value in zip(batch, results, strict=True):
                        if isinstance(value, bytes):
                            computed[path] = value
                        else:
                            faults[path] = value
                finally:
                    self._keep((present[path], value) for path, value in computed.items())
                values |= computed
        return values, faults

    def _kept(self, stamps: Mapping[Path, bytes]) -> dict[Path, bytes]:
        """Values in the database, which is removed if it is damaged."""
        kept: dict[Path, bytes] = {}
        query = "SELECT value, checksum FROM files WHERE stamp = ?"
        try:
            with closing(sqlite3.connect(self.database, BUSY_S)) as database:
                for path, stamp in stamps.items():
                    for value, checksum in database.execute(query, (stamp,)):
                        if isinstance(value, bytes) and checksum == _checksum(stamp, value):
                            kept[path] = value
        except sqlite3.OperationalError:
            pass
        except sqlite3.DatabaseError:
            with contextlib.suppress(OSError):
                self.database.unlink()
        return kept

    def _keep(self, values: Iterable[tuple[bytes, bytes]]) -> None:
        rows = ((stamp, value, _checksum(stamp, value)) for stamp, value in values)
        with contextlib.suppress(OSError, sqlite3.Error):
            self.database.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.database, BUSY_S)) as database, database:
                database.execute("PRAGMA synchronous = OFF")  # rows have checksums
                database.execute(TABLE)
                database.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", rows)


def _attempt(function: Callable[[Path], bytes], path: Path) -> bytes | OSError:
    try:
        return function(path)
    except OSError as fault:
        return fault


def _checksum(stamp: bytes, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(stamp))


def _stamp(path: Path) -> bytes:
    """Hash of path, size and times; the status change time cannot be set back."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(0, "not a regular file")
    times = status.st_mtime_ns, status.st_ctime_ns
    return key_of(os.fsencode(path.absolute()), status.st_size, *times)
