from __future__ import annotations

import pickle
import resource
from functools import lru_cache, partial
from pathlib import Path
from resource import RLIMIT_NOFILE

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import voxaffect.features.cache.cache as chunks_module
import voxaffect.features.cache.index as index_module
import voxaffect.features.cache.shards as shards_module
from tests.features.cache.levels import files, make_utterances
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import FeatureError
from voxaffect.features.cache.cache import FeatureStore, Item, compute_chunk, read_speech
from voxaffect.features.cache.file_values import digest_file, key_of
from voxaffect.features.cache.index import ShardIndex, StoredFeatures, open_index
from voxaffect.features.cache.shards import RECORD, Entry, new_shard


@pytest.fixture
def features(
    store: FeatureStore, utterances: list[Utterance], monkeypatch: pytest.MonkeyPatch
) -> StoredFeatures:
    """Of seven utterances in three shards."""
    monkeypatch.setattr(chunks_module, "CHUNK_UTTERANCES", 3)
    stored = store.extract(utterances).features
    assert len(files(store, ".safetensors")) == 3
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


def test_a_worker_does_not_create_the_folder(store: FeatureStore, tmp_path: Path) -> None:
    """The main process creates it; where it is missing, the path is not shared."""
    chunk = {bytes(16): Item(make_utterances(tmp_path / "audio", 1)[0])}
    prepare = partial(read_speech, limits=store.limits)
    with pytest.raises(FeatureError, match="no such folder on"):
        compute_chunk(chunk, prepare, store.extractor, tmp_path / "a" / "store", 1)
    assert not (tmp_path / "a").exists()


def entry(n: int) -> Entry:
    """Frames whose values identify their key."""
    return Entry(key_of(n), np.full((n % 5 + 1, 3), n, np.float32), float(n))


def write_shards(folder: Path, *numbers: range) -> list[Path]:
    paths: list[Path] = []
    for some in numbers:
        with new_shard(folder) as append:
            append([*map(entry, some)])
        paths += {*folder.glob("*.safetensors")} - {*paths}
    return paths


def found(index: ShardIndex, numbers: range) -> set[int]:
    """Numbers of the entries that an index has."""
    keys = {key_of(n): n for n in numbers}
    return {keys[key] for key in index.seconds(keys)}


def test_every_utterance_of_every_shard_is_found_with_its_own_frames(tmp_path: Path) -> None:
    write_shards(tmp_path, range(10), range(10, 11), range(11, 40))
    index, faults = open_index(tmp_path)
    assert faults == {}
    features = StoredFeatures(index, {str(n): key_of(n) for n in range(40)})
    for n in range(40):
        np.testing.assert_array_equal(features[str(n)], entry(n).values)
    assert index.seconds([key_of(7), key_of(99), key_of(12)]) == {key_of(7): 7, key_of(12): 12}


def test_a_missing_folder_has_no_shards(tmp_path: Path) -> None:
    index, faults = open_index(tmp_path / "nowhere")
    assert index.paths == ()
    assert faults == {}


@pytest.mark.parametrize("place", [0, 9, 100, 300, 400, -40, -1], ids=str)
def test_a_damaged_shard_is_reported_and_removed(tmp_path: Path, place: int) -> None:
    _, bad = write_shards(tmp_path, range(5), range(5, 9))
    content = bytearray(bad.read_bytes())
    content[place] ^= 1
    bad.write_bytes(content)
    index, faults = open_index(tmp_path)
    assert found(index, range(5, 9)) == set()
    assert found(index, range(5)) == {*range(5)}
    assert faults == {bad: f"{bad}: its content has changed since it was written"}
    assert not bad.exists()


def test_another_file_is_not_a_shard(tmp_path: Path) -> None:
    write_shards(tmp_path, range(3))
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(b"")
    index, faults = open_index(tmp_path)
    assert found(index, range(9)) == {*range(3)}
    assert [*faults] == [foreign]


def test_shards_are_verified_once_and_again_when_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = write_shards(tmp_path, range(3), range(3, 9))
    open_index(tmp_path)
    read: list[Path] = []

    def recording(path: Path) -> bytes:
        read.append(path)
        return digest_file(path)

    monkeypatch.setattr(shards_module, "digest_file", recording)
    open_index(tmp_path)
    assert read == []
    one.touch()
    index, _ = open_index(tmp_path)
    assert found(index, range(9)) == {*range(9)}
    assert read == [one]
    (tmp_path / "index.sqlite").unlink()
    index, _ = open_index(tmp_path)
    assert found(index, range(9)) == {*range(9)}
    assert sorted(read) == sorted([one, one, two])


def test_a_shard_that_was_just_rewritten_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = write_shards(tmp_path, range(3))
    before = iter([bytes(16)])
    monkeypatch.setattr(shards_module, "digest_file", lambda path: next(before, digest_file(path)))
    assert [*open_index(tmp_path)[1]] == [path]
    assert path.exists()


def test_an_altered_byte_of_the_index_changes_nothing(tmp_path: Path) -> None:
    write_shards(tmp_path, range(5), range(5, 9))
    open_index(tmp_path)
    database = tmp_path / "index.sqlite"
    whole = database.read_bytes()
    for place in [n for n, byte in enumerate(whole) if byte]:
        content = bytearray(whole)
        content[place] ^= 4
        database.write_bytes(content)
        index, faults = open_index(tmp_path)
        assert faults == {}
        features = StoredFeatures(index, {str(n): key_of(n) for n in range(9)})
        for n in range(9):
            np.testing.assert_array_equal(features[str(n)], entry(n).values)


@given(st.permutations(range(7)), st.sets(st.integers(0, 20)))
def test_stored_keys_are_found_and_no_others(order: list[int], wanted: set[int]) -> None:
    record = np.zeros(7, RECORD)
    record["key"] = np.frombuffer(b"".join(key_of(n) for n in order), "<u8").reshape(-1, 2)
    index = ShardIndex({Path("a"): record[:3].tobytes(), Path("b"): record[3:].tobytes()})
    places = index.find([key_of(n) for n in wanted])
    assert places.tolist() == [order.index(n) if n < 7 else -1 for n in wanted]


def test_of_repeated_keys_one_is_found_and_none_among_none() -> None:
    record = np.zeros(9, RECORD)
    keys = [key_of(n % 3) for n in range(9)]
    record["key"] = np.frombuffer(b"".join(keys), "<u8").reshape(-1, 2)
    places = ShardIndex({Path("a"): record.tobytes()}).find(keys)
    assert [keys[place] for place in places] == keys
    assert ShardIndex({}).find(keys[:2]).tolist() == [-1, -1]


def test_more_shards_are_read_than_files_may_be_open(tmp_path: Path) -> None:
    write_shards(tmp_path, *(range(n, n + 1) for n in range(40)))
    features = StoredFeatures(open_index(tmp_path)[0], {str(n): key_of(n) for n in range(40)})
    cached = lru_cache(8)(shards_module.frames_of.__wrapped__)
    n_open, limits = len([*Path("/proc/self/fd").iterdir()]), resource.getrlimit(RLIMIT_NOFILE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_module, "frames_of", cached)
        resource.setrlimit(RLIMIT_NOFILE, (n_open + 16, limits[1]))
        try:
            for n in range(40):
                np.testing.assert_array_equal(features[str(n)], entry(n).values)
        finally:
            resource.setrlimit(RLIMIT_NOFILE, limits)


def test_a_missing_shard_is_an_error_on_access(tmp_path: Path) -> None:
    (path,) = write_shards(tmp_path, range(3))
    features = StoredFeatures(open_index(tmp_path)[0], {"some": key_of(1)})
    path.unlink()
    with pytest.raises(FeatureError, match="features cannot be read"):
        features["some"]
