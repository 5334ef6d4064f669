from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from voxaffect.errors import ArtefactError, ExportError, TrainingError
from voxaffect.export.side_car import read_pair, side_car_path
from voxaffect.export.write import export
from voxaffect.recognizer import Recognizer


def test_a_saved_recogniser_is_exported_to_the_same_bytes(
    recognizer: Recognizer, exported: Path, tmp_path: Path
) -> None:
    recognizer.save(tmp_path / "model")
    export(Recognizer.load(tmp_path / "model"), tmp_path / "again.onnx")
    assert read_pair(tmp_path / "again.onnx")[1] == exported.read_bytes()
    again = side_car_path(tmp_path / "again.onnx").read_text()
    assert again == side_car_path(exported).read_text()


def test_what_cannot_be_written_is_refused(recognizer: Recognizer, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"model\.tflite: .* ends in \.onnx"):
        export(recognizer, tmp_path / "model.tflite")
    with pytest.raises(TrainingError, match="never trained"):
        export(Recognizer(), tmp_path / "model.onnx")
    (tmp_path / "file").touch()
    with pytest.raises(ArtefactError, match="cannot be written"):
        export(recognizer, tmp_path / "file" / "model.onnx")


def test_a_library_that_is_missing_is_named(
    recognizer: Recognizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_import = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "onnxscript":
            raise ImportError(name, name=name)
        return true_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ExportError, match=r"onnxscript, which is not installed; run pip install"):
        export(recognizer, tmp_path / "model.onnx")
    assert not any(tmp_path.iterdir())
