"""Recognizers with random weights, and synthetic voices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.features.frames import FrameExtractor
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.standardize import Standardizer
from voxaffect.model.data import Examples
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.systems.classifier import ElmSettings, NetClassifier, NetSettings
from voxaffect.systems.row_classifier import LogisticSettings, RowClassifier
from voxaffect.systems.summaries import Summary
from voxaffect.taxonomy import EMOTION, TASKS
from voxaffect.utterance.calibration import TemperatureCalibration
from voxaffect.utterance.elm import ExtremeLearningMachine
from voxaffect.utterance.novelty import Novelty

Floats = NDArray[np.float32]

LSTM = LstmSettings(hidden=12)
DNN = DnnSettings(hidden=16, context=4)
BLSTM = LstmSettings(hidden=8, bidirectional=True)
TRUNKS: list[TrunkSettings] = [LSTM, DNN, BLSTM]


def voice(seconds: float, seed: int = 0, level: float = 0.1) -> Floats:
    """Harmonics of a varying F0 in noise, with varying level."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * ((130 + 20 * (seed % 5)) * t + 8 * np.sin(3 * t) + rng.random())
    tones = sum(np.sin(k * phase) / k for k in range(1, 12)) * (1.2 + np.sin(7 * t + seed))
    return np.asarray(level * (tones + 0.05 * rng.standard_normal(t.size)), np.float32)


def hiss(seconds: float, seed: int = 0, level: float = 1e-3) -> Floats:
    """White noise."""
    noise = np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE_HZ))
    return np.asarray(level * noise, np.float32)


def random_recognizer(
    trunk: TrunkSettings, extractor: FrameExtractor | None = None, *, subtasks: bool = False
) -> TrainedRecognizer:
    """A recognizer with random weights, always the same."""
    extractor = extractor or LowLevelDescriptors()
    weights = {"gender": 0.1, "emotion": 1.0}
    settings = NetSettings(trunk, weights, elm=ElmSettings(n_hidden=20, subtasks=subtasks))
    classifier, rng = NetClassifier(settings), np.random.default_rng(0)
    recognizer = TrainedRecognizer(classifier, extractor)
    frames = extractor.extract([Waveform(voice(1, seed)).normalized() for seed in range(3)])
    classifier.standardizer_ = Standardizer.fit(frames)
    recognizer.novelty_ = Novelty.fit(frames, seed=0)
    classifier.net_ = MultiTaskNet.initialized(
        classifier.shape(len(extractor.names)), seed=1
    ).eval()
    n_seen = sum(TASKS[task].n_classes for task in classifier.utterance_tasks)
    elm = ExtremeLearningMachine(20, ridge=0.1, random_state=0)
    elm.fit(rng.random((80, 4 * n_seen)), np.arange(80) % EMOTION.n_classes)
    classifier.elm_ = elm.learned()
    classifier.calibration_ = TemperatureCalibration(0.5)
    return recognizer


def random_machine(
    settings: LogisticSettings, summary: Summary, extractor: FrameExtractor | None = None
) -> TrainedRecognizer:
    """A logistic regression that was fitted to voices with arbitrary labels, always the same."""
    extractor = extractor or LowLevelDescriptors()
    frames = extractor.extract([Waveform(voice(0.5, seed)).normalized() for seed in range(12)])
    some = Examples(frames, {"emotion": np.arange(12) % EMOTION.n_classes})
    return TrainedRecognizer(RowClassifier(settings, summary), extractor).fit(some, some, seed=0)
