from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from voxaffect.errors import ArtifactError
from voxaffect.recognizer import serialization
from voxaffect.recognizer.serialization import (
    HEADER,
    ensure_writable,
    read_artifact,
    write_artifact,
)

STATED = {"temperature": 1.25, "card": {"title": "Gespräche", "scores": [0.5, 1e-7], "seed": 3}}


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    return {"net.weight": np.random.default_rng(seed).normal(size=(3, 4))}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_artifact(tmp_path, STATED, arrays())
    return tmp_path


def weights(folder: Path) -> list[Path]:
    return list(folder.glob("*.safetensors"))


def test_what_is_written_is_read(folder: Path) -> None:
    header, found = read_artifact(folder)
    assert {key: header[key] for key in STATED} == STATED
    np.testing.assert_array_equal(found["net.weight"], arrays()["net.weight"])
    assert [path.name for path in weights(folder)] == [header["weights"]]
    assert header["weights"] == f"weights-{header['weights_sha256'][:12]}.safetensors"


@pytest.mark.parametrize("byte", [b"e", b"9", b" ", b"\xff"])
@pytest.mark.parametrize("offset", range(7))
def test_a_changed_byte_anywhere_in_the_header_is_refused(
    folder: Path, byte: bytes, offset: int
) -> None:
    path = folder / HEADER
    whole = path.read_bytes()
    for place in range(offset, len(whole), 7):
        if whole[place : place + 1] == byte:
            continue
        path.write_bytes(whole[:place] + byte + whole[place + 1 :])
        with pytest.raises(ArtifactError, match=HEADER):
            read_artifact(folder)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"3", b'"digest"', b"null", b"[" * 100_000, b'{"format": NaN}']
)
def test_a_header_that_is_none_is_refused(folder: Path, content: bytes) -> None:
    (folder / HEADER).write_bytes(content)
    with pytest.raises(ArtifactError, match=HEADER):
        read_artifact(folder)


def test_other_white_space_or_a_number_in_other_digits_is_a_change(folder: Path) -> None:
    path = folder / HEADER
    whole = path.read_text()
    for other in (whole + "\n", whole.replace("1.25", "1.250"), whole.replace("\n", "\r\n")):
        path.write_bytes(other.encode())
        with pytest.raises(ArtifactError, match="has changed"):
            read_artifact(folder)


def test_a_newer_format_is_told_whatever_its_header_holds(folder: Path) -> None:
    (folder / HEADER).write_text('{"format": 99}')
    with pytest.raises(ArtifactError, match="format 99"):
        read_artifact(folder)


def test_a_crash_before_the_header_leaves_the_old_recognizer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(path: Path, text: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(serialization, "write_text", crash)
        with pytest.raises(KeyboardInterrupt):
            write_artifact(folder, {**STATED, "temperature": 2.0}, arrays(1))
    header, found = read_artifact(folder)
    assert header["temperature"] == 1.25
    np.testing.assert_array_equal(found["net.weight"], arrays()["net.weight"])


def test_only_the_weights_of_the_header_stay(folder: Path) -> None:
    own = folder / "weights-of-mine.safetensors"
    own.touch()
    write_artifact(folder, {**STATED, "temperature": 2.0}, arrays(1))
    header, found = read_artifact(folder)
    assert header["temperature"] == 2.0
    np.testing.assert_array_equal(found["net.weight"], arrays(1)["net.weight"])
    assert set(weights(folder)) == {folder / header["weights"], own}


def test_a_folder_that_takes_no_files_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ArtifactError, match=f"{folder}: cannot write"):
            write_artifact(folder, STATED, arrays())
        with pytest.raises(ArtifactError, match=f"{folder}: cannot write"):
            ensure_writable(folder)


def test_trying_a_folder_leaves_nothing_in_it(tmp_path: Path) -> None:
    ensure_writable(tmp_path / "deep" / "model")
    assert not list((tmp_path / "deep" / "model").iterdir())
