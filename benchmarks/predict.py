"""How fast `predict` answers: a folder of clips, one long recording, and the first answer of all.

    python benchmarks/predict.py MODEL [--clips N] [--minutes M] [--starts S] [--folder DIR]

MODEL is a trained recognizer's folder. N clips of simulated speech and one recording of M minutes
are written below DIR, by default the folder for temporary files; both are answered by the command's
own code, in wall-clock time, and told as a multiple of real time. A cold `voxaffect predict` of one
clip takes turns with `python -c "import torch"`, S times each, and the least of each counts.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import soundfile as sf
from rich.console import Console
from rich.table import Table

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.cli.predict import predict
from voxaffect.simulation.plans import PLANS
from voxaffect.simulation.trees import plan_takes, record

N_TAKES = 60
PAUSE_S = 0.8


def write_recordings(root: Path, n_clips: int, minutes: float) -> tuple[float, float]:
    """Takes again and again, as clips and as one recording; seconds of each."""
    plan = PLANS["emodb"]
    takes = [take for take, _ in zip(plan_takes(plan, 0, 1.0), range(N_TAKES), strict=False)]
    spoken = [record(plan, (take,), 0).samples[:, 0] for take in takes]
    (root / "clips").mkdir()
    clips = [spoken[n % len(spoken)] for n in range(n_clips)]
    for n, samples in enumerate(clips):
        sf.write(root / "clips" / f"{n:05d}.flac", samples, SAMPLE_RATE_HZ)
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE_HZ), np.int16)
    once = np.concatenate([part for samples in spoken for part in (samples, pause)])
    n_times = max(1, round(minutes * 60 * SAMPLE_RATE_HZ / once.size))
    with sf.SoundFile(root / "long.flac", "w", SAMPLE_RATE_HZ, 1) as file:
        for _ in range(n_times):
            file.write(once)
    return sum(map(len, clips)) / SAMPLE_RATE_HZ, n_times * once.size / SAMPLE_RATE_HZ


def answered_s(model: Path, source: Path, *, timeline: bool = False) -> float:
    started = time.perf_counter()
    with redirect_stdout(io.StringIO()):
        assert predict([source], model, "json", timeline) == 0
    return time.perf_counter() - started


def process_s(*words: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return time.perf_counter() - started


def first_answer(model: Path, clip: Path, n_starts: int) -> tuple[float, float]:
    """Least seconds of a cold answer, and of loading PyTorch."""
    cold = ("-m", "voxaffect", "predict", str(clip), "--model", str(model), "--format", "json")
    pairs = [(process_s(*cold), process_s("-c", "import torch")) for _ in range(n_starts)]
    return min(answer for answer, _ in pairs), min(torch for _, torch in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path)
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    table = Table("what", "seconds", "as a ratio", title=f"predict, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        root = Path(folder)
        clips_s, long_s = write_recordings(root, given.clips, given.minutes)
        clip = root / "clips" / "00000.flac"
        answered_s(given.model, clip)  # loops are compiled
        spent_s = answered_s(given.model, root / "clips")
        table.add_row(
            f"{given.clips} clips", f"{spent_s:.1f}", f"{clips_s / spent_s:,.0f} x real time"
        )
        spent_s = answered_s(given.model, root / "long.flac", timeline=True)
        table.add_row(
            f"{long_s / 60:.0f} minutes, --timeline",
            f"{spent_s:.1f}",
            f"{long_s / spent_s:,.0f} x real time",
        )
        answer_s, torch_s = first_answer(given.model, clip, given.starts)
        table.add_row("first answer", f"{answer_s:.2f}", f"{answer_s / torch_s:.2f} x import torch")
    Console().print(table)


if __name__ == "__main__":
    main()
