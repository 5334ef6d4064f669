"""Small recognizers trained on simulated speech, of every kind that can be exported."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from tests.export.sounds import speech
from voxaffect.audio.waveform import Waveform
from voxaffect.features.frames import FrameExtractor, FrameGrid
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.lld.pitch_settings import PitchSettings
from voxaffect.features.lld.short_time import TELEPHONE_BAND
from voxaffect.features.spectra import LogMel
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.systems.baselines import MajorityClassifier, MeanPoolClassifier
from voxaffect.systems.classifier import (
    ElmSettings,
    NetClassifier,
    NetSettings,
    UtteranceClassifier,
)
from voxaffect.systems.ensemble import EnsembleClassifier
from voxaffect.systems.row_classifier import (
    LogisticSettings,
    MeanLogisticSettings,
    RowClassifier,
    SvmSettings,
)
from voxaffect.systems.summaries import MEAN, MEAN_AND_DEVIATION
from voxaffect.taxonomy import EMOTION, GENDER

OTHER_GRID = FrameGrid(0.032, 0.008)
OTHER_PITCH = PitchSettings(floor_hz=60, n_candidates=5, path_ahead_s=0.1)
SMALL = LstmSettings(hidden=16)

USUAL = ElmSettings()
TRAINING = TrainingSettings(batch_size=8, max_epochs=3, patience=3)


def net(
    trunk: TrunkSettings = SMALL, private_layers: int = 0, elm: ElmSettings = USUAL
) -> NetSettings:
    return NetSettings(trunk, {"emotion": 1.0, "gender": 0.1}, TRAINING, elm, private_layers)


def member(name: str) -> UtteranceClassifier:
    return KINDS[name][0]()


KINDS: dict[str, tuple[Callable[[], UtteranceClassifier], FrameExtractor]] = {
    "lstm": (lambda: NetClassifier(net(elm=ElmSettings(subtasks=True))), LowLevelDescriptors()),
    "blstm": (
        lambda: NetClassifier(
            net(LstmSettings(hidden=16, bidirectional=True), 1, ElmSettings(threshold=0.3))
        ),
        LowLevelDescriptors(log_f0=True),
    ),
    "dnn": (
        lambda: NetClassifier(net(DnnSettings(hidden=16, context=3), 2, ElmSettings(n_hidden=20))),
        LowLevelDescriptors(OTHER_GRID, OTHER_PITCH),
    ),
    "log-mel": (lambda: NetClassifier(net()), LogMel(n_mels=20)),
    "lstm-mean": (
        lambda: MeanPoolClassifier(net()),
        LowLevelDescriptors(band_hz=TELEPHONE_BAND, floor_db=-16.0),
    ),
    "logistic": (lambda: RowClassifier(LogisticSettings()), LowLevelDescriptors()),
    "svm": (lambda: RowClassifier(SvmSettings()), LowLevelDescriptors()),
    "mean-logistic": (lambda: RowClassifier(MeanLogisticSettings(), MEAN), LogMel(n_mels=20)),
    "mean-and-deviation": (
        lambda: RowClassifier(MeanLogisticSettings(), MEAN_AND_DEVIATION),
        LowLevelDescriptors(band_hz=TELEPHONE_BAND),
    ),
    "ensemble": (
        lambda: EnsembleClassifier({n: member(n) for n in ("lstm", "svm")}),
        LowLevelDescriptors(),
    ),
    "ensemble with a timeline": (
        lambda: EnsembleClassifier({n: member(n) for n in ("mean-logistic", "lstm-mean")}),
        LowLevelDescriptors(),
    ),
    "majority": (MajorityClassifier, LogMel(n_mels=20)),
}
"""Classifier and extractor of each kind."""


@lru_cache
def trained(kind: str) -> TrainedRecognizer:
    classifier, extractor = KINDS[kind]
    card = {"note": "simulated speech"}
    return fitted(TrainedRecognizer(classifier(), extractor, card=card))


def fitted(recognizer: TrainedRecognizer) -> TrainedRecognizer:
    """Trained on a few utterances."""
    parts = range(16), range(16, 24)
    train, dev = (
        recognizer.examples(
            [Waveform(speech(seed, 3), f"speech {seed}") for seed in part],
            {
                "emotion": [EMOTION.classes[seed % 4] for seed in part],
                "gender": [GENDER.classes[seed // 4 % 2] for seed in part],
            },
        )
        for part in parts
    )
    return recognizer.fit(train, dev, seed=0)
