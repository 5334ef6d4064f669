"""The examples run as they stand, and answer as the package does."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from tests.export.recognizers import trained
from tests.export.sounds import speech
from voxaffect.export.write import export

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
ONNXRUNTIME_WEB = "onnxruntime-web@1.30.0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds model.onnx and clip.wav."""
    folder = tmp_path_factory.mktemp("example")
    export(trained("lstm"), folder / "model.onnx")
    soundfile.write(folder / "clip.wav", speech(1), 16_000)
    return folder


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)


def assert_answers(folder: Path, *command: str) -> None:
    ran = run(folder, *command, "model.onnx", "clip.wav")
    assert ran.returncode == 0, ran.stderr
    (expected,) = trained("lstm").predict([folder / "clip.wav"])
    assert json.loads(ran.stdout) == pytest.approx(expected.probabilities, abs=1e-4)


def test_python(folder: Path) -> None:
    assert_answers(folder, sys.executable, str(EXAMPLES / "onnx_python.py"))


def test_python_refuses_a_changed_file(folder: Path, tmp_path: Path) -> None:
    for name in ("model.onnx", "model.onnx.json", "clip.wav"):
        shutil.copy(folder / name, tmp_path)
    with (tmp_path / "model.onnx").open("ab") as file:
        file.write(b"7")
    program = str(EXAMPLES / "onnx_python.py")
    ran = run(tmp_path, sys.executable, program, "model.onnx", "clip.wav")
    assert ran.stderr.strip() == "model.onnx: has changed since it was exported"


def test_javascript(folder: Path) -> None:
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("no node and npm here")
    got = run(folder, "npm", "install", "--silent", "--no-audit", "--no-fund", ONNXRUNTIME_WEB)
    if got.returncode:
        pytest.skip(f"npm cannot install {ONNXRUNTIME_WEB} here")
    shutil.copy(EXAMPLES / "onnx_node.mjs", folder)
    assert_answers(folder, "node", "onnx_node.mjs")


def test_examples_are_short() -> None:
    for path in EXAMPLES.iterdir():
        assert len(path.read_text("utf-8").splitlines()) <= 30
