"""How fast the frames of Whisper are, beside the matrix rate of one core and the 32 descriptors.

    python benchmarks/whisper.py [CORPORA] [--model MODEL] [--quick]

CORPORA is a folder that holds `emodb`, by default the environment's VOXAFFECT_CORPORA; without
either, simulated speech takes its place. Everything has one thread and is timed in processor
seconds, in turns, the least of each; the matrix rate is that of float32 products of the encoder's
own shapes. Clips of 3 s are computed as the feature store does, an hour in one piece, and a cold
first answer takes turns with `python -c "import torch"`. With a trained recognizer, the share of
answers that change with the precision.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from voxaffect.audio.decode import decode
from voxaffect.audio.speech import speech_of
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import AudioError
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.whisper import WhisperFrames
from voxaffect.features.whisper.extractor import BATCH_FRAMES
from voxaffect.features.whisper.precision import Precision
from voxaffect.features.whisper.shapes import SHAPES
from voxaffect.parallel.processes import keep_freed_memory
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.simulation.trees import simulate

CLIP_S, N_CLIPS = 3.0, 20
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
Work = Callable[[], object]


def processor_seconds(work: Sequence[Work], repeats: int) -> list[float]:
    """Least time of each of several works, which take turns: the machine's speed drifts."""
    least = [float("inf")] * len(work)
    for run in work:
        run()
    for _ in range(repeats):
        for number, run in enumerate(work):
            start = time.process_time()
            run()
            least[number] = min(least[number], time.process_time() - start)
    return least


def products(frames: WhisperFrames) -> list[tuple[int, int, int]]:
    """Rows per state, inner and outer size of the encoder's matrix products."""
    shape = SHAPES[frames.size]
    d = shape.width
    layer = [(1, d, 3 * d), (1, d, d), (1, d, 4 * d), (1, 4 * d, d)]
    return [(2, 3 * shape.n_mels, d), (1, 3 * d, d), *layer * frames.layer]


def operations(frames: WhisperFrames, n_states: int) -> float:
    """Floating-point operations of an utterance: products, and attention in every layer."""
    of_products = sum(2.0 * rows * k * m for rows, k, m in products(frames)) * n_states
    return of_products + 4.0 * n_states**2 * SHAPES[frames.size].width * frames.layer


def product_work(frames: WhisperFrames) -> tuple[Work, float]:
    """The products alone, of a batch, and their number of operations."""
    shapes = [(rows * BATCH_FRAMES, k, m) for rows, k, m in products(frames)]
    factors = [(torch.randn(n, k), torch.randn(m, k)) for n, k, m in shapes]

    def run() -> None:
        for x, weight in factors:
            torch.nn.functional.linear(x, weight)

    return run, sum(2.0 * n * k * m for n, k, m in shapes)


def speeds(clips: Sequence[Waveform], repeats: int) -> Table:
    """Clips of 3 s: x real time of each precision and of the descriptors, beside the products."""
    each = {precision: WhisperFrames(precision=precision) for precision in PRECISIONS}
    product, n_product = product_work(each["float32"])
    work: list[Work] = [partial(frames.extract, clips) for frames in each.values()]
    work += [partial(LowLevelDescriptors().extract, clips), product]
    with torch.inference_mode():
        *seconds, descriptors_s, product_s = processor_seconds(work, repeats)
    rate = n_product / product_s
    total_s = sum(clip.duration_s for clip in clips)
    n_operations = sum(operations(each["float32"], c.samples.size // 320) for c in clips)
    table = Table("", "x real time", "GFLOP/s", "of the matrix rate", "x float32")
    for precision, taken in zip(each, seconds, strict=True):
        done = n_operations / taken
        of_rate = f"{done / rate:.2f}"
        speed, relative = f"{total_s / taken:,.0f}", f"{seconds[0] / taken:.1f}"
        table.add_row(f"layer 3, {precision}", speed, f"{done / 1e9:.0f}", of_rate, relative)
    table.add_row("products alone, float32", "", f"{rate / 1e9:.0f}", "1", "")
    table.add_row("32 descriptors", f"{total_s / descriptors_s:,.0f}", "", "", "")
    table.title = f"{len(clips)} clips of {CLIP_S:g} s, one core"
    return table


def closeness(clips: Sequence[Waveform]) -> Table:
    """Errors of frames and of their means, in deviations over frames and over clips."""
    exact = WhisperFrames().extract(clips)
    means = np.array([frames.mean(axis=0) for frames in exact])
    table = Table("", "frames", "means of clips", title="Root mean square errors, in deviations")
    for precision in PRECISIONS[1:]:
        found = WhisperFrames(precision=precision).extract(clips)
        error = np.concatenate(found) - np.concatenate(exact)
        mean_error = np.array([frames.mean(axis=0) for frames in found]) - means
        relative = error / np.concatenate(exact).std(axis=0), mean_error / means.std(axis=0)
        table.add_row(precision, *(f"{np.sqrt(np.mean(one**2)):.3f}" for one in relative))
    return table


def changed_answers(
    recognizer: TrainedRecognizer, recordings: Sequence[Waveform], precision: Precision
) -> float:
    """Share of recordings whose label is another with this precision of the frames."""
    assert isinstance(recognizer.extractor, WhisperFrames)
    frames = replace(recognizer.extractor, precision=precision)
    before = recognizer.predict(recordings)
    after = replace_extractor(recognizer, frames).predict(recordings)
    pairs = zip(before, after, strict=True)
    return float(np.mean([one.label != other.label for one, other in pairs]))


def replace_extractor(recognizer: TrainedRecognizer, frames: WhisperFrames) -> TrainedRecognizer:
    """The trained recognizer, on frames of another precision."""
    other = TrainedRecognizer(recognizer.classifier, frames, recognizer.card, recognizer.limits)
    other.novelty_ = recognizer.novelty_
    return other


def an_hour(samples: NDArray[np.float32], minutes: float) -> str:
    """Speed and memory of one long recording."""
    piece = Waveform(np.resize(samples, round(minutes * 60 * SAMPLE_RATE_HZ)))
    frames = WhisperFrames()
    before, start = peak_mb(), time.process_time()
    (found,) = frames.extract([piece])
    taken = time.process_time() - start
    beyond = peak_mb() - before - found.nbytes / 2**20
    speed = piece.duration_s / taken
    return (
        f"{minutes:g} minutes in one piece: {speed:,.0f} x real time; {found.nbytes / 2**20:.0f} "
        f"MB of frames, and {beyond:.0f} MB beyond them at the peak"
    )


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


FIRST = """
import numpy as np
from voxaffect.audio.waveform import Waveform
from voxaffect.features.whisper import WhisperFrames
WhisperFrames().extract([Waveform(np.random.default_rng(0).normal(0, 0.05, 48_000).astype("f"))])
"""


def started_s(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def cold_start(n_starts: int) -> str:
    """A process from its start to its first frames, beside one that imports PyTorch alone."""
    turns = [[started_s(code) for code in ("import torch", FIRST)] for _ in range(n_starts)]
    torch_s, first_s = np.min(turns, axis=0)
    return (
        f"cold: first frames after {first_s:.2f} s, {first_s / torch_s:.2f} x `import torch` "
        f"({torch_s:.2f} s)"
    )


def speech(corpora: Path) -> NDArray[np.float32]:
    """Speech of EmoDB, joined."""
    parts = []
    for path in sorted(p for p in (corpora / "emodb" / "wav").iterdir() if p.is_file())[::4]:
        try:
            parts.append(speech_of(decode(path)).waveform.samples)
        except AudioError:
            continue
    return np.concatenate(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "corpora", type=Path, nargs="?", default=os.environ.get("VOXAFFECT_CORPORA")
    )
    parser.add_argument("--model", type=Path, help="a trained recognizer on frames of Whisper")
    parser.add_argument("--quick", action="store_true", help="two minutes for the hour")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    threadpool_limits(1)  # a second thread of BLAS or OpenMP would spin and be counted
    keep_freed_memory()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.corpora is None:
            console.print("no VOXAFFECT_CORPORA: simulated speech takes the place of EmoDB")
            simulate(Path(folder), seed=0, corpora=("emodb",))
        samples = speech(Path(arguments.corpora or folder))
    n = round(CLIP_S * SAMPLE_RATE_HZ)
    clips = [Waveform(np.resize(samples, N_CLIPS * n)[k * n :][:n]) for k in range(N_CLIPS)]
    console.print(an_hour(samples, 2 if arguments.quick else 60))
    console.print(speeds(clips, 3 if arguments.quick else 15))
    console.print(closeness(clips))
    if arguments.model is not None:
        recognizer = TrainedRecognizer.load(arguments.model)
        many = [Waveform(part) for part in samples[: samples.size // n * n].reshape(-1, n)]
        for precision in PRECISIONS[1:]:
            share = changed_answers(recognizer, many, precision)
            console.print(f"{precision}: {share:.1%} of {len(many)} answers change")
    console.print(cold_start(1 if arguments.quick else 5))


if __name__ == "__main__":
    main()
