from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from voxaffect.errors import FeatureError
from voxaffect.features.store import file_digests
from voxaffect.features.store.index import open_index
from voxaffect.features.store.journal import new_shard
from voxaffect.features.store.keys import key_of
from voxaffect.features.store.shards import Entry
from voxaffect.features.store.stored import StoredFeatures


def entry(n: int) -> Entry:
    """Frames that tell which key they belong to."""
    return Entry(key_of(n), np.full((n % 5 + 1, 3), n, np.float32), float(n))


def write_shards(folder: Path, *numbers: range) -> list[Path]:
    paths: list[Path] = []
    for some in numbers:
        with new_shard(folder, 3) as journal:
            journal.append(map(entry, some))
        paths += {*folder.glob("*.shard")} - {*paths}
    return paths


def test_every_utterance_of_every_shard_is_found_with_its_own_frames(tmp_path: Path) -> None:
    write_shards(tmp_path, range(10), range(10, 11), range(11, 40))
    index, faults = open_index(tmp_path)
    assert faults == {}
    features = StoredFeatures.of(index, {str(n): key_of(n) for n in range(40)})
    for n in range(40):
        np.testing.assert_array_equal(features[str(n)], entry(n).values)
    assert index.seconds([key_of(7), key_of(99), key_of(12)]) == {key_of(7): 7, key_of(12): 12}


def test_a_folder_that_is_not_there_has_no_shards(tmp_path: Path) -> None:
    index, faults = open_index(tmp_path / "nowhere")
    assert index.paths == ()
    assert faults == {}


@pytest.mark.parametrize("place", [0, 9, 16, 40, 60, -40, -1], ids=str)
def test_damage_is_named_and_removed_wherever_it_is(tmp_path: Path, place: int) -> None:
    good, bad = write_shards(tmp_path, range(5), range(5, 9))
    content = bytearray(bad.read_bytes())
    content[place] ^= 1
    bad.write_bytes(content)
    index, faults = open_index(tmp_path)
    assert index.paths == (good,)
    assert faults == {bad: f"{bad}: its content is not what was written"}
    assert not bad.exists()


def test_a_foreign_file_is_no_shard(tmp_path: Path) -> None:
    (good,) = write_shards(tmp_path, range(3))
    foreign = tmp_path / "foreign.shard"
    foreign.write_bytes(b"")
    index, faults = open_index(tmp_path)
    assert index.paths == (good,)
    assert [*faults] == [foreign]


def test_shards_are_read_once_and_again_when_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = write_shards(tmp_path, range(3), range(3, 9))
    open_index(tmp_path)
    read: list[Path] = []
    digest_file = file_digests.digest_file

    def telling(path: Path) -> bytes:
        read.append(path)
        return digest_file(path)

    monkeypatch.setattr(file_digests, "digest_file", telling)
    open_index(tmp_path)
    assert read == []
    one.touch()
    assert {*open_index(tmp_path)[0].paths} == {one, two}
    assert read == [one]


def test_a_shard_that_was_built_anew_meanwhile_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = write_shards(tmp_path, range(3))
    monkeypatch.setattr(file_digests, "digest_file", lambda _: bytes(16))  # as it was before
    assert [*open_index(tmp_path)[1]] == [path]
    monkeypatch.undo()
    assert path.exists()


def test_a_shard_that_is_gone_is_told_where_it_is_read(tmp_path: Path) -> None:
    (path,) = write_shards(tmp_path, range(3))
    features = StoredFeatures.of(open_index(tmp_path)[0], {"some": key_of(1)})
    path.unlink()
    with pytest.raises(FeatureError, match="features cannot be read"):
        features["some"]
