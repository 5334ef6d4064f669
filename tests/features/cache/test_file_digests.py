from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import voxaffect.features.cache.file_digests as module
from voxaffect.features.cache.file_digests import (
    FileDigests,
    KeyIndex,
    key_of,
    segment_key,
    split_keys,
    stack_keys,
)


def test_every_stored_key_is_found_and_no_other() -> None:
    keys = [key_of(i) for i in range(1000)]
    found = KeyIndex(stack_keys(keys)).find(stack_keys([*keys, key_of("absent")]))
    assert found.tolist() == [*range(1000), -1]


def test_nothing_is_found_among_no_keys() -> None:
    assert KeyIndex(stack_keys([])).find(stack_keys([key_of(1), key_of(2)])).tolist() == [-1, -1]


def test_of_repeated_keys_one_is_found() -> None:
    keys = stack_keys([key_of(i % 3) for i in range(9)])
    np.testing.assert_array_equal(keys[KeyIndex(keys).find(keys)], keys)


@given(st.lists(st.binary(min_size=16, max_size=16)))
def test_keys_stack_and_split(keys: list[bytes]) -> None:
    assert split_keys(stack_keys(keys)) == keys


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
def digests(tmp_path: Path) -> FileDigests:
    return FileDigests(tmp_path / "files")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files that are read, in order."""
    recorded: list[Path] = []

    def recording(path: Path) -> bytes:
        recorded.append(path)
        return hashlib.sha256(path.read_bytes()).digest()[:16]

    monkeypatch.setattr(module, "digest_file", recording)
    return recorded


def test_a_digest_is_half_of_the_sha256(digests: FileDigests, paths: list[Path]) -> None:
    expected = {path: hashlib.sha256(path.read_bytes()).digest()[:16] for path in paths}
    assert digests.of([*paths, *paths], n_jobs=2) == expected
    assert digests.of(reversed(paths)) == expected


def test_an_unchanged_file_is_read_once(
    digests: FileDigests, paths: list[Path], read: list[Path]
) -> None:
    assert digests.of(paths[:2]) | digests.of(paths) == digests.of(paths)
    assert read == paths


def test_a_change_is_detected_even_if_size_and_time_are_set_back(
    digests: FileDigests, paths: list[Path]
) -> None:
    before, status = digests.of(paths), paths[1].stat()
    while paths[1].stat().st_ctime_ns == status.st_ctime_ns:  # this clock ticks every few ms
        paths[1].write_text("noise of b.wav")
        os.utime(paths[1], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert [path for path, content in digests.of(paths).items() if before[path] != content] == [
        paths[1]
    ]


def test_digests_are_cached_even_if_a_later_file_aborts_the_run(
    digests: FileDigests, paths: list[Path], monkeypatch: pytest.MonkeyPatch, read: list[Path]
) -> None:
    recording = module.digest_file

    def interrupted(path: Path) -> bytes:
        if path == paths[2]:
            raise KeyboardInterrupt
        return recording(path)

    with monkeypatch.context() as patch:
        patch.setattr(module, "digest_file", interrupted)
        with pytest.raises(KeyboardInterrupt):
            digests.of(paths)
    digests.of(paths)
    assert read == paths


@pytest.mark.parametrize("n_lost", [1, 39, 40, 41, 120])
def test_a_truncated_cache_file_keeps_its_whole_records(
    digests: FileDigests, paths: list[Path], read: list[Path], n_lost: int
) -> None:
    digests.of(paths)
    (cache_file,) = digests.folder.iterdir()
    cache_file.write_bytes(cache_file.read_bytes()[:-n_lost])
    read.clear()
    digests.of(paths)
    assert len(read) == -(-n_lost // 40)


@pytest.mark.parametrize("place", range(0, 40, 7))
def test_an_altered_record_is_ignored(
    digests: FileDigests, paths: list[Path], read: list[Path], place: int
) -> None:
    expected = digests.of(paths)
    (cache_file,) = digests.folder.iterdir()
    content = bytearray(cache_file.read_bytes())
    content[40 + place] ^= 4
    cache_file.write_bytes(content)
    read.clear()
    assert digests.of(paths) == expected
    assert read == [paths[1]]


def test_zeros_left_by_a_crash_are_ignored(digests: FileDigests, paths: list[Path]) -> None:
    digests.folder.mkdir()
    (digests.folder / "crashed.digests").write_bytes(bytes(400))
    assert len(digests.of(paths)) == 3


def test_an_unreadable_file_gives_its_error(
    digests: FileDigests, paths: list[Path], tmp_path: Path
) -> None:
    recorded = digests.of([*paths, tmp_path / "gone.wav", tmp_path])
    assert isinstance(recorded[tmp_path / "gone.wav"], FileNotFoundError)
    assert str(recorded[tmp_path]) == "[Errno 0] not a regular file"


def test_without_a_writable_cache_digests_are_still_computed(
    paths: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "in the way").touch()
    assert len(FileDigests(tmp_path / "in the way" / "files").of(paths)) == 3
