from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import voxaffect.cli.main  # noqa: F401 (registers the commands)
from tests.export.recognizers import trained
from tests.export.sounds import noise, speech
from tests.report.test_model_card import HEADER
from voxaffect.cli.app import app
from voxaffect.cli.model import inspect
from voxaffect.errors import ArtifactError
from voxaffect.recognizer.serialization import write_artifact


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds a saved recognizer, what `export` makes of it, and recordings."""
    folder = tmp_path_factory.mktemp("export")
    trained("lstm").save(folder / "model")
    soundfile.write(folder / "one.wav", speech(1), 16_000)
    pause = 0.01 * noise(0, 16_000)
    long = np.concatenate([speech(2), pause, speech(3), pause])
    soundfile.write(folder / "two.wav", long, 16_000)
    ran = call("export", folder / "model", folder / "model.onnx")
    assert "model.onnx: " in ran.replace("\n", "")
    assert "model.onnx.json" in ran.replace("\n", "")
    return folder


def call(*arguments: str | Path) -> str:
    ran = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert ran.exit_code == 0, ran.output
    return ran.stdout


@pytest.mark.parametrize("options", [(), ("--timeline",)], ids=["whole", "timeline"])
def test_an_exported_recognizer_predicts_the_same(folder: Path, options: tuple[str, ...]) -> None:
    clips = folder / "one.wav", folder / "two.wav"
    models = folder / "model", folder / "model.onnx"
    printed = [call("predict", *clips, "-m", model, "-f", "json", *options) for model in models]
    saved, exported = ([json.loads(line) for line in text.splitlines()] for text in printed)
    assert len(saved) >= 2
    for expected, given in zip(saved, exported, strict=True):
        assert given["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-4)
        same = ("file", "emotion", "warnings", *(k for k in expected if k.endswith("_s")))
        assert [given[key] for key in same] == [expected[key] for key in same]


def test_a_folder_without_a_recognizer_is_refused(tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["export", str(tmp_path), str(tmp_path / "model.onnx")])
    assert isinstance(ran.exception, ArtifactError)
    assert not (tmp_path / "model.onnx").exists()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write_artifact(tmp_path, HEADER, {"net.a": np.zeros((3, 4))})
    return tmp_path


def test_inspect_prints_tables_or_the_header_verbatim(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inspect(model)
    assert "neutral, happy, sad, angry" in capsys.readouterr().out
    inspect(model, as_json=True)
    assert capsys.readouterr().out == (model / "recognizer.json").read_text()


def test_a_changed_recognizer_is_refused(model: Path) -> None:
    path = model / "recognizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "voxaffect": "9"}, indent=1) + "\n")
    with pytest.raises(ArtifactError, match="has changed"):
        inspect(model)
