from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from numpy.typing import NDArray

import voxaffect.features.store.chunks as chunks_module
from voxaffect.audio.decode import DecodeLimits
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import AudioError, FeatureError
from voxaffect.features.frames import FrameGrid
from voxaffect.features.store.keys import KeyIndex, key_of, stack_keys
from voxaffect.features.store.shards import Entry, open_shards, write_shard
from voxaffect.features.store.store import FeatureStore


@dataclass(frozen=True)
class Levels:
    """An extractor that is quick to run and remembers what it was asked for."""

    power: int = 1
    seen: list[str] = field(default_factory=list, compare=False)
    names = ("level", "n")
    grid = FrameGrid()

    def settings(self) -> Mapping[str, object]:
        return {"power": self.power}

    def extract(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        self.seen.extend(w.name for w in waveforms)
        return [self._frames(w) for w in waveforms]

    def _frames(self, waveform: Waveform) -> NDArray[np.float32]:
        n_frames = self.grid.n_frames(waveform.samples.size)
        if n_frames == 0:
            raise AudioError(f"{waveform.name}: is too short")
        level = np.abs(waveform.samples[: n_frames * 160 : 160]) ** self.power
        return np.stack([level, np.arange(n_frames)], axis=1).astype(np.float32)


def make_utterance(folder: Path, name: str, n_samples: int = 1600, seed: int = 0) -> Utterance:
    path = folder / f"{name}.wav"
    noise = np.random.default_rng([seed, len(name), *name.encode()]).normal(size=n_samples)
    sf.write(path, 0.1 * np.tanh(noise), 16_000, subtype="PCM_16")
    return Utterance(f"c/{name}", "c", path, "sad", "c/s")


@pytest.fixture
def utterances(tmp_path: Path) -> list[Utterance]:
    (tmp_path / "audio").mkdir()
    return [make_utterance(tmp_path / "audio", f"u{i}", 1600 + 160 * i) for i in range(7)]


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "store", Levels())


def seen(store: FeatureStore) -> list[str]:
    assert isinstance(store.extractor, Levels)
    return store.extractor.seen


def shards(store: FeatureStore) -> list[Path]:
    return sorted(store.folder.glob("*.shard"))


def same(a: Mapping[str, NDArray[np.float32]], b: Mapping[str, NDArray[np.float32]]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def test_features_are_those_of_the_levelled_waveform(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    features = store.extract(utterances).features
    samples, _ = sf.read(utterances[3].path, dtype="float32")
    expected = store.extractor.extract([Waveform(samples).normalised()])[0]
    assert list(features) == [u.id for u in utterances]
    np.testing.assert_array_equal(features["c/u3"], expected)
    assert not features["c/u3"].flags.writeable


def test_a_second_run_computes_nothing_and_reads_no_audio(
    store: FeatureStore, utterances: list[Utterance], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store.extract(utterances)
    n_computed = len(seen(store))
    monkeypatch.setattr("voxaffect.features.store.file_digests._digest", None)
    second = store.extract(utterances)
    assert len(seen(store)) == n_computed == len(utterances)
    assert same(first.features, second.features)


def test_a_moved_corpus_is_recognised_by_its_content(
    store: FeatureStore, utterances: list[Utterance], tmp_path: Path
) -> None:
    store.extract(utterances)
    moved = tmp_path / "elsewhere"
    (tmp_path / "audio").rename(moved)
    store.extract([replace(u, path=moved / u.path.name) for u in utterances])
    assert len(seen(store)) == len(utterances)


def test_a_changed_file_is_computed_again(store: FeatureStore, utterances: list[Utterance]) -> None:
    before = np.array(store.extract(utterances).features["c/u1"])
    make_utterance(utterances[1].path.parent, "u1", 3200, seed=1)
    after = store.extract(utterances).features["c/u1"]
    assert len(after) != len(before)
    assert len(seen(store)) == len(utterances) + 1


def test_other_settings_have_their_own_features(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    squared = replace(store, extractor=Levels(power=2))
    a, b = store.extract(utterances).features, squared.extract(utterances).features
    np.testing.assert_allclose(b["c/u0"][:, 0], a["c/u0"][:, 0] ** 2, rtol=1e-5)


def test_segments_of_one_file_are_kept_apart(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    whole = utterances[6]
    half = replace(whole, id="c/u6#0-0.08", end_s=0.08)
    features = store.extract([whole, half]).features
    assert [len(f) for f in features.values()] == [FrameGrid().n_frames(n) for n in (2560, 1280)]


def test_copies_of_one_content_are_computed_once(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    told: list[tuple[int, float]] = []
    twin = replace(utterances[0], id="c/twin")
    extraction = store.extract([utterances[0], twin], progress=lambda n, s: told.append((n, s)))
    assert len(seen(store)) == 1
    assert told[-1][0] == 2
    assert told[-1][1] == pytest.approx(0.2)
    np.testing.assert_array_equal(extraction.features["c/twin"], extraction.features["c/u0"])


def test_what_cannot_be_used_is_refused_by_name_and_nothing_else_is_lost(
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
    told: list[int] = []
    extraction = store.extract([*utterances, short, *others], progress=lambda n, _: told.append(n))
    assert list(extraction.features) == [u.id for u in utterances]
    assert [p.path for p in extraction.refused] == ["c/missing", "c/short", "c/silent", "c/text"]
    said = {p.path: p.detail for p in extraction.refused}
    assert "missing.wav: cannot be read (No such file or directory)" in said["c/missing"]
    assert "too short" in said["c/short"]
    assert "silent" in said["c/silent"]
    assert told[-1] == len(utterances) + 4


def test_a_recording_beyond_the_limits_is_refused_and_the_others_are_stored(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    longest = max(utterances, key=lambda u: sf.info(u.path).duration)
    limits = DecodeLimits(max_duration_s=sf.info(longest.path).duration - 0.001)
    extraction = replace(store, limits=limits).extract(utterances)
    assert [p.path for p in extraction.refused] == [longest.id]
    assert "more than the limit" in extraction.refused[0].detail
    assert len(extraction.features) == len(utterances) - 1


def test_progress_rises_to_the_whole(
    store: FeatureStore, utterances: list[Utterance], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks_module, "CHUNK_UTTERANCES", 2)
    told: list[tuple[int, float]] = []
    store.extract(utterances, progress=lambda n, s: told.append((n, s)))
    assert [n for n, _ in told] == [0, 2, 4, 6, 7]
    assert told[-1][1] == pytest.approx(sum(sf.info(u.path).duration for u in utterances))
    assert len(shards(store)) == 4


def test_two_processes_give_what_one_gives(
    store: FeatureStore,
    utterances: list[Utterance],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunks_module, "CHUNK_UTTERANCES", 2)
    other = FeatureStore(tmp_path / "parallel", Levels())
    assert same(store.extract(utterances).features, other.extract(utterances, n_jobs=2).features)


@pytest.mark.parametrize("place", [0, 10, 40, -5, -1], ids=str)
def test_a_damaged_shard_is_named_and_computed_again(
    store: FeatureStore, utterances: list[Utterance], place: int
) -> None:
    first = {k: np.array(v) for k, v in store.extract(utterances).features.items()}
    (path,) = shards(store)
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    extraction = store.extract(utterances)
    assert [p.path for p in extraction.damaged] == [path.name]
    assert not path.exists()
    assert same(first, extraction.features)
    assert store.extract(utterances).damaged == ()


@pytest.mark.parametrize("length", [0, 5, 32, 100, -1], ids=str)
def test_a_shard_cut_short_is_computed_again(
    store: FeatureStore, utterances: list[Utterance], length: int
) -> None:
    first = {k: np.array(v) for k, v in store.extract(utterances).features.items()}
    (path,) = shards(store)
    path.write_bytes(path.read_bytes()[:length])
    extraction = store.extract(utterances)
    assert len(extraction.damaged) == 1
    assert same(first, extraction.features)


def test_damaged_digests_only_cost_reading_again(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    store.extract(utterances)
    for path in (store.root / "files").iterdir():
        path.write_bytes(path.read_bytes()[:-7])
    assert len(store.extract(utterances).features) == len(utterances)
    assert len(seen(store)) == len(utterances)


def test_a_full_disk_is_told_and_the_store_still_opens(
    store: FeatureStore, utterances: list[Utterance], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.extract(utterances[:3])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(FeatureError, match=r"cannot be stored \(No space left on device\)"):
            store.extract(utterances)
        assert len(store.extract(utterances[:3]).features) == 3
    assert not [p for p in store.folder.iterdir() if p.name.startswith(".")]
    assert len(store.extract(utterances).features) == len(utterances)


def test_a_folder_that_is_a_file_is_told(store: FeatureStore, utterances: list[Utterance]) -> None:
    store.root.write_text("in the way")
    with pytest.raises(FeatureError, match="features cannot be stored"):
        store.extract(utterances)


def test_two_utterances_of_one_id_are_refused(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    with pytest.raises(FeatureError, match="c/u0: two utterances have this id"):
        store.extract([utterances[0], utterances[0]])


def test_features_travel_to_other_processes(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    features = store.extract(utterances).features
    assert same(features, copy.copy(features))


KILLED = """
import sys
from pathlib import Path
from tests.features.store.test_store import Levels, make_utterance
import voxaffect.features.store.chunks as chunks
from voxaffect.features.store.store import FeatureStore
root = Path(sys.argv[1])
chunks.CHUNK_UTTERANCES = 2
utterances = [make_utterance(root / "audio", f"u{i}", 1600 + 160 * i) for i in range(7)]
def progress(n, seconds):
    print(n, flush=True)
    if n == 4:
        sys.stdin.read()
FeatureStore(root / "store", Levels()).extract(utterances, progress=progress)
"""


def test_a_killed_run_loses_only_the_chunk_at_hand(store: FeatureStore, tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    repository = Path(__file__).resolve().parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        cwd=repository,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == "4\n":
                break
        process.send_signal(signal.SIGKILL)
    utterances = [
        Utterance(f"c/u{i}", "c", tmp_path / "audio" / f"u{i}.wav", "sad", "c/s") for i in range(7)
    ]
    extraction = store.extract(utterances)
    assert len(extraction.features) == 7
    assert extraction.damaged == ()
    assert len(seen(store)) == 3


def test_two_writers_of_one_store_do_not_meet(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    features = store.extract(utterances).features
    (path,) = shards(store)
    (path.parent / f"f{path.name}").write_bytes(path.read_bytes())  # the same work, done twice
    assert same(features, store.extract(utterances).features)


def test_every_stored_key_is_found_and_no_other() -> None:
    keys = [key_of(i) for i in range(1000)]
    found = KeyIndex(stack_keys(keys)).find(stack_keys([*keys, key_of("absent")]))
    assert found.tolist() == [*range(1000), -1]
    assert KeyIndex(stack_keys([])).find(stack_keys(keys[:2])).tolist() == [-1, -1]


def test_a_foreign_file_is_no_shard(tmp_path: Path) -> None:
    write_shard(tmp_path, [Entry(key_of(1), np.ones((3, 2), np.float32), 0.05)])
    (tmp_path / "foreign.shard").write_bytes(b"something else, and long enough for a head")
    good, faults = open_shards(tmp_path)
    assert [s.shape for s in good] == [(3, 2)]
    assert "is no shard of features" in faults[tmp_path / "foreign.shard"]
