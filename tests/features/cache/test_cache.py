from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

import voxaffect.features.cache.cache as module
from tests.features.cache.levels import Levels, files, make_utterance, same, seen
from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits, decode
from voxaffect.audio.speech import speech_of
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import FeatureError
from voxaffect.features.cache.cache import (
    FeatureStore,
    Item,
    Prepared,
    chunks,
    compute_chunk,
    read_speech,
)
from voxaffect.features.cache.file_values import key_of
from voxaffect.features.frames import FrameGrid

UTTERANCE = Utterance("c/u", "c", Path("u.wav"), "sad", "c/s")


def keyed(utterances: list[Utterance]) -> dict[bytes, Item]:
    return {key_of(u.id): Item(u) for u in utterances}


def groups(utterances: list[Utterance]) -> list[Mapping[bytes, Prepared]]:
    return [*read_speech(keyed(utterances), DEFAULT_LIMITS)]


def report(utterances: list[Utterance], folder: Path) -> dict[bytes, float | str]:
    """Of the computation of a chunk."""
    folder.mkdir()
    prepare = partial(read_speech, limits=DEFAULT_LIMITS)
    return compute_chunk(keyed(utterances), prepare, Levels(), folder, 1)


@pytest.mark.parametrize(("n", "n_jobs"), [(1, 1), (100, 2), (5000, 2), (5000, 64)])
def test_chunks_contain_all_work_in_order_and_suffice_for_every_worker(n: int, n_jobs: int) -> None:
    work = keyed([replace(UTTERANCE, id=f"c/{i}", end_s=1.0) for i in range(n)])
    made = [*chunks(work, n_jobs)]
    assert [item for chunk in made for item in chunk.items()] == [*work.items()]
    assert max(map(len, made)) <= module.CHUNK_UTTERANCES
    assert len(made) >= min(n_jobs, n // module.MIN_CHUNK_UTTERANCES)


def test_long_recordings_make_small_chunks() -> None:
    hours = keyed([replace(UTTERANCE, id=f"c/{i}", end_s=3600.0) for i in range(5)])
    assert [len(chunk) for chunk in chunks(hours, 1)] == [1] * 5


def test_groups_have_a_minimum_of_audio_and_keep_the_order(
    utterances: list[Utterance], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GROUP_S", 0.3)
    made = groups(utterances)
    lengths = [[one.duration_s for one in g.values() if isinstance(one, Waveform)] for g in made]
    assert all(sum(group) >= 0.3 for group in lengths[:-1])
    assert all(sum(group[:-1]) < 0.3 for group in lengths)
    assert [key for group in made for key in group] == [*keyed(utterances)]


def test_groups_do_not_change_values(
    store: FeatureStore,
    utterances: list[Utterance],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = store.extract(utterances).features
    monkeypatch.setattr(module, "GROUP_S", 0.0)
    alone = replace(store, root=tmp_path / "alone").extract(utterances).features
    assert [v.tobytes() for v in alone.values()] == [v.tobytes() for v in whole.values()]


def test_a_bad_recording_does_not_affect_the_others(
    utterances: list[Utterance], tmp_path: Path
) -> None:
    short = make_utterance(tmp_path, "short", 160)
    missing = replace(short, id="c/missing", path=tmp_path / "missing.wav")
    found = report([short, *utterances, missing], tmp_path / "store")
    refused = {key for key, one in found.items() if isinstance(one, str)}
    assert refused == {key_of("c/short"), key_of("c/missing")}
    assert len(found) == len(utterances) + 2


def test_a_chunk_of_refused_recordings_writes_no_file(tmp_path: Path) -> None:
    missing = replace(UTTERANCE, path=tmp_path / "missing.wav")
    assert [*report([missing], tmp_path / "store")] == [key_of("c/u")]
    assert [*(tmp_path / "store").iterdir()] == []


def test_invalid_features_raise(
    utterances: list[Utterance], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Levels, "names", ("level",))
    with pytest.raises(
        FeatureError, match=r"c/u0: features have shape .*; expected .* of 1 values"
    ):
        report(utterances, tmp_path / "store")


def test_features_are_those_of_the_speech_of_a_recording(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    features = store.extract(utterances).features
    speech = speech_of(decode(utterances[3].path)).waveform
    assert list(features) == [u.id for u in utterances]
    np.testing.assert_array_equal(features["c/u3"], store.extractor.extract([speech])[0])
    assert not features["c/u3"].flags.writeable


def test_what_surrounds_speech_changes_no_feature(
    store: FeatureStore, utterances: list[Utterance], tmp_path: Path
) -> None:
    samples, rate_hz = sf.read(utterances[3].path, dtype="float32")
    pause = np.zeros(rate_hz, np.float32)
    path = tmp_path / "padded.wav"
    sf.write(path, np.concatenate([pause, samples, pause]), rate_hz)
    padded = replace(utterances[3], id="c/padded", path=path)
    features = store.extract([utterances[3], padded]).features
    np.testing.assert_array_equal(features["c/padded"], features["c/u3"])


def test_a_second_run_computes_nothing_and_reads_no_audio(
    store: FeatureStore, utterances: list[Utterance], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store.extract(utterances)
    n_computed = len(seen(store))
    monkeypatch.setattr(module, "digest_file", None)
    monkeypatch.setattr("voxaffect.features.cache.shards.digest_file", None)
    second = store.extract(utterances)
    assert len(seen(store)) == n_computed == len(utterances)
    assert same(first.features, second.features)


def test_a_moved_corpus_is_recognized_by_its_content(
    store: FeatureStore, utterances: list[Utterance], tmp_path: Path
) -> None:
    store.extract(utterances)
    moved = tmp_path / "elsewhere"
    (tmp_path / "audio").rename(moved)
    store.extract([replace(u, path=moved / u.path.name) for u in utterances])
    assert len(seen(store)) == len(utterances)


def test_a_changed_file_is_recomputed(store: FeatureStore, utterances: list[Utterance]) -> None:
    before = np.array(store.extract(utterances).features["c/u1"])
    make_utterance(utterances[1].path.parent, "u1", 3200, seed=1)
    after = store.extract(utterances).features["c/u1"]
    assert len(after) != len(before)
    assert len(seen(store)) == len(utterances) + 1


def test_other_settings_have_other_features(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    squared = replace(store, extractor=Levels(power=2))
    a, b = store.extract(utterances).features, squared.extract(utterances).features
    np.testing.assert_allclose(b["c/u0"][:, 0], a["c/u0"][:, 0] ** 2, rtol=1e-5)


def test_segments_of_one_file_are_kept_apart(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    whole = utterances[6]
    part = replace(whole, id="c/u6#0-0.2", end_s=0.2)
    features = store.extract([whole, part]).features
    assert [len(f) for f in features.values()] == [FrameGrid().n_frames(n) for n in (4160, 3200)]


def test_copies_of_one_content_are_computed_once(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    reported: list[tuple[int, float]] = []
    twin = replace(utterances[0], id="c/twin")
    extraction = store.extract([utterances[0], twin], progress=lambda n, s: reported.append((n, s)))
    assert len(seen(store)) == 1
    assert reported[-1][0] == 2
    assert reported[-1][1] == pytest.approx(0.4)
    np.testing.assert_array_equal(extraction.features["c/twin"], extraction.features["c/u0"])


def test_unusable_recordings_are_refused_by_name_and_the_others_are_stored(
    store: FeatureStore, utterances: list[Utterance], tmp_path: Path
) -> None:
    folder = tmp_path / "audio"
    short = make_utterance(folder, "short", 160)
    sf.write(folder / "silent.wav", np.zeros(1600), 16_000)
    (folder / "text.wav").write_text("no sound here")
    others = [
        replace(short, id=f"c/{name}", path=folder / f"{name}.wav")
        for name in ("silent", "text", "missing")
    ]
    reported: list[int] = []
    extraction = store.extract(
        [*utterances, short, *others], progress=lambda n, _: reported.append(n)
    )
    assert list(extraction.features) == [u.id for u in utterances]
    assert [p.path for p in extraction.refused] == ["c/missing", "c/short", "c/silent", "c/text"]
    reasons = {p.path: p.detail for p in extraction.refused}
    assert "missing.wav: cannot be read (No such file or directory)" in reasons["c/missing"]
    assert "no speech" in reasons["c/short"]
    assert "silent" in reasons["c/silent"]
    assert reported[-1] == len(utterances) + 4


def test_a_recording_beyond_the_limits_is_refused_and_the_others_are_stored(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    longest = max(utterances, key=lambda u: sf.info(u.path).duration)
    limits = DecodeLimits(max_duration_s=sf.info(longest.path).duration - 0.001)
    extraction = replace(store, limits=limits).extract(utterances)
    assert [p.path for p in extraction.refused] == [longest.id]
    assert "more than the limit" in extraction.refused[0].detail
    assert len(extraction.features) == len(utterances) - 1


def test_progress_ends_at_the_total(
    store: FeatureStore, utterances: list[Utterance], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK_UTTERANCES", 2)
    reported: list[tuple[int, float]] = []
    store.extract(utterances, progress=lambda n, s: reported.append((n, s)))
    assert [n for n, _ in reported] == [0, 2, 4, 6, 7]
    assert reported[-1][1] == pytest.approx(sum(sf.info(u.path).duration for u in utterances))
    assert len(files(store, ".safetensors")) == 4


def test_two_processes_give_the_same_as_one(
    store: FeatureStore,
    utterances: list[Utterance],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CHUNK_UTTERANCES", 2)
    other = FeatureStore(tmp_path / "parallel", Levels())
    assert same(store.extract(utterances).features, other.extract(utterances, n_jobs=2).features)


@pytest.mark.parametrize("place", [0, 10, 60, 300, 500, 1000, -5, -1], ids=str)
def test_a_damaged_shard_is_reported_and_recomputed(
    store: FeatureStore, utterances: list[Utterance], place: int
) -> None:
    first = {k: np.array(v) for k, v in store.extract(utterances).features.items()}
    (path,) = files(store, ".safetensors")
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    extraction = store.extract(utterances)
    assert [p.path for p in extraction.damaged] == [path.name]
    assert same(first, extraction.features)
    assert files(store, ".safetensors") == [path]  # the same content has the same name
    assert store.extract(utterances).damaged == ()


@pytest.mark.parametrize("length", [0, 5, 32, 100, -1], ids=str)
def test_a_truncated_shard_is_recomputed(
    store: FeatureStore, utterances: list[Utterance], length: int
) -> None:
    first = {k: np.array(v) for k, v in store.extract(utterances).features.items()}
    (path,) = files(store, ".safetensors")
    path.write_bytes(path.read_bytes()[:length])
    extraction = store.extract(utterances)
    assert len(extraction.damaged) == 1
    assert same(first, extraction.features)


def test_a_file_in_place_of_the_folder_is_an_error(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    store.root.write_text("in the way")
    with pytest.raises(FeatureError, match="features cannot be stored"):
        store.extract(utterances)


def test_two_utterances_of_one_id_are_refused(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    with pytest.raises(FeatureError, match="c/u0: two utterances have this id; make"):
        store.extract([utterances[0], utterances[0]])


def test_features_are_copied_by_pickling(store: FeatureStore, utterances: list[Utterance]) -> None:
    features = store.extract(utterances).features
    assert same(features, copy.copy(features))


def test_features_of_an_earlier_format_are_named_left_and_computed_again(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    old = store.root / "0123456789abcdef" / f"{'0' * 32}.shard"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"voxshd02" + bytes(100))
    assert store.folder != old.parent
    extraction = store.extract(utterances)
    (problem,) = extraction.damaged
    assert problem.is_fault
    assert problem.path == str(store.root)
    assert problem.detail == (
        "has features of an earlier version of voxaffect, which are neither read nor removed, but "
        "computed again; you can delete the folders 0123456789abcdef and files there"
    )
    assert len(extraction.features) == len(seen(store)) == len(utterances)
    assert old.exists()
    assert store.extract(utterances).damaged == ()
