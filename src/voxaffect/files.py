"""Atomic file writes, and digests of JSON values."""

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
    """Open a temporary file beside `path` for writing; rename it into place on success.

    A reader sees the old file or the new one, never a part, even if the writer is killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)  # it can only be read by setting it
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with write_atomically(path) as file:
        file.write(text.encode("utf-8"))


def digest(value: Any) -> str:
    """SHA-256 of a value's canonical JSON, 16 hex digits."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def json_with_digest(values: Mapping[str, Any]) -> str:
    """JSON of values with their digest as the last key, which detects a changed byte."""
    stated = {key: value for key, value in values.items() if key != "digest"}
    return json.dumps({**stated, "digest": digest(stated)}, indent=1) + "\n"
