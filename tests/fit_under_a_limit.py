"""A classifier learns from a store 20 times larger than the memory that it may take.

    python -m tests.fit_under_a_limit STORE_FOLDER parts|whole

The limit is the kernel's (RLIMIT_DATA): memory of the process's own, everything but what files back
and the kernel may take away at any time. It is set when all libraries are loaded and the same
training was done once on little data.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from voxaffect.features.cache.file_values import key_of
from voxaffect.features.cache.index import StoredFeatures, open_index
from voxaffect.features.cache.shards import Entry, new_shard
from voxaffect.model.data import Examples
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import LstmSettings
from voxaffect.systems.classifier import NetClassifier, NetSettings

LIMIT = 24 * 2**20
N_SHARDS, N_UTTERANCES, N_FRAMES, N_FEATURES = 24, 512, 320, 32
N_BYTES = N_SHARDS * N_UTTERANCES * N_FRAMES * N_FEATURES * 4
assert N_BYTES >= 20 * LIMIT

SETTINGS = TrainingSettings(batch_size=128, max_epochs=1, crop_frames=20)


def write_store(folder: Path) -> None:
    """Utterances whose first columns tell their class."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(N_FRAMES, N_FEATURES)).astype(np.float32)
    for shard in range(N_SHARDS):
        entries = []
        for n in range(N_UTTERANCES):
            values = np.roll(noise, n, axis=0)
            values[:, n % 4] += 2.0
            entries.append(Entry(key_of(shard, n), values, N_FRAMES / 100))
        with new_shard(folder) as append:
            append(entries)


def open_store(folder: Path) -> StoredFeatures:
    """All of it, memory-mapped."""
    index, faults = open_index(folder)
    assert not faults
    keys = {f"{s}/{n}": key_of(s, n) for s in range(N_SHARDS) for n in range(N_UTTERANCES)}
    return StoredFeatures(index, keys)


def examples(store: StoredFeatures, ids: Sequence[str]) -> Examples:
    target = np.array([int(i.rpartition("/")[2]) % 4 for i in ids], np.int64)
    return Examples([store[i] for i in ids], {"emotion": target})


def taken() -> int:
    """Memory of the process's own, in bytes."""
    (line,) = [x for x in Path("/proc/self/status").read_text().splitlines() if "VmData" in x]
    return int(line.split()[1]) * 1024


def main() -> None:
    folder, way = Path(sys.argv[1]), sys.argv[2]
    torch.set_num_threads(1)
    if not folder.exists():
        write_store(folder)
    store = open_store(folder)
    ids = list(store)
    train, dev = examples(store, ids[:-64]), examples(store, ids[-64:])
    resident_gib = LIMIT / 6 / 2**30 if way == "parts" else 4.0
    training = TrainingSettings(**{**vars(SETTINGS), "resident_gib": resident_gib})
    classifier = NetClassifier(NetSettings(LstmSettings(hidden=8, layers=1), training=training))
    classifier.fit(examples(store, ids[:200]), dev, seed=0)  # loads what is loaded late
    resource.setrlimit(resource.RLIMIT_DATA, (taken() + LIMIT, resource.RLIM_INFINITY))
    classifier.fit(train, dev, seed=0)
    answers = classifier.answer(dev.frames)
    sys.stdout.write(f"{np.mean(answers.classes == dev.targets['emotion']):.3f}\n")


if __name__ == "__main__":
    main()
