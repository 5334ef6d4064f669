from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from voxaffect.errors import ArtefactError
from voxaffect.export.runner import OnnxRecognizer
from voxaffect.export.side_car import FORMAT, read_pair, side_car_path
from voxaffect.files import sealed
from voxaffect.recognizer import Recognizer


@pytest.fixture
def copied(exported: Path, tmp_path: Path) -> Path:
    for path in (exported, side_car_path(exported)):
        shutil.copy(path, tmp_path)
    return tmp_path / exported.name


def resealed(onnx: Path, **changes: object) -> None:
    """Write the side car anew, as if it had been exported so."""
    path = side_car_path(onnx)
    path.write_text(sealed({**json.loads(path.read_text()), **changes}))


def test_the_side_car_says_what_the_file_takes_and_gives(
    copied: Path, recognizer: Recognizer
) -> None:
    about, content = read_pair(copied)
    assert content == copied.read_bytes()
    assert about.features == recognizer.extractor.names
    assert about.grid == recognizer.extractor.grid
    assert about.card["note"] == "simulated speech"
    stated = json.loads(side_car_path(copied).read_text())
    assert stated["input"]["sample_rate_hz"] == 16_000
    assert stated["limits"]["shortest_samples"] == 400
    assert stated["outputs"]["timeline"] == ["n_frames", 4]
    assert list(stated["classes"]) == ["emotion", "gender"]


@pytest.mark.parametrize("suffix", ["", ".json"], ids=["onnx", "side car"])
@pytest.mark.parametrize("where", [0.0, 0.1, 0.5, 0.9, 0.9999])
def test_a_changed_byte_is_refused(copied: Path, suffix: str, where: float) -> None:
    path = copied.with_name(copied.name + suffix)
    content = bytearray(path.read_bytes())
    place = int(where * len(content))
    content[place] = ord("7") if content[place] != ord("7") else ord("8")
    path.write_bytes(content)
    with pytest.raises(ArtefactError, match=rf"{path.name}: .*; export the recogniser again"):
        OnnxRecognizer.load(copied)


@pytest.mark.parametrize("suffix", ["", ".json"], ids=["onnx", "side car"])
def test_a_missing_or_cut_file_is_refused(copied: Path, suffix: str) -> None:
    path = copied.with_name(copied.name + suffix)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ArtefactError, match=path.name):
        OnnxRecognizer.load(copied)
    path.unlink()
    with pytest.raises(ArtefactError, match=rf"{path.name}: is missing; .* copy both"):
        OnnxRecognizer.load(copied)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").mkdir()
    with pytest.raises(ArtefactError, match=r"model\.onnx: cannot be read"):
        OnnxRecognizer.load(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": FORMAT + 1}, f"format {FORMAT + 1} where this version reads {FORMAT}"),
        ({"grid": {"window_s": 0.025}}, "is not understood"),
        ({"grid": {"window_s": -1, "hop_s": 0.01}}, "is not understood"),
        ({"classes": 4}, "is not understood"),
        ({"features": None}, "is not understood"),
        ({"card": 7}, "is not understood"),
        ({"classes": {"emotion": ["sad"]}}, "takes or gives what its side car does not say"),
    ],
)
def test_what_another_version_may_have_written_is_refused(
    copied: Path, changes: dict[str, object], message: str
) -> None:
    resealed(copied, **changes)
    with pytest.raises(ArtefactError, match=message):
        OnnxRecognizer.load(copied)


@pytest.mark.parametrize("text", ["", "[]", "7", '{"format": 1}', "\N{SNOWMAN}", "[" * 100_000])
def test_a_side_car_that_is_none_is_refused(copied: Path, text: str) -> None:
    side_car_path(copied).write_text(text, "utf-8")
    with pytest.raises(ArtefactError, match=r"model\.onnx\.json: .*; export the recogniser again"):
        OnnxRecognizer.load(copied)
