from __future__ import annotations

import builtins
import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.export.alike import assert_alike, assert_answers_alike
from tests.export.sounds import noise, silence
from voxaffect.audio.decode import DecodeLimits
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import ArtifactError, AudioError, ExportError
from voxaffect.export.runner import OnnxRecognizer
from voxaffect.export.side_car import LONGEST_S, side_car_path
from voxaffect.files import json_with_digest
from voxaffect.recognizer.prediction import NO_SPEECH
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.recognizer.recording import Recording

HEAVY = "torch pandas pyarrow matplotlib sklearn scipy numba safetensors pydantic joblib av onnx"


@pytest.fixture(scope="module")
def light(exported: Path) -> OnnxRecognizer:
    return OnnxRecognizer.load(exported)


def test_every_kind_of_recording_is_answered_as_in_python(
    light: OnnxRecognizer, recognizer: TrainedRecognizer, clip: Path
) -> None:
    segment = Utterance("c/clip", "c", clip, "", "c/?", start_s=0.2, end_s=0.9)
    waveform = Waveform(soundfile.read(clip, dtype="float32")[0], "clip")
    recordings: list[Recording] = [clip, str(clip), clip.read_bytes(), waveform, segment]
    pairs = zip(light.predict(recordings), recognizer.predict(recordings), strict=True)
    for given, expected in pairs:
        assert_alike(given, expected)
    assert light.predict([]) == []


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0),
        silence(399),
        silence(16_000),
        1e7 * noise(0, 500),
        [[0.1]],
        [np.nan],
    ],
    ids=["empty", "short silence", "silence", "no samples", "two axes", "nan"],
)
def test_what_cannot_be_analyzed_is_refused_in_the_same_words(
    light: OnnxRecognizer, recognizer: TrainedRecognizer, samples: Any
) -> None:
    said = []
    for one in (light, recognizer):
        with pytest.raises(AudioError) as fault:
            one.predict([Waveform(np.asarray(samples, np.float32), "clip 7")])
        said.append(str(fault.value))
    assert said[0] == said[1]
    assert "clip 7" in said[0]


def test_of_sounds_without_speech_both_say_so(
    light: OnnxRecognizer, recognizer: TrainedRecognizer
) -> None:
    for samples in (noise(0, 20), noise(0, 399), noise(0, 40_000)):
        assert_answers_alike(light, recognizer, Waveform(samples))
        (said,) = light.predict([Waveform(samples)])
        assert said.label == NO_SPEECH


def test_limits_hold_and_this_way_has_one_of_its_own(exported: Path, clip: Path) -> None:
    assert OnnxRecognizer.load(exported).limits.max_duration_s == LONGEST_S
    strict = OnnxRecognizer.load(exported, DecodeLimits(max_duration_s=0.5))
    with pytest.raises(AudioError, match=r"more than the limit of 0\.5 s"):
        strict.predict([clip])


def pair(folder: Path, exported: Path, content: bytes, **changes: object) -> Path:
    """A file and a side car that vouches for it."""
    path = folder / "other.onnx"
    path.write_bytes(content)
    stated: Mapping[str, Any] = json.loads(side_car_path(exported).read_text())
    sha256 = hashlib.sha256(content).hexdigest()
    side_car_path(path).write_text(json_with_digest({**stated, "onnx_sha256": sha256, **changes}))
    return path


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"#!/bin/sh\n"])
def test_what_onnxruntime_cannot_read_is_refused(
    exported: Path, tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(ArtifactError, match=r"other\.onnx: onnxruntime cannot read it"):
        OnnxRecognizer.load(pair(tmp_path, exported, content))


def test_a_library_that_is_missing_is_named(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_import = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("onnxruntime"):
            raise ImportError(name)
        return true_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ExportError, match=r"onnxruntime, which is not installed; run pip install"):
        OnnxRecognizer.load(exported)


def test_no_heavy_library_is_loaded(exported: Path, clip: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from voxaffect.export.runner import OnnxRecognizer; "
        "OnnxRecognizer.load(Path(sys.argv[1])).predict([Path(sys.argv[2])]); "
        f"sys.exit(', '.join(sys.modules.keys() & set({HEAVY!r}.split())) or 0)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(exported), str(clip)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stderr.strip()) == (0, "")
