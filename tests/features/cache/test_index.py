from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import voxaffect.features.cache.cache as chunks_module
from tests.features.cache.levels import files, make_utterances
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import FeatureError
from voxaffect.features.cache import file_digests
from voxaffect.features.cache.cache import FeatureStore
from voxaffect.features.cache.file_digests import key_of
from voxaffect.features.cache.index import StoredFeatures, open_index
from voxaffect.features.cache.shards import Entry, new_shard


@pytest.fixture
def features(
    store: FeatureStore, utterances: list[Utterance], monkeypatch: pytest.MonkeyPatch
) -> StoredFeatures:
    """Of seven utterances in three shards."""
    monkeypatch.setattr(chunks_module, "CHUNK_UTTERANCES", 3)
    stored = store.extract(utterances).features
    assert len(files(store, ".shard")) == 3
    return stored


def test_a_selection_has_the_frames_in_the_order_of_the_ids(features: StoredFeatures) -> None:
    ids = ["c/u5", "c/u0", "c/u6", "c/u5"]
    frames = features.select(ids)
    assert len(frames) == 4
    np.testing.assert_array_equal(frames.lengths, [len(features[i]) for i in ids])
    for found, expected in zip(frames, [features[i] for i in ids], strict=True):
        np.testing.assert_array_equal(found, expected)
        assert not found.flags.writeable
    np.testing.assert_array_equal(frames[-2], frames[2])
    np.testing.assert_array_equal(frames[1:3][1], frames[2])


def test_a_selection_may_be_empty(features: StoredFeatures) -> None:
    assert list(features.select([])) == []


def test_a_selection_pickles_small_and_shares_memory(features: StoredFeatures) -> None:
    one, two = features.select(["c/u1", "c/u2"]), features.select(["c/u2"])
    _ = [*one, *two]  # mapped here, which must not be pickled
    there_one, there_two = pickle.loads(pickle.dumps((one, two)))  # noqa: S301 our own
    np.testing.assert_array_equal(there_one[0], one[0])
    assert there_one[1].ctypes.data == there_two[0].ctypes.data
    many = features.select(["c/u1", "c/u2", "c/u3"] * 1000)
    assert len(pickle.dumps(many)) < 16 * len(many) + 2000


def test_a_machine_without_the_store_is_named(
    features: StoredFeatures, store: FeatureStore, tmp_path: Path
) -> None:
    frames = features.select(["c/u1"])
    store.root.rename(tmp_path / "not shared")
    with pytest.raises(FeatureError, match=r": no such folder on .*a path that all machines share"):
        frames[0]


def test_a_worker_does_not_create_the_folder(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The main process creates it; where it is missing, the path is not shared."""
    monkeypatch.setattr(
        FeatureStore, "folder", property(lambda s: tmp_path / "a" / s.root.name), raising=True
    )
    from voxaffect.features.cache.cache import _compute_chunk

    chunk = {bytes(16): make_utterances(tmp_path / "audio", 1)[0]}
    with pytest.raises(FeatureError, match="no such folder on"):
        _compute_chunk(chunk, replace(store), 1)
    assert not (tmp_path / "a").exists()


def entry(n: int) -> Entry:
    """Frames whose values identify their key."""
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


def test_a_missing_folder_has_no_shards(tmp_path: Path) -> None:
    index, faults = open_index(tmp_path / "nowhere")
    assert index.paths == ()
    assert faults == {}


@pytest.mark.parametrize("place", [0, 9, 16, 40, 60, -40, -1], ids=str)
def test_a_damaged_shard_is_reported_and_removed(tmp_path: Path, place: int) -> None:
    good, bad = write_shards(tmp_path, range(5), range(5, 9))
    content = bytearray(bad.read_bytes())
    content[place] ^= 1
    bad.write_bytes(content)
    index, faults = open_index(tmp_path)
    assert index.paths == (good,)
    assert faults == {bad: f"{bad}: its content has changed since it was written"}
    assert not bad.exists()


def test_another_file_is_not_a_shard(tmp_path: Path) -> None:
    (good,) = write_shards(tmp_path, range(3))
    foreign = tmp_path / "foreign.shard"
    foreign.write_bytes(b"")
    index, faults = open_index(tmp_path)
    assert index.paths == (good,)
    assert [*faults] == [foreign]


def test_shards_are_verified_once_and_again_when_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = write_shards(tmp_path, range(3), range(3, 9))
    open_index(tmp_path)
    read: list[Path] = []
    digest_file = file_digests.digest_file

    def recording(path: Path) -> bytes:
        read.append(path)
        return digest_file(path)

    monkeypatch.setattr(file_digests, "digest_file", recording)
    open_index(tmp_path)
    assert read == []
    one.touch()
    assert {*open_index(tmp_path)[0].paths} == {one, two}
    assert read == [one]


def test_a_shard_that_was_just_rewritten_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = write_shards(tmp_path, range(3))
    monkeypatch.setattr(file_digests, "digest_file", lambda _: bytes(16))  # as it was before
    assert [*open_index(tmp_path)[1]] == [path]
    monkeypatch.undo()
    assert path.exists()


def test_a_missing_shard_is_an_error_on_access(tmp_path: Path) -> None:
    (path,) = write_shards(tmp_path, range(3))
    features = StoredFeatures.of(open_index(tmp_path)[0], {"some": key_of(1)})
    path.unlink()
    with pytest.raises(FeatureError, match="features cannot be read"):
        features["some"]
