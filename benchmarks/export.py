"""How far an exported recognizer's answers lie from Python's, how fast it is, and how large.

    python benchmarks/export.py [CORPORA] [--model DIR] [--system FEATURES:SYSTEM ...] [--files N]

N recordings of each corpus below CORPORA are decoded, then answered one at a time by a recognizer
and by what `export` makes of it, each on one thread. CORPORA is VOXAFFECT_CORPORA unless given,
simulated speech where there is neither. Recognizers are a saved one, or systems that have seen some
of EmoDB, nets for one epoch: rounding does not depend on what they know. Features are `lld`,
`telephone` (descriptors of its band with a noise floor), `log-mel` or `whisper`. Speeds are seconds
of sound per second of processor time. Memory is what the process gains by long recordings.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from voxaffect.audio.decode import AUDIO_SUFFIXES, decode
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.config.settings import find_system
from voxaffect.corpora.loaders import emodb
from voxaffect.errors import AudioError
from voxaffect.export.runner import OnnxRecognizer
from voxaffect.export.write import export
from voxaffect.features.frames import FrameExtractor
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.lld.short_time import TELEPHONE_BAND
from voxaffect.features.spectra import LogMel
from voxaffect.features.whisper import WhisperFrames
from voxaffect.model.settings import TrainingSettings
from voxaffect.recognizer.prediction import Prediction
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.simulation.trees import simulate
from voxaffect.systems.systems import Options, TrainingOptions
from voxaffect.taxonomy import Taxonomy

LONG_S = (60, 600)
FEATURES: Mapping[str, Callable[[], FrameExtractor]] = {
    "lld": LowLevelDescriptors,
    "telephone": lambda: LowLevelDescriptors(band_hz=TELEPHONE_BAND, floor_db=-16.0),
    "log-mel": LogMel,
    "whisper": WhisperFrames,
}
SYSTEMS = (
    *("lld:lstm-mtl", "lld:blstm-mtl", "lld:dnn-mtl", "lld:lstm-mean", "lld:logistic", "lld:svm"),
    *("telephone:dnn-mtl", "telephone:mean-logistic+dnn-stl", "log-mel:lstm-stl"),
    *("whisper:mean-logistic", "whisper:dnn-mtl", "whisper:mean-logistic+dnn-mean"),
)
ONE_EPOCH = TrainingSettings(max_epochs=1, batches_per_epoch=50)
OPTIONS = Options(training=TrainingOptions(dnn=ONE_EPOCH, lstm=ONE_EPOCH))


@dataclass
class Differences:
    """The greatest differences of answers so far."""

    greatest: dict[str, float] = field(default_factory=dict)
    n_without_speech: int = 0
    n_labels: int = 0

    def add(self, given: Prediction, expected: Prediction) -> None:
        """Take one recording's answers into account."""
        self.n_labels += given.label != expected.label
        self.n_without_speech += not expected.probabilities
        if given.probabilities and expected.probabilities:
            self._take("probabilities", [*given.probabilities.values()], expected.probabilities)
            self._take("novelty", [given.novelty], {"": expected.novelty})
            for task, classes in expected.subtasks.items():
                self._take("subtasks", [*given.subtasks[task].values()], classes)
            if expected.posteriors is not None and given.posteriors is not None:
                shapes = given.posteriors.shape == expected.posteriors.shape
                same = given.posteriors if shapes else np.full_like(expected.posteriors, np.inf)
                self._take("timeline", same, expected.posteriors)

    def _take(self, name: str, given: Any, expected: Any) -> None:
        there = [*expected.values()] if isinstance(expected, dict) else expected
        difference = float(np.abs(np.asarray(given) - np.asarray(there)).max())
        self.greatest[name] = max(self.greatest.get(name, 0.0), difference)


def trained(emodb_root: Path, name: str) -> TrainedRecognizer:
    """A recognizer of some features and a system that knows little."""
    features, _, system = name.partition(":")
    recognizer = TrainedRecognizer(find_system(system).classifier(OPTIONS), FEATURES[features]())
    taxonomy = Taxonomy()
    known = [u for u in emodb.parse(emodb_root).utterances if taxonomy.emotion(u)]
    examples = [
        recognizer.examples(part, {"emotion": [taxonomy.emotion(u) for u in part]})
        for part in (known[::4], known[2::8])
    ]
    return recognizer.fit(*examples, seed=0)


def answered(recognizer: Any, waveforms: list[Waveform]) -> tuple[list[Prediction], float]:
    """Answers one at a time, and processor seconds."""
    recognizer.predict(waveforms[:1])  # what is compiled or allocated once
    started = time.process_time()
    answers = [answer(recognizer, waveform) for waveform in waveforms]
    return answers, time.process_time() - started


def answer(recognizer: Any, waveform: Waveform) -> Prediction:
    """The answer; of a silent recording the label is the error's kind."""
    try:
        (prediction,) = recognizer.predict([waveform])
    except AudioError as fault:
        return Prediction(waveform.name, type(fault).__name__)
    return prediction


def exported(recognizer: TrainedRecognizer, path: Path) -> OnnxRecognizer:
    """What `export` makes of it, on one thread."""
    import onnxruntime  # noqa: PLC0415 (optional)

    export(recognizer, path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path.read_bytes(), options)
    return OnnxRecognizer(session, OnnxRecognizer.load(path).about)


MEMORY = """
import sys
import numpy, onnxruntime
from pathlib import Path

def peak():  # in MB, of this program alone
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024

samples = numpy.load(sys.argv[2])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options)
before = peak()
session.run(None, {"samples": samples})
print(before, peak() - before)
"""


def memory_mb(model: Path, samples: np.ndarray) -> tuple[float, float]:
    """Memory of a fresh process with a file loaded, and what it gains by a recording; on Linux."""
    path = model.with_name("samples.npy")
    np.save(path, samples)
    command = [sys.executable, "-c", MEMORY, str(model), str(path)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    before, gained = map(float, ran.stdout.split())
    return before, gained


def chosen(root: Path, n_files: int) -> list[Waveform]:
    """So many recordings of each corpus, spread over all of it."""
    found = []
    for corpus in sorted(path for path in root.iterdir() if path.is_dir()):
        files = sorted(p for p in corpus.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES)
        found += files[:: max(1, len(files) // n_files)][:n_files]
    return [decode(path) for path in found]


def recognizers(asked: argparse.Namespace, emodb_root: Path) -> Iterator[tuple[str, Any]]:
    """Names and recognizers."""
    if asked.model is not None:
        yield asked.model.name, TrainedRecognizer.load(asked.model)
        return
    for name in asked.system:
        yield name, trained(emodb_root, name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    corpora = os.environ.get("VOXAFFECT_CORPORA")
    parser.add_argument("corpora", type=Path, nargs="?", default=corpora)
    parser.add_argument("--model", type=Path, help="folder of a saved recognizer")
    parser.add_argument("--system", nargs="+", default=SYSTEMS)
    parser.add_argument("--files", type=int, default=40, help="of each corpus")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(asked.corpora or folder)
        if asked.corpora is None:
            simulate(root, seed=0, corpora=("emodb",))
        waveforms = chosen(root, asked.files)
        for name, recognizer in recognizers(asked, root / "emodb"):
            compare(name, recognizer, waveforms, console)


def compare(
    name: str, recognizer: TrainedRecognizer, waveforms: list[Waveform], console: Console
) -> None:
    """Print what both ways say, how fast, and what long recordings take."""
    sound_s = sum(waveform.duration_s for waveform in waveforms)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.onnx"
        light = exported(recognizer, model)
        expected, python_s = answered(recognizer, waveforms)
        given, onnx_s = answered(light, waveforms)
        differences = Differences()
        for one, other in zip(given, expected, strict=True):
            differences.add(one, other)
        greatest = ", ".join(f"{kind} {of:.1e}" for kind, of in differences.greatest.items())
        console.print(f"{name}: {len(waveforms)} recordings, {sound_s:.0f} s", style="bold")
        console.print(f"  greatest differences: {greatest}")
        console.print(
            f"  other labels: {differences.n_labels}, "
            f"without speech: {differences.n_without_speech}"
        )
        console.print(
            f"  x real time: Python {sound_s / python_s:.0f}, ONNX {sound_s / onnx_s:.0f}"
        )
        console.print(f"  size: {model.stat().st_size / 1e6:.1f} MB")
        spoken = np.concatenate([waveform.samples for waveform in waveforms])
        for seconds in LONG_S:
            loaded, gained = memory_mb(model, np.resize(spoken, seconds * SAMPLE_RATE_HZ))
            console.print(f"  memory: {loaded:.0f} MB loaded, {gained:.0f} MB more for {seconds} s")


if __name__ == "__main__":
    main()
