"""Files that exist whole or not at all, and hashes of plain values."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


@contextmanager
def write_atomically(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary neighbor of `path` for writing; rename it into place on success.

    A reader sees the old file or the new one, never half of it, whenever the writer is killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with write_atomically(path) as file:
        file.write(text.encode("utf-8"))


def digest(value: Any) -> str:
    """SHA-256 of a plain value by its canonical JSON, 16 hex digits."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def json_with_digest(values: Mapping[str, Any]) -> str:
    """The one text of plain values, their digest at the end: a changed byte shows."""
    stated = {key: value for key, value in values.items() if key != "digest"}
    return json.dumps({**stated, "digest": digest(stated)}, indent=1) + "\n"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
