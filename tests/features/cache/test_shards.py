from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
from io import FileIO
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from voxaffect.errors import FeatureError
from voxaffect.features.cache.file_values import key_of
from voxaffect.features.cache.index import StoredFeatures, open_index
from voxaffect.features.cache.shards import Entry, new_shard, salvage, write_shard

ENTRIES = [Entry(key_of(n), np.full((n, 2), n, np.float32), n / 100) for n in (3, 1, 2)]


class CutError(Exception):
    """Stops a writer."""


def leave_parts(folder: Path) -> list[Path]:
    """What a writer that was killed after the last of three entries has stored."""
    with contextlib.suppress(CutError), new_shard(folder) as append:
        for entry in ENTRIES:
            append([entry])
        raise CutError
    (parts,) = folder.glob("*.parts")
    by_n_frames = {len(shard_tensors(path)["frames"]): path for path in parts.glob("*.safetensors")}
    return [by_n_frames[len(entry.values)] for entry in ENTRIES]


def shard_tensors(path: Path) -> dict[str, np.ndarray]:
    """A shard as the library of its format reads it."""
    return safetensors.numpy.load_file(path)


def assert_stored(folder: Path, expected: list[Entry]) -> None:
    """The folder has one shard, of these entries and no others."""
    index, faults = open_index(folder)
    assert faults == {}
    assert len(index.paths) == min(len(expected), 1)
    assert index.seconds([e.key for e in ENTRIES]) == {e.key: e.seconds for e in expected}
    features = StoredFeatures(index, {e.key.hex(): e.key for e in ENTRIES})
    assert len(features) == len(expected)
    for entry in expected:
        np.testing.assert_array_equal(features[entry.key.hex()], entry.values)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "index.sqlite")


def test_a_shard_contains_what_was_appended_and_is_named_by_its_content(tmp_path: Path) -> None:
    with new_shard(tmp_path) as append:
        append(ENTRIES[:1])
        append([])
        append(ENTRIES[1:])
    assert_stored(tmp_path, ENTRIES)
    (name,) = names(tmp_path)
    digest = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    assert name == f"{digest[:32]}.safetensors"


def test_a_shard_is_a_file_of_the_library_safetensors(tmp_path: Path) -> None:
    path = write_shard(tmp_path, ENTRIES)
    tensors = shard_tensors(path)
    assert [key.tobytes() for key in tensors["keys"]] == [e.key for e in ENTRIES]
    assert tensors["seconds"].tolist() == [e.seconds for e in ENTRIES]
    assert tensors["n_frames"].tolist() == [3, 1, 2]
    np.testing.assert_array_equal(tensors["frames"], np.concatenate([e.values for e in ENTRIES]))
    assert int.from_bytes(path.read_bytes()[:8], "little") % 8 == 0


def test_the_same_content_written_twice_is_one_file(tmp_path: Path) -> None:
    for _ in range(2):
        with new_shard(tmp_path) as append:
            append(ENTRIES)
    assert len(names(tmp_path)) == 1


def test_an_empty_shard_is_not_written(tmp_path: Path) -> None:
    with new_shard(tmp_path):
        pass
    assert names(tmp_path) == []


def test_what_a_killed_writer_has_stored_becomes_a_shard(tmp_path: Path) -> None:
    leave_parts(tmp_path)
    salvage(tmp_path)
    assert_stored(tmp_path, ENTRIES)
    assert [Path(name).suffix for name in names(tmp_path)] == [".safetensors"]


@pytest.mark.parametrize("n_lost", range(1, 400, 7))
@pytest.mark.parametrize("torn", [0, 1, 2])
def test_a_torn_part_costs_its_own_entries_alone(tmp_path: Path, n_lost: int, torn: int) -> None:
    path = leave_parts(tmp_path)[torn]
    path.write_bytes(path.read_bytes()[:-n_lost])
    salvage(tmp_path)
    assert_stored(tmp_path, [entry for n, entry in enumerate(ENTRIES) if n != torn])


@pytest.mark.parametrize("place", range(0, 330, 11))
def test_an_altered_part_costs_its_own_entries_alone(tmp_path: Path, place: int) -> None:
    path = leave_parts(tmp_path)[1]
    content = bytearray(path.read_bytes())
    content[place] ^= 0x80
    path.write_bytes(content)
    salvage(tmp_path)
    assert_stored(tmp_path, [ENTRIES[0], ENTRIES[2]])


def test_nothing_is_left_where_all_parts_are_torn(tmp_path: Path) -> None:
    for path in leave_parts(tmp_path):
        path.write_bytes(b"")
    salvage(tmp_path)
    assert_stored(tmp_path, [])
    assert names(tmp_path) == []


def test_a_writer_killed_while_joining_loses_nothing(tmp_path: Path) -> None:
    """Either the new shard is not whole yet, or it is but not yet in its place."""
    parts = leave_parts(tmp_path)[0].parent
    shutil.copytree(parts, tmp_path / "whole")
    salvage(tmp_path)
    (shard,) = tmp_path.glob("*.safetensors")
    content = shard.read_bytes()
    for name in ("torn.new", shard.name):
        shard.unlink(missing_ok=True)
        shutil.copytree(tmp_path / "whole", parts)
        (parts / name).write_bytes(content if name == shard.name else content[:-9])
        salvage(tmp_path)
        assert_stored(tmp_path, ENTRIES)
        assert not parts.exists()


def test_a_writer_killed_while_it_cleaned_up_loses_nothing(tmp_path: Path) -> None:
    """The lock may be removed before the parts."""
    parts = leave_parts(tmp_path)
    (parts[0].parent / "lock").unlink()
    salvage(tmp_path)
    assert_stored(tmp_path, ENTRIES)
    assert not parts[0].parent.exists()


def test_a_running_writer_is_left_alone(tmp_path: Path) -> None:
    with new_shard(tmp_path) as append:
        append(ENTRIES[:1])
        before = names(tmp_path)
        salvage(tmp_path)
        assert names(tmp_path) == before
        append(ENTRIES[1:])
    assert_stored(tmp_path, ENTRIES)


def test_a_writer_that_is_about_to_lock_its_folder_is_left_alone(
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
    with new_shard(tmp_path) as append:
        append(ENTRIES)
    assert len(salvaged) == 1
    assert_stored(tmp_path, ENTRIES)


def test_parts_joined_by_another_process_before_they_are_locked_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, lock = leave_parts(tmp_path)[0].parent, fcntl.flock

    def joined(file: FileIO, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        salvage(tmp_path)
        assert not parts.exists()
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", joined)
    salvage(tmp_path)
    assert_stored(tmp_path, ENTRIES)


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(FeatureError, match="file: features cannot be stored"),
        new_shard(tmp_path / "file"),
    ):
        pass


def test_salvage_of_a_missing_folder_does_nothing(tmp_path: Path) -> None:
    salvage(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
