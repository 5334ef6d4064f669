"""What extraction and training cost an hour of audio, and what that makes of larger corpora.

    python benchmarks/scaling.py [CORPUS] [--quick]

CORPUS is a folder of recordings; without one, speech is simulated. Everything is measured twice,
on half of the corpus and on all of it: a job costs a fixed part and a part an hour, so that the
line can be drawn further. Processor seconds, on one thread; seconds of a GPU where there is one.
"""

from __future__ import annotations

import argparse
import pickle
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from voxaffect.audio.decode import AUDIO_SUFFIXES
from voxaffect.corpora.corpus import Utterance
from voxaffect.corpora.loaders import CORPORA
from voxaffect.evaluation.experiment.dataset import Dataset
from voxaffect.evaluation.experiment.job import FoldData, Job
from voxaffect.evaluation.splits.folds import aggregated
from voxaffect.features.cache.cache import FeatureStore
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.parallel.processes import keep_freed_memory
from voxaffect.simulation.plans import PAPER
from voxaffect.simulation.trees import simulate
from voxaffect.systems.systems import SYSTEMS, NetSystem, Options, TrainingOptions
from voxaffect.taxonomy import EMOTION, Taxonomy

T = TypeVar("T")

EPOCHS = 2
SYSTEMS_MEASURED = ("svm", "dnn-mtl", "lstm-mtl")
GRID_JOBS = 6 * 8 * 3
"""Leave-one-corpus-out over six corpora, eight systems, three seeds."""
GRID_EPOCHS = 20
HOURS = (100, 10_000, 1_000_000)
"""Of speech, for which the model is drawn out."""


@dataclass(frozen=True)
class Line:
    """A cost that grows with hours of audio.

    Args:
        fixed: at no hours.
        an_hour: for each.
    """

    fixed: float
    an_hour: float

    @classmethod
    def through(cls, points: Sequence[tuple[float, float]]) -> Line:
        """The line through two points (hours, cost)."""
        (x0, y0), (x1, y1) = points
        slope = (y1 - y0) / (x1 - x0)
        return cls(y0 - slope * x0, slope)

    def at(self, hours: float) -> float:
        """The cost of so many hours."""
        return self.fixed + self.an_hour * hours


@dataclass(frozen=True)
class Measured:
    """What a corpus of a size came to.

    Args:
        hours: of audio.
        n_utterances: in it.
        extraction_s: processor seconds of its features.
        disk_bytes: of its features.
        jobs_s: processor seconds of one epoch, and of all else, by system.
        pickle_bytes: that a job sends.
        fold_bytes: that the main process holds for a fold.
    """

    hours: float
    n_utterances: int
    extraction_s: float
    disk_bytes: int
    jobs_s: dict[str, tuple[float, float]]
    pickle_bytes: int
    fold_bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", nargs="?", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # as where jobs run
    with tempfile.TemporaryDirectory() as name, threadpool_limits(1):
        scratch = Path(name)
        scale = 0.2 if options.quick else 1.0
        everything = recordings(options.corpus) if options.corpus else speech(scratch, scale)
        half = measure(everything[::2], scratch / "half")
        show(half, measure(everything, scratch / "whole"))


def speech(scratch: Path, scale: float) -> list[Utterance]:
    """Utterances of the paper's five corpora, simulated."""
    roots = simulate(scratch / "corpora", seed=1, scale=scale, corpora=PAPER, n_jobs=1)
    found = [u for name, root in roots.items() for u in CORPORA[name].parse(root).utterances]
    return [u for u in found if Taxonomy().emotion(u) is not None]


def recordings(folder: Path) -> list[Utterance]:
    """Recordings with made-up classes and speakers, which cost what true ones do."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES)
    return [
        Utterance(str(p), "given", p, EMOTION.classes[n % 4], f"given/{n % 7}", "female", "acted")
        for n, p in enumerate(paths)
    ]


def measure(utterances: Sequence[Utterance], folder: Path) -> Measured:
    store = FeatureStore(folder, LowLevelDescriptors())
    store.extract(utterances[:2])  # compiles
    extraction_s, extraction = processor_s(lambda: store.extract(utterances))
    features = extraction.features
    kept = {u.id: u for u in utterances if u.id in features}
    n_frames = int(features.select(kept).lengths.sum())
    taxonomy = Taxonomy()
    targets = {i: taxonomy.encode(u) for i, u in kept.items()}
    contents = {i: features.content(i) for i in kept}
    dataset = Dataset(kept, targets, features, contents, store.settings)
    fold = aggregated(kept.values(), dataset.labels(), 0)
    tracemalloc.start()
    data = FoldData.of(fold, dataset)
    fold_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Measured(
        hours=n_frames / store.extractor.grid.frames_per_s / 3600,
        n_utterances=len(kept),
        extraction_s=extraction_s,
        disk_bytes=sum(path.stat().st_size for path in store.folder.glob("*.safetensors")),
        jobs_s={name: job_s(data, name) for name in SYSTEMS_MEASURED},
        pickle_bytes=len(pickle.dumps(job(data, "lstm-mtl", 1))),
        fold_bytes=fold_bytes,
    )


def job(data: FoldData, name: str, epochs: int) -> Job:
    """A job of one of the systems, at the paper's sizes, on a GPU if there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    default = TrainingOptions()
    changed = {"max_epochs": epochs, "patience": epochs, "device": device}
    training = TrainingOptions(
        dnn=replace(default.dnn, **changed),  # type: ignore[arg-type]
        lstm=replace(default.lstm, **changed),  # type: ignore[arg-type]
    )
    return Job(data, SYSTEMS[name], Options(training=training), 0)


def job_s(data: FoldData, name: str) -> tuple[float, float]:
    """Processor seconds of one epoch and of the rest of a job; of a GPU, seconds."""
    one, _ = seconds(job(data, name, 1).compute)
    if not isinstance(SYSTEMS[name], NetSystem):
        return 0.0, one
    more, _ = seconds(job(data, name, 1 + EPOCHS).compute)
    epoch = (more - one) / EPOCHS
    return epoch, one - epoch


def seconds(work: Callable[[], object]) -> tuple[float, object]:
    return wall_s(work) if torch.cuda.is_available() else processor_s(work)


def wall_s(work: Callable[[], object]) -> tuple[float, object]:
    started = time.perf_counter()
    result = work()
    torch.cuda.synchronize()
    return time.perf_counter() - started, result


def processor_s(work: Callable[[], T]) -> tuple[float, T]:
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def show(half: Measured, whole: Measured) -> None:
    console = Console()
    lines = {
        name: (
            Line.through([(m.hours, m.jobs_s[name][0]) for m in (half, whole)]),
            Line.through([(m.hours, m.jobs_s[name][1]) for m in (half, whole)]),
        )
        for name in SYSTEMS_MEASURED
    }
    unit = "GPU s" if torch.cuda.is_available() else "core s"
    console.print(
        f"{whole.n_utterances} utterances, {whole.hours:.2f} h of audio\n"
        f"extraction: {whole.extraction_s / whole.hours:.2f} core s an audio hour "
        f"({half.extraction_s / half.hours:.2f} on half of it)\n"
        f"features: {whole.disk_bytes / whole.hours / 1e6:.1f} MB an audio hour, on disk, and in "
        "memory where a fold is held there\n"
        f"a job sends {whole.pickle_bytes / whole.n_utterances:.0f} bytes an utterance\n"
        f"a fold takes {whole.fold_bytes / whole.n_utterances:.0f} bytes an utterance of the main "
        "process"
    )
    costs = Table(*(f"{unit}, {n}" for n in SYSTEMS_MEASURED), title="measured")
    for what, which in (("an epoch", 0), ("all else", 1)):
        costs.add_row(
            *(
                f"{what}: {both[which].fixed:.2f} + {both[which].an_hour:.2f} an hour"
                for both in lines.values()
            )
        )
    console.print(costs)
    console.print(outlook(whole, lines, unit))


def outlook(whole: Measured, lines: dict[str, tuple[Line, Line]], unit: str) -> Table:
    """The model, drawn out."""
    a_hour = whole.n_utterances / whole.hours
    table = Table("hours of audio", *(f"{h:,}" for h in HOURS), title="by these lines")
    table.add_row(
        "extraction, core h",
        *(f"{whole.extraction_s / whole.hours * h / 3600:,.1f}" for h in HOURS),
    )
    table.add_row(
        "features on disk, GB", *(f"{whole.disk_bytes / whole.hours * h / 1e9:,.0f}" for h in HOURS)
    )
    for name, (epoch, rest) in lines.items():
        cost = [(rest.at(h) + GRID_EPOCHS * epoch.at(h)) / 3600 for h in HOURS]
        table.add_row(f"a fold of {name}, {unit[:-2]} h", *(f"{c:,.1f}" for c in cost))
    mean = [
        sum(r.at(h) + GRID_EPOCHS * e.at(h) for n, (e, r) in lines.items() if n != "svm") / 2
        for h in HOURS
    ]
    table.add_row(
        f"{GRID_JOBS} such nets, {unit[:-2]} h", *(f"{GRID_JOBS * m / 3600:,.0f}" for m in mean)
    )
    for label, size in (("a job sends, MB", whole.pickle_bytes), ("a fold, MB", whole.fold_bytes)):
        table.add_row(
            label, *(f"{size / whole.n_utterances * a_hour * h / 1e6:,.1f}" for h in HOURS)
        )
    return table


if __name__ == "__main__":
    main()
