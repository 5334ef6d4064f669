"""How fast a copy of a corpus is checked, beside the least that touching its files costs.

    python benchmarks/check.py [--files N] [--seconds S] [--jobs J] [--folder DIR]

N recordings of S seconds at 16 kHz, no two alike, are written in the tree of EmoV-DB below DIR, by
default the folder for temporary files; at 3 s each takes 96 KB. They are in the cache of the
system then, so a disk's own speed is not measured. Times are wall-clock: of the loader, of headers
alone and of every sample, with J processes, and of one process that asks for every file's size or
reads its bytes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import soundfile as sf
from rich.console import Console
from rich.table import Table

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.corpora.check import examine
from voxaffect.corpora.corpus import Corpus
from voxaffect.corpora.loaders import emovdb
from voxaffect.parallel.processes import n_cores

T = TypeVar("T")

SPEAKERS = ("bea", "jenie", "josh", "sam")
EMOTIONS = ("amused", "anger", "disgust", "neutral", "sleepiness")


def write_tree(root: Path, n_files: int, seconds: float) -> None:
    """Noise, shifted a sample further in every file."""
    noise = np.random.default_rng(0).normal(0, 2_000, round(seconds * SAMPLE_RATE_HZ))
    samples = noise.astype(np.int16)
    for n in range(n_files):
        number, k = divmod(n, len(SPEAKERS) * len(EMOTIONS))
        speaker, emotion = SPEAKERS[k % len(SPEAKERS)], EMOTIONS[k // len(SPEAKERS)]
        path = root / f"{speaker}_{emotion}" / f"{emotion}_1-28_{number + 1:04d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples[:2] = divmod(n, 1 << 15)  # differs even where the shift has come round
        sf.write(path, np.roll(samples, n), SAMPLE_RATE_HZ)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def comparison(root: Path, n_jobs: int) -> Table:
    corpus, loader_s = timed(lambda: emovdb.parse(root))
    paths = [utterance.path for utterance in corpus.utterances]
    headers_s = examined_s(corpus, n_jobs=n_jobs, samples=False)
    samples_s = examined_s(corpus, n_jobs=n_jobs, samples=True)
    rows = {
        "loader": loader_s,
        f"headers, {n_jobs} processes": headers_s,
        f"samples, {n_jobs} processes": samples_s,
        "loader and headers": loader_s + headers_s,
        "loader and samples": loader_s + samples_s,
        "floor: size of every file": timed(lambda: [path.stat().st_size for path in paths])[1],
        "floor: bytes of every file": timed(lambda: [len(path.read_bytes()) for path in paths])[1],
    }
    table = Table("", "s", "files/s", "us a file", title=f"{len(paths):,} recordings")
    for name, seconds in rows.items():
        each_us = f"{seconds / len(paths) * 1e6:.0f}"
        table.add_row(name, f"{seconds:.2f}", f"{len(paths) / seconds:,.0f}", each_us)
    return table


def examined_s(corpus: Corpus, *, n_jobs: int, samples: bool) -> float:
    """Seconds to examine a corpus, in which nothing must be found."""
    examined, seconds = timed(lambda: examine(corpus.utterances, samples=samples, n_jobs=n_jobs))
    assert not any(each.problems for each in examined)
    contents = [each.content for each in examined if each.content]
    assert len(set(contents)) == len(contents)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--jobs", type=int, default=0, help="processes; 0 is one a core")
    parser.add_argument("--folder", type=Path, help="where to write the recordings")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        write_tree(Path(folder), arguments.files, arguments.seconds)
        Console().print(comparison(Path(folder), arguments.jobs or n_cores()))
        Console().print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
