"""How far an exported recognizer's answers lie from Python's, and how fast it is.

    python benchmarks/export.py [CORPORA] [--model DIR] [--files N]

N recordings spread over all below CORPORA are decoded, then answered one at a time by a saved
recognizer and by what `export` makes of it, each on one thread. CORPORA is VOXAFFECT_CORPORA unless
given, simulated speech where there is neither; the recognizer is a full-sized LSTM that has seen
some of EmoDB for one epoch unless one is named. Speeds are seconds of sound per second of processor
time. Memory is what the process gains by long recordings.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from voxaffect.audio.decode import AUDIO_SUFFIXES, decode
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.corpora.loaders import emodb
from voxaffect.export.runner import OnnxRecognizer
from voxaffect.export.write import export
from voxaffect.model.settings import TrainingSettings
from voxaffect.recognizer.prediction import Prediction
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.simulation.trees import simulate
from voxaffect.systems.classifier import NetClassifier, NetSettings
from voxaffect.taxonomy import Taxonomy

LONG_S = (60, 600)


@dataclass
class Differences:
    """The greatest differences of answers so far."""

    greatest: dict[str, float] = field(default_factory=dict)
    n_labels: int = 0

    def add(self, given: Prediction, expected: Prediction) -> None:
        """Take one recording's answers into account."""
        self._take("probabilities", values(given.probabilities), values(expected.probabilities))
        self._take("timeline", given.timeline, expected.timeline)
        for task, classes in expected.subtasks.items():
            self._take(task, values(given.subtasks[task]), values(classes))
        self.n_labels += given.label != expected.label

    def _take(self, name: str, given: np.ndarray, expected: np.ndarray) -> None:
        difference = float(np.abs(given - expected).max())
        self.greatest[name] = max(self.greatest.get(name, 0.0), difference)


def trained(emodb_root: Path) -> TrainedRecognizer:
    """A full-sized recognizer that knows little: rounding does not depend on that."""
    recognizer = TrainedRecognizer(
        NetClassifier(NetSettings(training=TrainingSettings(max_epochs=1)))
    )
    known = [u for u in emodb.parse(emodb_root).utterances if Taxonomy().emotion(u)]
    parts = known[::8], known[4::8]
    examples = [
        recognizer.examples(part, {"emotion": [Taxonomy().emotion(u) for u in part]})
        for part in parts
    ]
    return recognizer.fit(*examples, seed=0)


def values(by_name: dict[str, float]) -> np.ndarray:
    return np.array(list(by_name.values()))


def answered(recognizer: Any, waveforms: list[Waveform]) -> tuple[list[Prediction], float]:
    """Answers one at a time, and processor seconds."""
    recognizer.predict(waveforms[:1])  # what is compiled or allocated once
    started = time.process_time()
    answers = [recognizer.predict([waveform])[0] for waveform in waveforms]
    return answers, time.process_time() - started


def exported(recognizer: TrainedRecognizer) -> OnnxRecognizer:
    """What `export` makes of it, on one thread."""
    import onnxruntime  # noqa: PLC0415 (optional)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export(recognizer, path)
        light = OnnxRecognizer.load(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        content = path.read_bytes()
    return OnnxRecognizer(onnxruntime.InferenceSession(content, options), light.about)


def gained_mb(work: Callable[[], object]) -> float:
    """By how much the process's greatest memory grows meanwhile."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    corpora = os.environ.get("VOXAFFECT_CORPORA")
    parser.add_argument("corpora", type=Path, nargs="?", default=corpora)
    parser.add_argument("--model", type=Path, help="folder of a saved recognizer")
    parser.add_argument("--files", type=int, default=200)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = asked.corpora or Path(folder)
        if asked.corpora is None:
            simulate(root, seed=0, corpora=("emodb",))
        recognizer = (
            trained(root / "emodb") if asked.model is None else TrainedRecognizer.load(asked.model)
        )
        found = sorted(p for p in root.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES)
        waveforms = [decode(path) for path in found[:: max(1, len(found) // asked.files)]]
    compare(recognizer, waveforms)


def compare(recognizer: TrainedRecognizer, waveforms: list[Waveform]) -> None:
    """Print what both ways say, how fast, and what long recordings take."""
    sound_s = sum(waveform.duration_s for waveform in waveforms)
    light = exported(recognizer)
    expected, python_s = answered(recognizer, waveforms)
    given, onnx_s = answered(light, waveforms)
    differences = Differences()
    for one, other in zip(given, expected, strict=True):
        differences.add(one, other)
    table = Table("", "greatest difference", title=f"{len(waveforms)} files, {sound_s:.0f} s")
    for name, value in differences.greatest.items():
        table.add_row(name, f"{value:.1e}")
    table.add_row("other labels", str(differences.n_labels))
    console = Console()
    console.print(table)
    console.print(f"Python {sound_s / python_s:.0f}, ONNX {sound_s / onnx_s:.0f} x real time")
    rng = np.random.default_rng(0)
    for seconds in LONG_S:
        samples = rng.normal(0, 0.1, seconds * SAMPLE_RATE_HZ).astype(np.float32)
        given_mb = gained_mb(lambda: light.session.run(None, {"samples": samples}))  # noqa: B023
        console.print(f"{seconds} s in one piece: {given_mb:.0f} MB more")


if __name__ == "__main__":
    main()
