"""What the feature store does at scale: two workers, a million utterances, an hour, a killed run.

    python benchmarks/store.py [CORPUS] [--quick]

CORPUS is a folder of recordings in any format; without one, simulated speech is written at 48 kHz
as FLAC and at 16 kHz as WAV. Workers are compared on a warm pool, in turns, best of three, one
thread each; what starting the pool costs is told beside it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import soundfile as sf
import soxr
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from voxaffect.audio.decode import AUDIO_SUFFIXES, decode
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.features.cache.cache import FeatureStore
from voxaffect.features.cache.file_values import KEY_BYTES
from voxaffect.features.cache.index import open_index
from voxaffect.features.cache.shards import Entry, write_shard
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.simulation.trees import simulate

T = TypeVar("T")

SPAWN = multiprocessing.get_context("spawn")
SHARD_UTTERANCES = 256


@dataclass(frozen=True)
class Size:
    """How much work the benchmark is given."""

    minutes: float
    long_minutes: float
    utterances: int
    repeats: int


FULL, QUICK = Size(40, 60, 1_000_000, 3), Size(5, 10, 100_000, 1)


# Recordings


def speech() -> list[NDArray[np.float32]]:
    """Simulated utterances at 16 kHz."""
    with tempfile.TemporaryDirectory() as folder:
        simulate(Path(folder), seed=0, corpora=("emodb",), scale=0.2)
        return [decode(path).samples for path in recordings(Path(folder))]


def write_corpus(folder: Path, minutes: float) -> None:
    """Utterances, each at another shift until there are enough, in two formats by turns."""
    samples, seconds, number = speech(), 0.0, 0
    while seconds < 60 * minutes:
        shifted = np.roll(samples[number % len(samples)], 997 * number)
        if number % 2:
            sf.write(folder / f"{number:05}.wav", shifted, SAMPLE_RATE_HZ)
        else:
            raised = soxr.resample(shifted, SAMPLE_RATE_HZ, 3 * SAMPLE_RATE_HZ)
            sf.write(folder / f"{number:05}.flac", raised, 3 * SAMPLE_RATE_HZ)
        seconds += shifted.size / SAMPLE_RATE_HZ
        number += 1


def recordings(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES)


def utterances(folder: Path) -> list[Utterance]:
    return [Utterance(f"c/{path}", "c", path, "?", "c/?") for path in recordings(folder)]


# Two workers against one


def extraction_seconds(work: Sequence[Utterance], n_jobs: int) -> tuple[float, float]:
    """Seconds that a fresh store takes, and the seconds of audio it has then."""
    told: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(Path(folder), LowLevelDescriptors())
        began = time.perf_counter()
        store.extract(work, n_jobs=n_jobs, progress=lambda _, seconds: told.append(seconds))
        return time.perf_counter() - began, told[-1]


def workers(work: Sequence[Utterance], repeats: int) -> Table:
    few = work[:64]
    cold, _ = extraction_seconds(few, 2)
    warm, _ = extraction_seconds(few, 2)
    extraction_seconds(few, 1)
    runs = [[extraction_seconds(work, n_jobs) for n_jobs in (1, 2)] for _ in range(repeats)]
    (one, audio_s), (two, _) = (min(column) for column in zip(*runs, strict=True))
    title = f"{len(work)} recordings, {audio_s / 60:.0f} min of audio"
    table = Table("", "seconds", "x real time", title=title)
    for name, seconds in (("one worker", one), ("two workers", two)):
        table.add_row(name, f"{seconds:.2f}", f"{audio_s / seconds:,.0f}")
    table.add_row("gained by the second", f"{one / two:.2f} x", "")
    table.add_row("starting the pool, once", f"{cold - warm:.2f}", "")
    return table


# A million utterances


def write_store(folder: Path, n_utterances: int) -> bytes:
    """A store whose utterances have one frame of one value each; returns its keys, joined."""
    rng = np.random.default_rng(0)
    frame = np.zeros((1, 1), np.float32)
    keys = []
    for first in range(0, n_utterances, SHARD_UTTERANCES):
        joined = rng.bytes(KEY_BYTES * min(SHARD_UTTERANCES, n_utterances - first))
        write_shard(folder, [Entry(key, frame, 0.01) for key in split_keys(joined)])
        keys.append(joined)
    return b"".join(keys)


def split_keys(joined: bytes) -> list[bytes]:
    return [joined[at : at + KEY_BYTES] for at in range(0, len(joined), KEY_BYTES)]


@dataclass(frozen=True)
class Opening:
    """Seconds of opening and finding in a process of its own, and the most memory they took."""

    first_s: float
    again_s: float
    find_s: float
    n_found: int
    peak_mb: float


def measure_opening(folder: Path, joined_keys: bytes) -> Opening:
    wanted = split_keys(joined_keys)
    _, first_s = timed(lambda: open_index(folder))
    (index, _), again_s = timed(lambda: open_index(folder))
    found, find_s = timed(partial(index.find, wanted))
    tracemalloc.start()
    open_index(folder)[0].find(wanted)
    peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
    return Opening(first_s, again_s, find_s, int((found >= 0).sum()), peak_mb)


def opening(n_utterances: int) -> Table:
    with tempfile.TemporaryDirectory() as name, apart() as pool:
        joined_keys = write_store(Path(name), n_utterances)
        told = pool.submit(measure_opening, Path(name), joined_keys).result()
    table = Table("", "", title=f"A store of {n_utterances:,} utterances")
    table.add_row("opening it, every shard read and checked", f"{told.first_s:.2f} s")
    table.add_row("opening it again", f"{told.again_s:.2f} s")
    table.add_row(f"finding {told.n_found:,} keys", f"{told.find_s:.2f} s")
    table.add_row("most memory of opening and finding", f"{told.peak_mb:.0f} MB")
    return table


# An hour in one piece


def measure_memory(path: Path) -> tuple[float, float]:
    """Seconds to store the frames of a recording, and MB above those of the imports."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(Path(folder), LowLevelDescriptors())
        store.extractor.extract([Waveform(np.random.default_rng(0).random(16_000, np.float32))])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        _, seconds = timed(lambda: store.extract([Utterance("c/u", "c", path, "?", "c/?")]))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return seconds, (after - before) / 1024


def memory(minutes: float) -> Table:
    samples = np.concatenate(speech())
    with tempfile.TemporaryDirectory() as name, apart() as pool:
        path = Path(name, "long.flac")
        with sf.SoundFile(path, "w", 48_000, 1) as file:
            raised = soxr.resample(samples, SAMPLE_RATE_HZ, 48_000)
            while file.frames < 60 * minutes * 48_000:
                file.write(raised)
        seconds, megabytes = pool.submit(measure_memory, path).result()
    table = Table("", "", title=f"{minutes:.0f} min in one piece, 48 kHz FLAC")
    table.add_row("speed, decoded twice", f"{60 * minutes / seconds:,.0f} x real time")
    table.add_row("most memory above the imports", f"{megabytes:.0f} MB")
    return table


# A killed run


@dataclass(frozen=True)
class Logged(LowLevelDescriptors):
    """The descriptors, which write down what they are asked for."""

    log: Path = Path(os.devnull)

    def extract(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        """As those of the descriptors."""
        with self.log.open("a") as file:
            file.writelines(f"{waveform.name}\n" for waveform in waveforms)
        return super().extract(waveforms)


def extract_logged(root: Path, work: Sequence[Utterance], log: Path) -> None:
    torch.set_num_threads(1)
    FeatureStore(root, Logged(log=log)).extract(work)


def killed_and_continued(work: Sequence[Utterance], share: float) -> tuple[int, int]:
    """Utterances that a run was asked for until it was killed, and those of them asked for again.

    Args:
        work: what both runs are to extract.
        share: of the utterances, after which the first is killed.
    """
    with tempfile.TemporaryDirectory() as name:
        root, logs = Path(name), [Path(name, f"{n}.log") for n in (1, 2)]
        killed = SPAWN.Process(target=extract_logged, args=(root, work, logs[0]))
        killed.start()
        while not logs[0].exists() or len(logs[0].read_text().split()) < share * len(work):
            time.sleep(0.001)
        killed.kill()
        killed.join()
        extract_logged(root, work, logs[1])
        before, after = (set(log.read_text().splitlines()) for log in logs)
    return len(before), len(before & after)


def kills(work: Sequence[Utterance]) -> Table:
    table = Table("killed after", "computed again", title=f"kill -9 among {len(work)} utterances")
    for share in (0.1, 0.35, 0.6, 0.85):
        n_before, n_again = killed_and_continued(work, share)
        table.add_row(str(n_before), str(n_again))
    return table


def timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def apart() -> ProcessPoolExecutor:
    """A process that has nothing in memory yet."""
    return ProcessPoolExecutor(1, mp_context=SPAWN)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--quick", action="store_true", help="an eighth of the work, each once")
    arguments = parser.parse_args()
    size = QUICK if arguments.quick else FULL
    torch.set_num_threads(1)
    threadpool_limits(1)  # a second thread of BLAS or OpenMP would spin and be counted
    console = Console()
    console.print(opening(size.utterances))
    console.print(memory(size.long_minutes))
    with tempfile.TemporaryDirectory() as name:
        if arguments.corpus is None:
            console.print("no folder of recordings: simulated speech takes its place")
            write_corpus(Path(name), size.minutes)
        work = utterances(arguments.corpus or Path(name))
        console.print(kills(work[: len(work) // 2]))
        console.print(workers(work, size.repeats))


if __name__ == "__main__":
    main()
