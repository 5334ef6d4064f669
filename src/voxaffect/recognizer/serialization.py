"""Checkpoint format: `recognizer.json` and `weights-<hash>.safetensors` in one folder.

The header names the weights and their hash, and ends with a hash of its own, so that a changed byte
in either file is found. Reading runs no code. New weights have another name than the old ones, and
the header is renamed into place last: a writer that is killed leaves the old recognizer.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from voxaffect.errors import ArtifactError
from voxaffect.files import json_with_digest, write_atomically, write_text

FORMAT = 6
READABLE = {4, 5, FORMAT}
LSTM_NAMES = {
    "input": "weight_ih_l0",
    "recurrent": "weight_hh_l0",
    "input_bias": "bias_ih_l0",
    "recurrent_bias": "bias_hh_l0",
}
"""Parameters of an LSTM in format 4 -> their names in PyTorch."""

HEADER = "recognizer.json"
WEIGHTS_NAME = "weights-{}.safetensors"
WEIGHTS_KEYS = {"weights", "weights_sha256"}
HASH_DIGITS = 12

Header = dict[str, Any]
Arrays = dict[str, NDArray[Any]]


def plain(value: Mapping[str, Any]) -> Header:
    """A mapping as it is after writing and reading JSON: lists for tuples, text for keys."""
    header: Header = json.loads(json.dumps(dict(value)))
    return header


def ensure_writable(folder: Path) -> None:
    """Create a folder and try to write, so that a long training does not fail when it saves.

    Raises:
        ArtifactError: the folder cannot be created or written.
    """
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def write_artifact(folder: Path, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write weights and header; killed at any moment, it leaves the old pair or the new one.

    Raises:
        ArtifactError: the folder cannot be written.
    """
    weights = safetensors.numpy.save({k: np.asarray(v, order="C") for k, v in arrays.items()})
    sha256 = hashlib.sha256(weights).hexdigest()
    name = WEIGHTS_NAME.format(sha256[:HASH_DIGITS])
    stated = plain({"format": FORMAT, **header, "weights": name, "weights_sha256": sha256})
    with _writing(folder):
        with write_atomically(folder / name) as file:
            file.write(weights)
        write_text(folder / HEADER, json_with_digest(stated))
        for path in folder.glob(WEIGHTS_NAME.format(HASH_DIGITS * "[0-9a-f]")):
            if path.name != name:
                path.unlink(missing_ok=True)


def read_artifact(folder: Path) -> tuple[Header, Arrays]:
    """Header and arrays of a folder.

    Raises:
        ArtifactError: a file is missing, changed or of another format.
    """
    header = _read_header(folder)
    path = folder / header["weights"]
    content = _read(path)
    if hashlib.sha256(content).hexdigest() != header["weights_sha256"]:
        raise _changed(path)
    arrays: Arrays = safetensors.numpy.load(content)
    if header["format"] == 4:
        arrays = _from_format_4(arrays)
    return (header, arrays) if header["format"] == FORMAT else _from_format_5(header, arrays)


def _from_format_5(header: Header, arrays: Arrays) -> tuple[Header, Arrays]:
    """A recognizer of format 5, always a net, whose novelty had the net's standardization."""
    learned = {"temperature": header.get("temperature")}
    novelty = {"false_alarms": header.get("false_alarms")}
    own = {"novelty.center": "standardizer.mean", "novelty.scale": "standardizer.scale"}
    shared = {name: arrays[of] for name, of in own.items() if of in arrays}
    kept = {k: v for k, v in header.items() if k not in {"temperature", "false_alarms"}}
    return {**kept, "kind": "net", "learned": learned, "novelty": novelty}, {**arrays, **shared}


def _from_format_4(arrays: Arrays) -> Arrays:
    """Arrays of format 4, whose net had layers of its own, for PyTorch's layers."""
    converted = {}
    for name, values in arrays.items():
        layer, _, kind = name.rpartition(".")
        if ".directions." in layer:
            converted[f"{layer.replace('.directions.', '.')}.{LSTM_NAMES[kind]}"] = values
        else:
            is_linear = name.startswith("net.") and kind == "weight"
            converted[name] = values.T if is_linear else values
    return converted


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise ArtifactError(
            f"{folder}: cannot write ({fault.strerror}); choose another folder"
        ) from fault


def _read_header(folder: Path) -> Header:
    path = folder / HEADER
    if not path.exists():
        raise ArtifactError(f"{folder}: no recognizer found; give the folder that train wrote")
    content = _read(path)
    try:
        header: Header = json.loads(content)
        version = header["format"]
        is_whole = json_with_digest(header).encode() == content and header.keys() >= WEIGHTS_KEYS
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as fault:
        raise ArtifactError(f"{path}: damaged ({fault}); restore it or train again") from fault
    if version not in READABLE:
        raise ArtifactError(
            f"{path}: format {version!r} is not one of this version ({FORMAT}); "
            "train again, or install the version that wrote it"
        )
    if not is_whole:
        raise _changed(path)
    return header


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        reason = f"{path}: cannot read ({fault.strerror}); restore it or train again"
        raise ArtifactError(reason) from fault


def _changed(path: Path) -> ArtifactError:
    return ArtifactError(
        f"{path}: the file has changed since it was saved; restore it or train again"
    )
