"""Small recognizers trained on simulated speech, of every kind that can be exported."""

from __future__ import annotations

from functools import lru_cache

from tests.export.sounds import speech
from voxaffect.audio.waveform import Waveform
from voxaffect.features.frames import FrameExtractor, FrameGrid
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.lld.pitch_settings import PitchSettings
from voxaffect.features.spectra import LogMel
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.systems.classifier import ElmSettings, NetSettings
from voxaffect.taxonomy import EMOTION, GENDER

OTHER_GRID = FrameGrid(0.032, 0.008)
OTHER_PITCH = PitchSettings(floor_hz=60, n_candidates=5, path_ahead_s=0.1)
SMALL = LstmSettings(hidden=16)

KINDS: dict[str, tuple[TrunkSettings, int, ElmSettings, FrameExtractor]] = {
    "lstm": (SMALL, 0, ElmSettings(subtasks=True), LowLevelDescriptors()),
    "blstm": (
        LstmSettings(hidden=16, bidirectional=True),
        1,
        ElmSettings(threshold=0.3),
        LowLevelDescriptors(log_f0=True),
    ),
    "dnn": (
        DnnSettings(hidden=16, context=3),
        2,
        ElmSettings(n_hidden=20),
        LowLevelDescriptors(OTHER_GRID, OTHER_PITCH),
    ),
    "log-mel": (SMALL, 0, ElmSettings(), LogMel(n_mels=20)),
}
"""Trunk, private layers, utterance level and extractor of each kind."""


@lru_cache
def trained(kind: str) -> TrainedRecognizer:
    trunk, private_layers, elm, extractor = KINDS[kind]
    settings = NetSettings(
        trunk,
        {"emotion": 1.0, "gender": 0.1},
        TrainingSettings(batch_size=8, max_epochs=3, patience=3),
        elm,
        private_layers,
    )
    recognizer = TrainedRecognizer(settings, extractor, card={"note": "simulated speech"})
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
