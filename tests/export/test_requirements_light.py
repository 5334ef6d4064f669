"""An exported recognizer in an environment without PyTorch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from voxaffect.recognizer.recognizer import TrainedRecognizer

ROOT = Path(__file__).resolve().parents[2]
LIGHT = ROOT / "requirements-light.txt"
MOST_MB = 400


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    plain = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return subprocess.run(command, cwd=cwd, env=plain, check=False, capture_output=True, text=True)


def pip(venv: Path, *arguments: str | Path) -> None:
    program = venv / "bin" / "python"
    quiet = ("-q", "--disable-pip-version-check", "--timeout", "10", "--retries", "1")
    ran = run(program, "-m", "pip", "install", *quiet, *arguments, cwd=venv)
    if ran.returncode:
        pytest.skip(f"pip cannot install here: {ran.stderr.strip().splitlines()[-1]}")


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Environment as in docs/export.md; the package is built from a copy of the source tree."""
    folder = tmp_path_factory.mktemp("light")
    venv, copy = folder / "venv", folder / "voxaffect"
    run(sys.executable, "-m", "venv", venv, cwd=folder)
    pip(venv, "-r", LIGHT)
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    pip(venv, "--no-deps", copy)
    return venv


def test_predictions_without_pytorch_agree(
    venv: Path, exported: Path, clip: Path, recognizer: TrainedRecognizer, tmp_path: Path
) -> None:
    program = venv / "bin" / "voxaffect"
    for source in (clip, clip.parent):
        ran = run(program, "predict", source, "-m", exported, "-f", "json", cwd=tmp_path)
        assert ran.returncode == 0, ran.stderr
        (answer,) = [json.loads(line) for line in ran.stdout.splitlines()]
        (expected,) = recognizer.predict([clip])
        assert answer["emotion"] == expected.label
        assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-4)
    table = run(program, "predict", clip, "-m", exported, cwd=tmp_path)
    assert str(expected.label) in table.stdout


def test_commands_that_need_more_libraries_name_them(
    venv: Path, exported: Path, clip: Path
) -> None:
    for arguments in (
        ("predict", clip, "-m", exported, "--timeline"),
        ("predict", clip, "-m", exported.parent),
        ("export", exported.parent, "other.onnx"),
    ):
        ran = run(venv / "bin" / "voxaffect", *arguments, cwd=venv)
        assert ran.returncode == 2
        (line,) = ran.stderr.splitlines()
        assert "the library" in line


def test_the_environment_is_small(venv: Path) -> None:
    size = sum(path.lstat().st_size for path in venv.rglob("*"))
    assert size < MOST_MB * 1e6
    for name in ("torch", "pandas", "scipy", "sklearn", "numba", "matplotlib"):
        assert run(venv / "bin" / "python", "-c", f"import {name}", cwd=venv).returncode


def test_requirements_light_agree_with_constraints() -> None:
    pinned = set((ROOT / "constraints.txt").read_text().split())
    lines = [line for line in LIGHT.read_text().splitlines() if not line.startswith("#")]
    assert set(lines) <= pinned
