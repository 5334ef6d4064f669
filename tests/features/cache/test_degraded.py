from __future__ import annotations

import pickle
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from tests.audio.degrade.sounds import silence, speech
from tests.features.cache.levels import same
from voxaffect.audio.decode import DEFAULT_LIMITS, decode
from voxaffect.audio.degrade import DEGRADATIONS
from voxaffect.audio.degrade.degradation import AS_RECORDED, Degradation, utterance_seed
from voxaffect.audio.degrade.noise import babble, noise
from voxaffect.audio.speech import speech_of
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.features.cache.cache import FeatureStore, Item, compute_chunk
from voxaffect.features.cache.degraded import (
    DegradedStore,
    Scene,
    condition_id,
    degrade,
    split_condition_id,
)
from voxaffect.features.cache.index import open_index
from voxaffect.features.spectra import LogMel

WHITE, CUT, BABBLE = (DEGRADATIONS[name] for name in ("white-10db", "first-500ms", "babble-0db"))
TWO = Degradation("noise", "two", "", partial(babble, snr_db=0, n_talkers=2))


def write(path: Path, waveform: Waveform) -> Path:
    sf.write(path, waveform.samples, SAMPLE_RATE_HZ, subtype="FLOAT")
    return path


@pytest.fixture
def scenes(tmp_path: Path) -> list[Scene]:
    """Three speakers, each with the two others as talkers of babble."""
    us = [
        Utterance(f"c/{n}", "c", write(tmp_path / f"{n}.wav", speech(n)), "sad", f"c/{n}")
        for n in range(3)
    ]
    return [Scene(u, u.id, {v.id: v for v in us if v is not u}) for u in us]


@pytest.fixture
def store(tmp_path: Path) -> DegradedStore:
    return DegradedStore(FeatureStore(tmp_path / "store", LogMel(n_mels=8)))


def test_frames_are_computed_from_the_degraded_recording(
    store: DegradedStore, scenes: list[Scene]
) -> None:
    found = store.extract(scenes, (AS_RECORDED, WHITE, TWO, CUT))
    assert found.refused == ()
    assert len(found.features) == 12
    sounds = [decode(scene.utterance.path).normalized() for scene in scenes]
    seed = utterance_seed("c/1", 0)
    expected = {
        "clean": sounds[1],
        WHITE.name: WHITE.apply(sounds[1], seed),
        TWO.name: TWO.apply(sounds[1], seed, [sounds[0], sounds[2]]),
        CUT.name: CUT.apply(sounds[1], seed),
    }
    for name, sound in expected.items():
        (frames,) = store.clean.extractor.extract([speech_of(sound).waveform])
        np.testing.assert_array_equal(found.features[condition_id(name, "c/1")], frames)


def test_clean_frames_equal_those_of_the_clean_store(
    store: DegradedStore, scenes: list[Scene]
) -> None:
    found = store.extract(scenes, (AS_RECORDED, DEGRADATIONS["quieter-20db"]))
    clean = store.clean.extract([scene.utterance for scene in scenes]).features
    for name, frames in found.features.items():
        np.testing.assert_allclose(frames, clean[split_condition_id(name)[1]], rtol=1e-4, atol=1e-4)


def test_stored_features_are_not_recomputed(store: DegradedStore, scenes: list[Scene]) -> None:
    reported: list[tuple[int, int]] = []
    store.extract(scenes, (WHITE,), progress=lambda *n: reported.append(n))
    assert reported == [(0, 3), (3, 3)]
    reported.clear()
    store.extract(scenes, (WHITE,), progress=lambda *n: reported.append(n))
    assert reported == [(3, 3)]
    store.extract(scenes, (WHITE, CUT), progress=lambda *n: reported.append(n))
    assert reported[1:] == [(3, 6), (6, 6)]


def test_the_key_depends_on_everything_that_changes_the_audio(
    store: DegradedStore, scenes: list[Scene]
) -> None:
    def content(store: DegradedStore, scene: Scene, degradation: Degradation) -> str:
        name = condition_id(degradation.name, scene.utterance.id)
        return store.extract([scene], (degradation,)).features.content(name)

    scene, others = scenes[0], scenes[0].talkers
    alone = replace(scene, talkers=dict([*others.items()][:1]))
    named = replace(scene, utterance=replace(scene.utterance, id="c/other"))
    other = replace(WHITE, effect=partial(noise, kind="white", snr_db=5))
    assert content(store, scene, WHITE) == content(store, alone, WHITE)
    contents = {
        content(store, scene, WHITE),
        content(store, scene, other),
        content(store, scene, TWO),
        content(store, alone, TWO),
        content(store, replace(scene, content="changed"), WHITE),
        content(store, named, WHITE),
        content(replace(store, seed=1), scene, WHITE),
    }
    assert len(contents) == 7


def test_unusable_recordings_are_reported_and_the_others_stored(
    store: DegradedStore, scenes: list[Scene], tmp_path: Path
) -> None:
    quiet = Waveform(np.concatenate([silence(1).samples, speech().samples]))
    short = Waveform(speech().samples[7200:9600], "short")  # half of 150 ms is too little
    write(scenes[0].utterance.path, quiet)
    write(scenes[1].utterance.path, short)
    scenes[2].utterance.path.unlink()
    alone = [replace(scene, talkers={}) for scene in scenes]
    degradations = (AS_RECORDED, DEGRADATIONS["part-50pct"], BABBLE)
    found = store.extract(alone, degradations)
    assert sorted(found.features) == ["clean:c/0", "clean:c/1", "part-50pct:c/0"]
    reasons = {problem.path: problem.detail for problem in found.refused}
    assert len(reasons) == 6
    assert "no speech found" in reasons["part-50pct:c/1"]
    assert "there are none" in reasons["babble-0db:c/0"]
    assert "no such file" in reasons["clean:c/2"]


def test_the_task_can_be_pickled(store: DegradedStore, scenes: list[Scene], tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    prepare = partial(degrade, limits=DEFAULT_LIMITS, seed=0)
    work = partial(
        compute_chunk,
        prepare=prepare,
        extractor=store.clean.extractor,
        folder=there,
        n_threads=1,
    )
    u, keys = scenes[0].utterance, (b"0" * 16, b"1" * 16)
    chunk = {k: Item(u, (scenes[0], d)) for k, d in zip(keys, (WHITE, BABBLE), strict=True)}
    compute, sent = pickle.loads(pickle.dumps((work, chunk)))  # noqa: S301
    assert not any(isinstance(one, str) for one in compute(sent).values())
    index, faults = open_index(there)
    assert [*index.seconds(keys)] == [*keys]
    assert faults == {}


def test_two_processes_give_the_same_as_one(
    store: DegradedStore, scenes: list[Scene], tmp_path: Path
) -> None:
    degradations = (AS_RECORDED, WHITE, TWO)
    other = replace(store, clean=replace(store.clean, root=tmp_path / "parallel"))
    assert same(
        store.extract(scenes, degradations).features,
        other.extract(scenes, degradations, n_jobs=2).features,
    )


def test_a_condition_id_is_split_again() -> None:
    assert split_condition_id(condition_id("white-10db", "emodb/a:b")) == (
        "white-10db",
        "emodb/a:b",
    )
