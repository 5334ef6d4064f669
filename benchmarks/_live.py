"""Recognizers and speech for the benchmarks of live recognition."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.decode import decode
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.filename_parsing import find_recordings
from voxaffect.corpora.loaders import CORPORA
from voxaffect.features.standardize import Standardizer
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.simulation.trees import simulate
from voxaffect.systems.classifier import NetClassifier, NetSettings
from voxaffect.taxonomy import EMOTION, Taxonomy
from voxaffect.utterance.calibration import TemperatureCalibration
from voxaffect.utterance.elm import ExtremeLearningMachine
from voxaffect.utterance.novelty import Novelty

Floats = NDArray[np.float32]

TRUNKS: dict[str, TrunkSettings] = {
    "lstm": LstmSettings(),
    "dnn": DnnSettings(),
    "blstm": LstmSettings(bidirectional=True),
}
WEIGHTS = {"emotion": 1.0, "gender": 0.1, "naturalness": 0.1}


def simulated(scale: float) -> list[tuple[Waveform, str | None]]:
    """Simulated EmoDB: recordings with their emotions."""
    with tempfile.TemporaryDirectory() as folder:
        simulate(Path(folder), seed=1, scale=scale, corpora=("emodb",))
        utterances = CORPORA["emodb"].parse(Path(folder) / "emodb").utterances
        return [(decode(u.path), Taxonomy().emotion(u)) for u in utterances]


def recorded(folder: Path, n_recordings: int) -> list[Waveform]:
    """Some of the recordings below a folder, spread over all of it."""
    paths, _ = find_recordings(folder)
    step = max(1, len(paths) // n_recordings)
    return [decode(path) for path in paths[step // 2 :: step][:n_recordings]]


def drawn(kind: str, speech: Sequence[Waveform]) -> TrainedRecognizer:
    """A recognizer of the paper's size with random weights, enough to measure speed."""
    classifier = NetClassifier(NetSettings(TRUNKS[kind], WEIGHTS))
    recognizer = TrainedRecognizer(classifier)
    rng = np.random.default_rng(0)
    frames = recognizer.extractor.extract([waveform.normalized() for waveform in speech])
    classifier.standardizer_ = Standardizer.fit(frames)
    classifier.net_ = MultiTaskNet.initialized(classifier.shape(frames[0].shape[1]), seed=0).eval()
    labels = np.arange(200) % EMOTION.n_classes
    high_level = rng.random((len(labels), 4 * EMOTION.n_classes))
    classifier.elm_ = ExtremeLearningMachine(random_state=0).fit(high_level, labels).learned()
    classifier.calibration_ = TemperatureCalibration()
    recognizer.novelty_ = Novelty.fit(frames, seed=0)
    return recognizer


def trained(kind: str, speech: Sequence[tuple[Waveform, str | None]]) -> TrainedRecognizer:
    """A recognizer of the paper's size, trained for a few epochs on labeled speech."""
    training = TrainingSettings(batch_size=32 if kind != "dnn" else 256, max_epochs=4)
    training = TrainingSettings(**{**vars(training), "batches_per_epoch": 20, "crop_frames": 60})
    recognizer = TrainedRecognizer(
        NetClassifier(NetSettings(TRUNKS[kind], {"emotion": 1.0}, training))
    )
    labeled = [(waveform, label) for waveform, label in speech if label is not None]
    parts = [labeled[i::4] for i in range(4)]
    train, dev = (
        recognizer.examples([w for w, _ in some], {"emotion": [label for _, label in some]})
        for some in ([*chain.from_iterable(parts[1:])], parts[0])
    )
    return recognizer.fit(train, dev, seed=0)
