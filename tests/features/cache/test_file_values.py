from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import voxaffect.features.cache.file_values as module
from voxaffect.features.cache.file_values import FileValues, digest_file, segment_key


def test_segments_have_distinct_keys() -> None:
    contents, times = [bytes(16), bytes(15) + b"1"], [(0, None), (0, 1), (0, 1.5), (1, None)]
    assert len({segment_key(c, *segment) for c in contents for segment in times}) == 8
    assert segment_key(bytes(16), 0, 1) == segment_key(bytes(16), 0.0, 1.0)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    made = [tmp_path / f"{name}.wav" for name in "abc"]
    for path in made:
        path.write_text(f"sound of {path.name}")
    return made


@pytest.fixture
def read() -> list[Path]:
    """Files that are read, in order."""
    return []


@pytest.fixture
def digests(tmp_path: Path, read: list[Path]) -> FileValues:
    def compute(path: Path) -> bytes:
        content = digest_file(path)
        read.append(path)
        return content

    return FileValues(tmp_path / "kept" / "files.sqlite", compute)


def test_a_digest_is_half_of_the_sha256(digests: FileValues, paths: list[Path]) -> None:
    expected = {path: hashlib.sha256(path.read_bytes()).digest()[:16] for path in paths}
    assert digests.of([*paths, *paths], n_jobs=2) == (expected, {})
    assert digests.of(reversed(paths)) == (expected, {})


def test_an_unchanged_file_is_read_once(
    digests: FileValues, paths: list[Path], read: list[Path]
) -> None:
    assert digests.of(paths[:2])[0] | digests.of(paths)[0] == digests.of(paths)[0]
    assert read == paths


def test_a_change_is_detected_even_if_size_and_time_are_set_back(
    digests: FileValues, paths: list[Path]
) -> None:
    before, status = digests.of(paths)[0], paths[1].stat()
    while paths[1].stat().st_ctime_ns == status.st_ctime_ns:  # this clock ticks every few ms
        paths[1].write_text("noise of b.wav")
        os.utime(paths[1], ns=(status.st_atime_ns, status.st_mtime_ns))
    after, _ = digests.of(paths)
    assert [path for path, content in after.items() if before[path] != content] == [paths[1]]


def test_values_are_kept_even_if_a_later_file_aborts_the_run(
    digests: FileValues, paths: list[Path], read: list[Path]
) -> None:
    def interrupted(path: Path) -> bytes:
        if path == paths[2]:
            raise KeyboardInterrupt
        return digests.compute(path)

    with pytest.raises(KeyboardInterrupt):
        replace(digests, compute=interrupted).of(paths)
    digests.of(paths)
    assert read == paths


def test_a_truncated_database_costs_reading_again(digests: FileValues, paths: list[Path]) -> None:
    expected = digests.of(paths)
    whole = digests.database.read_bytes()
    for length in range(0, len(whole), 509):
        digests.database.write_bytes(whole[:length])
        assert digests.of(paths) == expected
        assert digests.of(paths) == expected


def test_an_altered_byte_of_the_database_changes_no_value(
    digests: FileValues, paths: list[Path], read: list[Path]
) -> None:
    expected = digests.of(paths)
    whole = digests.database.read_bytes()
    places = [n for n, byte in enumerate(whole) if byte]
    n_noticed = 0
    for place in places:
        content = bytearray(whole)
        content[place] ^= 4
        digests.database.write_bytes(content)
        read.clear()
        assert digests.of(paths) == expected
        n_noticed += bool(read)
        read.clear()
        assert digests.of(paths) == expected
    assert n_noticed > 3 * 36  # each byte of stamps, values and checksums at least


@pytest.mark.parametrize("content", [b"", bytes(400), bytes(8192), b"no database" * 999])
def test_what_is_not_a_database_is_replaced(
    digests: FileValues, paths: list[Path], read: list[Path], content: bytes
) -> None:
    digests.database.parent.mkdir()
    digests.database.write_bytes(content)
    for _ in range(2):
        digests.of(paths)
    digests.of(paths)
    assert len(read) <= 6
    assert read[:3] == paths


def test_a_database_that_is_in_use_is_waited_for_or_done_without(
    digests: FileValues, paths: list[Path], read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = digests.of(paths[:2])
    monkeypatch.setattr(module, "BUSY_S", 0.01)
    with closing(sqlite3.connect(digests.database)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert digests.of(paths[:2]) == expected
    assert digests.of(paths[:2]) == expected
    assert read == [*paths[:2], *paths[:2]]


def test_an_unreadable_file_gives_its_error(
    digests: FileValues, paths: list[Path], tmp_path: Path
) -> None:
    values, faults = digests.of([*paths, tmp_path / "gone.wav", tmp_path])
    assert [*values] == paths
    assert isinstance(faults[tmp_path / "gone.wav"], FileNotFoundError)
    assert str(faults[tmp_path]) == "[Errno 0] not a regular file"


def test_without_a_writable_folder_values_are_still_computed(
    digests: FileValues, paths: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "in the way").touch()
    there = replace(digests, database=tmp_path / "in the way" / "files.sqlite")
    assert len(there.of(paths)[0]) == 3
