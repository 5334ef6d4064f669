"""A saved recogniser on disk: `recognizer.json` and `weights.safetensors` in one folder.

The header says what the weights are, and their hash; it is hashed itself. Reading runs no code, and
refuses a file of which one byte has changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from voxaffect.errors import ArtefactError
from voxaffect.files import digest, write_atomically, write_text

FORMAT = 1
HEADER, WEIGHTS = "recognizer.json", "weights.safetensors"

Header = dict[str, Any]
Arrays = dict[str, NDArray[Any]]


def plain(value: Mapping[str, Any]) -> Header:
    """A mapping as it will be after writing and reading: lists for tuples, text for keys."""
    header: Header = json.loads(json.dumps(dict(value)))
    return header


def write_artefact(folder: Path, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write both files, each whole or not at all.

    Args:
        folder: made where it is missing.
        header: plain values.
        arrays: name -> array.
    """
    weights = safetensors.numpy.save({k: np.asarray(v, order="C") for k, v in arrays.items()})
    sha256 = hashlib.sha256(weights).hexdigest()
    whole = plain({"format": FORMAT, **header, "weights_sha256": sha256})
    with write_atomically(folder / WEIGHTS) as file:
        file.write(weights)
    text = json.dumps({**whole, "digest": digest(whole)}, indent=1)
    write_text(folder / HEADER, text + "\n")


def read_artefact(folder: Path) -> tuple[Header, Arrays]:
    """Header and arrays of a folder.

    Raises:
        ArtefactError: a file is missing, changed or of another format.
    """
    header = _read_header(folder)
    return header, _read_weights(folder / WEIGHTS, header["weights_sha256"])


def _read_header(folder: Path) -> Header:
    path = folder / HEADER
    try:
        header: Header = json.loads(path.read_text(encoding="utf-8"))
        stated = header.pop("digest")
    except FileNotFoundError as fault:
        raise ArtefactError(
            f"{folder}: holds no recogniser; give the folder that train wrote"
        ) from fault
    except (OSError, ValueError, KeyError, AttributeError) as fault:
        raise ArtefactError(f"{path}: damaged ({fault}); restore it or train again") from fault
    if header.get("format") != FORMAT:
        raise ArtefactError(
            f"{path}: format {header.get('format')!r} where this version reads {FORMAT}; "
            "train again or install the version that wrote it"
        )
    if digest(header) != stated:
        raise ArtefactError(f"{path}: has changed since it was saved; restore it or train again")
    return header


def _read_weights(path: Path, sha256: str) -> Arrays:
    try:
        content = path.read_bytes()
    except OSError as fault:
        raise ArtefactError(
            f"{path}: cannot be read ({fault}); restore it or train again"
        ) from fault
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ArtefactError(f"{path}: has changed since it was saved; restore it or train again")
    arrays: Arrays = safetensors.numpy.load(content)
    return arrays
