"""Killed runs, full and read-only disks, several runs at once: on real processes and limits."""

from __future__ import annotations

import ctypes
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import voxaffect.features.cache.cache as chunks_module
from tests.features.cache.levels import Levels, files, make_utterances, python, same, seen
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import FeatureError
from voxaffect.features.cache.cache import FeatureStore

# Extracts a folder's seven recordings one by one, prints each and waits at u4 to be killed.
KILLED = """
import sys
from pathlib import Path
from tests.features.cache.levels import Levels, make_utterances
import voxaffect.features.cache.cache as chunks
from voxaffect.features.cache.cache import FeatureStore

class Waiting(Levels):
    def extract(self, waveforms):
        print(Path(waveforms[0].name).stem, flush=True)
        if waveforms[0].name.endswith("u4.wav"):
            sys.stdin.read()
        return super().extract(waveforms)

root = Path(sys.argv[1])
chunks.GROUP_S = 0
FeatureStore(root / "store", Waiting()).extract(make_utterances(root / "audio"))
"""

# Extracts the first n of a folder's recordings for each argument n, after a line on stdin each.
EXTRACTED = """
import sys
from pathlib import Path
from tests.features.cache.levels import Levels, make_utterances
from voxaffect.errors import FeatureError
import voxaffect.features.cache.cache as chunks
from voxaffect.features.cache.cache import FeatureStore

root = Path(sys.argv[1])
chunks.CHUNK_UTTERANCES = 3
store = FeatureStore(root / "store", Levels())
for n in map(int, sys.argv[2:]):
    utterances = make_utterances(root / "audio", n)
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        extraction = store.extract(utterances)
        print(len(extraction.features), len(store.extractor.seen), len(extraction.damaged))
        print(*(float(values.sum()) for values in extraction.features.values()))
    except FeatureError as fault:
        print(fault)
"""

CAP_DAC_OVERRIDE, PR_CAPBSET_DROP = 1, 24  # of Linux's capability.h and prctl.h


def test_a_killed_run_loses_only_the_current_utterance(tmp_path: Path, store: FeatureStore) -> None:
    with python(KILLED, tmp_path) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == "u4\n":
                break
        process.kill()
    assert [path.suffix for path in store.folder.iterdir()].count(".parts") == 1
    utterances = make_utterances(tmp_path / "audio")
    extraction = store.extract(utterances)
    assert seen(store) == ["u4", "u5", "u6"]
    assert extraction.damaged == ()
    fresh = FeatureStore(tmp_path / "fresh", Levels()).extract(utterances)
    assert same(extraction.features, fresh.features)
    assert files(store, ".parts") == []
    assert not [path for path in tmp_path.rglob(".*") if path.is_file()]


def test_an_interrupted_run_keeps_its_results(
    store: FeatureStore, utterances: list[Utterance], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks_module, "GROUP_S", 0)
    extract = Levels.extract

    def interrupted(self: Levels, waveforms: list[object]) -> object:
        if len(self.seen) == 4:
            raise KeyboardInterrupt
        return extract(self, waveforms)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Levels, "extract", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.extract(utterances)
    assert len(store.extract(utterances).features) == 7
    assert seen(store) == [u.path.stem for u in utterances]


@contextmanager
def no_file_longer_than(n_bytes: int) -> Iterator[None]:
    """A limit of the system, on which writing fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("n_bytes", [40, 100, 250, 385, 400, 500, 700], ids=str)
def test_a_full_disk_is_an_error_and_the_store_still_opens(
    store: FeatureStore, utterances: list[Utterance], n_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks_module, "GROUP_S", 0)
    monkeypatch.setattr(chunks_module, "CHUNK_UTTERANCES", 4)
    before = {k: np.array(v) for k, v in store.extract(utterances[:1]).features.items()}
    with no_file_longer_than(n_bytes):
        with pytest.raises(FeatureError, match=r"cannot be stored \(File too large\); free space"):
            store.extract(utterances)
        assert same(store.extract(utterances[:1]).features, before)
    n_computed = len(seen(store))
    extraction = store.extract(utterances)
    assert len(extraction.features) == len(utterances)
    assert extraction.damaged == ()
    assert len(seen(store)) - n_computed <= len(utterances) - 1
    assert files(store, ".parts") == []


def test_a_full_disk_for_the_index_alone_costs_verifying_again(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    with no_file_longer_than(8000):
        first = store.extract(utterances)
        assert same(store.extract(utterances).features, first.features)
    assert len(seen(store)) == len(utterances)
    assert same(store.extract(utterances).features, first.features)
    assert len(seen(store)) == len(utterances)


def obey_permissions() -> None:
    """Make permissions apply to root; other users cannot and need not."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


@contextmanager
def read_only(root: Path) -> Iterator[None]:
    """Make `root` and all folders below it read-only."""
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    before = {path: stat.S_IMODE(path.stat().st_mode) for path in folders}
    for path in folders:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path, mode in before.items():
            path.chmod(mode)


def test_a_read_only_store_is_read_and_missing_features_are_an_error(
    store: FeatureStore, utterances: list[Utterance], tmp_path: Path
) -> None:
    store.extract(utterances[:4])
    whole = files(store, ".safetensors")
    store.extract(utterances[:6])
    (damaged,) = {*files(store, ".safetensors")} - {*whole}
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with read_only(store.root):
        process = python(EXTRACTED, tmp_path, 4, 7, preexec=obey_permissions)
        lines = process.communicate("go\ngo\n")[0].splitlines()
    assert lines[1] == "4 0 1"  # all are read, none is computed, one shard is damaged
    assert lines[4] == (
        f"{store.folder}: features cannot be stored (Permission denied); free space there, or "
        "choose a writable folder"
    )
    assert damaged.exists()


def test_two_processes_extract_one_corpus_at_once(tmp_path: Path, store: FeatureStore) -> None:
    utterances = make_utterances(tmp_path / "audio", 40)
    processes = [python(EXTRACTED, tmp_path, 40) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    one, two = (process.communicate()[0].splitlines() for process in processes)
    assert one[1] == two[1]
    assert {one[0].split()[0], two[0].split()[0]} == {"40"}
    extraction = store.extract(utterances)
    assert seen(store) == []
    assert extraction.damaged == ()
    assert len(files(store, ".safetensors")) == 14  # 40 by threes: the same content is one file


def test_a_moved_store_is_verified_and_used(
    store: FeatureStore, utterances: list[Utterance], tmp_path: Path
) -> None:
    before = {k: np.array(v) for k, v in store.extract(utterances).features.items()}
    store.root.rename(tmp_path / "moved")
    extraction = replace(store, root=tmp_path / "moved").extract(utterances)
    assert same(extraction.features, before)
    assert extraction.damaged == ()
    assert len(seen(store)) == len(utterances)


def test_features_removed_while_they_are_written_are_an_error(
    store: FeatureStore, utterances: list[Utterance]
) -> None:
    def remove(n_done: int, _: float) -> None:
        for path in files(store, ".safetensors"):
            path.unlink()

    with pytest.raises(FeatureError, match="features of c/u0 were written there, but are gone"):
        store.extract(utterances, progress=remove)
