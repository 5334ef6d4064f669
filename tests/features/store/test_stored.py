from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import voxaffect.features.store.chunks as chunks_module
from tests.features.store.levels import files, make_utterances
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import FeatureError
from voxaffect.features.store.store import FeatureStore
from voxaffect.features.store.stored import StoredFeatures


@pytest.fixture
def features(
    store: FeatureStore, utterances: list[Utterance], monkeypatch: pytest.MonkeyPatch
) -> StoredFeatures:
    """Of seven utterances in three shards."""
    monkeypatch.setattr(chunks_module, "CHUNK_UTTERANCES", 3)
    stored = store.extract(utterances).features
    assert len(files(store, ".shard")) == 3
    return stored


def test_selected_frames_are_those_of_the_ids_in_their_order(features: StoredFeatures) -> None:
    ids = ["c/u5", "c/u0", "c/u6", "c/u5"]
    frames = features.select(ids)
    assert len(frames) == 4
    np.testing.assert_array_equal(frames.lengths, [len(features[i]) for i in ids])
    for found, expected in zip(frames, [features[i] for i in ids], strict=True):
        np.testing.assert_array_equal(found, expected)
        assert not found.flags.writeable
    np.testing.assert_array_equal(frames[-2], frames[2])
    np.testing.assert_array_equal(frames[1:3][1], frames[2])


def test_nothing_may_be_selected(features: StoredFeatures) -> None:
    assert list(features.select([])) == []


def test_a_selection_travels_light_and_still_shares_memory(features: StoredFeatures) -> None:
    one, two = features.select(["c/u1", "c/u2"]), features.select(["c/u2"])
    _ = [*one, *two]  # mapped here, which must not travel
    there_one, there_two = pickle.loads(pickle.dumps((one, two)))  # noqa: S301 our own
    np.testing.assert_array_equal(there_one[0], one[0])
    assert there_one[1].ctypes.data == there_two[0].ctypes.data
    many = features.select(["c/u1", "c/u2", "c/u3"] * 1000)
    assert len(pickle.dumps(many)) < 16 * len(many) + 2000


def test_a_machine_without_the_store_says_so(
    features: StoredFeatures, store: FeatureStore, tmp_path: Path
) -> None:
    frames = features.select(["c/u1"])
    store.root.rename(tmp_path / "not shared")
    with pytest.raises(FeatureError, match=r"no such folder on .*a path that all machines share"):
        frames[0]


def test_no_machine_computes_into_a_folder_of_its_own(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is made by who asks; where it is missing, another one would come to be."""
    monkeypatch.setattr(
        FeatureStore, "folder", property(lambda s: tmp_path / "a" / s.root.name), raising=True
    )
    from voxaffect.features.store.store import _compute_chunk

    chunk = {bytes(16): make_utterances(tmp_path / "audio", 1)[0]}
    with pytest.raises(FeatureError, match="no such folder on"):
        _compute_chunk(chunk, replace(store), 1)
    assert not (tmp_path / "a").exists()
