"""How fast the 32 descriptors are, beside other extractors on the same samples in memory.

    python benchmarks/features.py [CORPORA] [--quick]

CORPORA is a folder that holds `emodb`, by default the environment's VOXAFFECT_CORPORA; without
either, simulated speech takes its place. Every extractor has one thread and is timed in processor
seconds, so a busy machine changes little. Both loads are EmoDB: its utterances one by one, and the
same speech repeated to an hour in one piece.
"""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from voxaffect.audio.decode import decode
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.features.cache.cache import CHUNK_UTTERANCES
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.lld.pitch import track_pitch
from voxaffect.features.packing import BLOCK_FRAMES, AudioChunk, PackedAudio, analyze_in_batches
from voxaffect.parallel.processes import keep_freed_memory
from voxaffect.simulation.trees import simulate

Samples = NDArray[np.float32]
Extractor = Callable[[Sequence[Samples]], object]

BATCH = CHUNK_UTTERANCES
"""Utterances that ours computes at once, as the store does."""

OURS = "voxaffect, 32 descriptors"
EMOBASE = "openSMILE emobase"
GEMAPS = "openSMILE GeMAPSv01b"
PYIN = "librosa pitch, pyin"


@dataclass(frozen=True)
class Load:
    """Speech to be worked on: what the table calls it, the samples, and how often to run."""

    name: str
    samples: Sequence[Samples]
    repeats: int

    @property
    def seconds(self) -> float:
        """Length of all samples."""
        return sum(x.size for x in self.samples) / SAMPLE_RATE_HZ

    def some(self, n_utterances: int) -> Load:
        """The first utterances, run twice, for what is slow."""
        return Load(self.name, self.samples[:n_utterances], 2)


def ours() -> Extractor:
    extractor = LowLevelDescriptors()

    def run(samples: Sequence[Samples]) -> None:
        for start in range(0, len(samples), BATCH):
            extractor.extract([Waveform(x) for x in samples[start : start + BATCH]])

    return run


def our_pitch() -> Extractor:
    grid = FrameGrid()

    def run(samples: Sequence[Samples]) -> None:
        for start in range(0, len(samples), BATCH):
            track_pitch(samples[start : start + BATCH], grid)

    return run


def opensmile(feature_set: str) -> Extractor:
    library: Any = importlib.import_module("opensmile")
    smile = library.Smile(
        feature_set=library.FeatureSet[feature_set],
        feature_level=library.FeatureLevel.LowLevelDescriptors,
    )
    return lambda samples: [smile.process_signal(x, SAMPLE_RATE_HZ) for x in samples]


def praat_pitch() -> Extractor:
    praat: Any = importlib.import_module("parselmouth")
    return lambda samples: [
        praat.Sound(x, SAMPLE_RATE_HZ).to_pitch_ac(time_step=0.01) for x in samples
    ]


def librosa_features() -> Extractor:
    librosa: Any = importlib.import_module("librosa")

    def one(x: Samples) -> tuple[object, ...]:
        frames = {"hop_length": 160, "frame_length": 400}
        spectral = {"n_fft": 512, "hop_length": 160, "win_length": 400, "n_mels": 26}
        return (
            librosa.feature.mfcc(y=x, sr=SAMPLE_RATE_HZ, n_mfcc=13, **spectral),
            librosa.feature.zero_crossing_rate(x, **frames),
            librosa.feature.rms(y=x, **frames),
        )

    return lambda samples: [one(x) for x in samples]


def librosa_pitch() -> Extractor:
    librosa: Any = importlib.import_module("librosa")
    settings = {"fmin": 75, "fmax": 600, "frame_length": 1024, "hop_length": 160}
    return lambda samples: [librosa.pyin(x, sr=SAMPLE_RATE_HZ, **settings) for x in samples]


def transform_alone() -> Extractor:
    frames = torch.randn(BLOCK_FRAMES, 512)
    n_block_samples = BLOCK_FRAMES * 160

    def run(samples: Sequence[Samples]) -> None:
        for _ in range(-(-sum(x.size for x in samples) // n_block_samples)):
            torch.fft.rfft(frames)

    return run


EXTRACTORS: dict[str, Callable[[], Extractor]] = {
    OURS: ours,
    EMOBASE: lambda: opensmile("emobase"),
    GEMAPS: lambda: opensmile("GeMAPSv01b"),
    "voxaffect, pitch alone": our_pitch,
    "Praat pitch, autocorrelation": praat_pitch,
    "librosa MFCC, crossings, RMS": librosa_features,
    PYIN: librosa_pitch,
    "Fourier transforms alone": transform_alone,
}


def processor_seconds(work: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Least time of each of several works, which take turns: the machine's speed drifts."""
    least = [float("inf")] * len(work)
    for _ in range(repeats):
        for number, run in enumerate(work):
            start = time.process_time()
            run()
            least[number] = min(least[number], time.process_time() - start)
    return least


def extractor(name: str) -> Extractor | None:
    """The extractor of that name, None where its package is not installed."""
    try:
        return EXTRACTORS[name]()
    except ModuleNotFoundError:
        return None


def real_time_factors(load: Load, names: Sequence[str]) -> dict[str, float | None]:
    """Seconds of speech a processor second, None where a package is not installed."""
    extractors = {name: extractor(name) for name in names}
    installed = {name: extract for name, extract in extractors.items() if extract is not None}
    for extract in installed.values():
        extract([load.samples[0][:32_000]])
    work = [partial(extract, load.samples) for extract in installed.values()]
    seconds = dict(zip(installed, processor_seconds(work, load.repeats), strict=True))
    return {name: load.seconds / seconds[name] if name in seconds else None for name in names}


def comparison(load: Load, factors: dict[str, float | None]) -> Table:
    table = Table(
        "", "x real time", "ours is faster by", title=f"{load.name}, {load.seconds:.0f} s"
    )
    fastest = factors[OURS]
    assert fastest is not None
    for name, factor in factors.items():
        if factor is None:
            table.add_row(name, "not installed", "")
        else:
            table.add_row(name, f"{factor:,.0f}", f"{fastest / factor:.2f}")
    return table


def stages(load: Load) -> Table:
    """Where our own time goes, in microseconds a frame and in Fourier transforms of 512 points."""
    lld = LowLevelDescriptors()
    analyzer = lld._analyzer
    lead, short_time, pitch = analyzer._pitch.lead, analyzer._short_time, analyzer._pitch
    recordings = load.samples[:BATCH]
    groups: list[list[AudioChunk]] = []

    def collect(group: list[AudioChunk]) -> list[AudioChunk]:
        groups.append(group)
        return group

    deque(analyze_in_batches(recordings, lld.grid, analyzer.reach, "cpu", collect), 0)
    tapes = [PackedAudio.pack(group, lld.grid, lead) for group in groups]
    observed = [frames for group in groups for frames in analyzer.analyze(group)]
    n_frames = sum(len(frames.short_time) for frames in observed)
    transforms = transform_alone()
    work: dict[str, Callable[[], object]] = {
        "one Fourier transform": lambda: transforms(recordings),
        "laying on tapes": lambda: [PackedAudio.pack(group, lld.grid, lead) for group in groups],
        "energy, MFCC, zero crossings": lambda: [short_time.analyze(tape) for tape in tapes],
        "autocorrelation, peaks": lambda: [pitch.analyze(tape) for tape in tapes],
        "path, smoothing, deltas": lambda: [
            lld._descriptors().advance(frames, ended=True) for frames in observed
        ],
        "all": lambda: lld.extract([Waveform(x) for x in recordings]),
    }
    table = Table("", "us a frame", "transforms", title="Where our time goes")
    seconds = dict(zip(work, processor_seconds([*work.values()], 10), strict=True))
    floor = seconds["one Fourier transform"]
    for name, taken in seconds.items():
        table.add_row(name, f"{taken / n_frames * 1e6:.2f}", f"{taken / floor:.1f}")
    return table


def loads(corpora: Path, *, quick: bool) -> tuple[Load, Load]:
    """EmoDB utterance by utterance, and one long piece made of it."""
    paths = sorted(p for p in (corpora / "emodb" / "wav").iterdir() if p.is_file())
    samples = [decode(path).normalized().samples for path in paths]
    piece = np.resize(np.concatenate(samples), SAMPLE_RATE_HZ * (120 if quick else 3600))
    utterances = samples[:: 8 if quick else 1]
    return Load("utterances", utterances, 5), Load("one long piece", [piece], 5 if quick else 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "corpora", type=Path, nargs="?", default=os.environ.get("VOXAFFECT_CORPORA")
    )
    parser.add_argument("--quick", action="store_true", help="an eighth of EmoDB, two minutes")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    threadpool_limits(1)  # a second thread of BLAS or OpenMP would spin and be counted
    keep_freed_memory()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.corpora is None:
            console.print("no VOXAFFECT_CORPORA: simulated speech takes the place of EmoDB")
            simulate(Path(folder), seed=0, corpora=("emodb",))
        utterances, piece = loads(arguments.corpora or Path(folder), quick=arguments.quick)
    with torch.inference_mode():
        fast = real_time_factors(utterances, [name for name in EXTRACTORS if name != PYIN])
        slow = real_time_factors(utterances.some(8), [PYIN])
        console.print(comparison(utterances, {**fast, **slow}))
        console.print(comparison(piece, real_time_factors(piece, [OURS, EMOBASE])))
        console.print(stages(utterances))


if __name__ == "__main__":
    main()
