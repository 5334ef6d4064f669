"""An exported recognizer and a recording, shared by tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from tests.export.recognizers import trained
from tests.export.sounds import speech
from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.export.write import export
from voxaffect.recognizer.recognizer import TrainedRecognizer


@pytest.fixture(scope="session")
def recognizer() -> TrainedRecognizer:
    return trained("lstm")


@pytest.fixture(scope="session")
def exported(recognizer: TrainedRecognizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    export(recognizer, path)
    return path


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.wav"
    soundfile.write(path, speech(1), SAMPLE_RATE_HZ)
    return path
