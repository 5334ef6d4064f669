from __future__ import annotations

import contextlib
import fcntl
import hashlib
from io import FileIO
from pathlib import Path

import numpy as np
import pytest

from voxaffect.errors import FeatureError
from voxaffect.features.cache.file_digests import key_of, split_keys
from voxaffect.features.cache.index import ShardIndex, StoredFeatures, open_index
from voxaffect.features.cache.shards import HEAD, RECORD, Entry, new_shard, salvage

ENTRIES = [Entry(key_of(n), np.full((n, 2), n, np.float32), n / 100) for n in (3, 1, 2)]
SIZES = [RECORD.itemsize + entry.values.nbytes for entry in ENTRIES]
ENDS = HEAD.itemsize + np.cumsum(SIZES)


class CutError(Exception):
    """Stops a writer."""


def leave_journal(folder: Path) -> Path:
    """A journal whose writer was killed after the last entry."""
    with contextlib.suppress(CutError), new_shard(folder, 2) as journal:
        journal.append(ENTRIES)
        raise CutError
    (path,) = folder.glob("*.journal")
    return path


def stored(folder: Path) -> list[Entry]:
    """Entries of the only shard of a folder."""
    index, faults = open_index(folder)
    assert faults == {}
    assert len(index.paths) == 1
    keys = split_keys(index.records["key"])
    features = StoredFeatures.of(index, {key.hex(): key for key in keys})
    frames = [features[key.hex()] for key in keys]
    seconds = index.records["seconds"].tolist()
    return [*map(Entry, keys, frames, seconds)]


def assert_same(found: list[Entry], expected: list[Entry]) -> None:
    assert [(e.key, e.seconds) for e in found] == [(e.key, e.seconds) for e in expected]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a.values, b.values)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_a_shard_contains_what_was_appended_and_is_named_by_its_content(tmp_path: Path) -> None:
    with new_shard(tmp_path, 2) as journal:
        journal.append(ENTRIES[:1])
        journal.append([])
        journal.append(ENTRIES[1:])
    assert_same(stored(tmp_path), ENTRIES)
    (name,) = names(tmp_path)
    assert name == f"{hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()[:32]}.shard"


def test_the_same_content_written_twice_is_one_file(tmp_path: Path) -> None:
    for _ in range(2):
        with new_shard(tmp_path, 2) as journal:
            journal.append(ENTRIES)
    assert len(names(tmp_path)) == 1


def test_an_empty_shard_is_not_written(tmp_path: Path) -> None:
    with new_shard(tmp_path, 2):
        pass
    assert names(tmp_path) == []


def test_a_complete_journal_becomes_a_shard(tmp_path: Path) -> None:
    leave_journal(tmp_path)
    salvage(tmp_path)
    assert_same(stored(tmp_path), ENTRIES)
    assert [Path(name).suffix for name in names(tmp_path)] == [".shard"]


@pytest.mark.parametrize("length", range(ENDS[-1] + 1))
def test_a_truncated_journal_keeps_its_whole_entries(tmp_path: Path, length: int) -> None:
    path = leave_journal(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    salvage(tmp_path)
    n_whole = int(np.searchsorted(ENDS, length, "right"))
    if n_whole:
        assert_same(stored(tmp_path), ENTRIES[:n_whole])
    assert len(names(tmp_path)) == min(n_whole, 1)


@pytest.mark.parametrize("place", range(HEAD.itemsize, ENDS[-1], 5))
def test_salvage_stops_at_an_altered_entry(tmp_path: Path, place: int) -> None:
    path = leave_journal(tmp_path)
    content = bytearray(path.read_bytes())
    content[place] ^= 0x80
    path.write_bytes(content)
    salvage(tmp_path)
    n_whole = int(np.searchsorted(ENDS, place, "right"))
    if n_whole:
        assert_same(stored(tmp_path), ENTRIES[:n_whole])


@pytest.mark.parametrize("n_bytes", [1, 32, 95, 103])
def test_a_writer_killed_while_sealing_loses_nothing(tmp_path: Path, n_bytes: int) -> None:
    with new_shard(tmp_path, 2) as journal:
        journal.append(ENTRIES)
    (shard,) = tmp_path.iterdir()
    sealed = shard.read_bytes()
    shard.unlink()
    (tmp_path / "x.journal").write_bytes(sealed[: ENDS[-1] + n_bytes])
    salvage(tmp_path)
    assert shard.read_bytes() == sealed
    assert names(tmp_path) == [shard.name]


def test_the_journal_of_a_running_writer_is_left_alone(tmp_path: Path) -> None:
    with new_shard(tmp_path, 2) as journal:
        journal.append(ENTRIES[:1])
        before = names(tmp_path)
        salvage(tmp_path)
        assert names(tmp_path) == before
        journal.append(ENTRIES[1:])
    assert_same(stored(tmp_path), ENTRIES)


def test_a_journal_removed_before_it_is_locked_is_created_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock
    salvaged: list[object] = []

    def salvaging(file: FileIO, how: int) -> None:
        if not salvaged and not how & fcntl.LOCK_NB:
            salvaged.append(file.name)
            salvage(tmp_path)
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", salvaging)
    with new_shard(tmp_path, 2) as journal:
        journal.append(ENTRIES)
    assert len(salvaged) == 1
    assert_same(stored(tmp_path), ENTRIES)


def test_a_journal_sealed_before_it_is_locked_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lock = leave_journal(tmp_path), fcntl.flock

    def renaming(file: FileIO, how: int) -> None:
        lock(file, how)
        path.rename(tmp_path / "sealed")

    monkeypatch.setattr(fcntl, "flock", renaming)
    before = path.read_bytes()
    salvage(tmp_path)
    assert (tmp_path / "sealed").read_bytes() == before


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(FeatureError, match="file: features cannot be stored"),
        new_shard(tmp_path / "file", 2),
    ):
        pass


def test_salvage_of_a_missing_folder_does_nothing(tmp_path: Path) -> None:
    salvage(tmp_path / "nowhere")
    assert len(ShardIndex.of([]).records) == 0
