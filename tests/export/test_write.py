"""The exported file predicts as Python does."""

from __future__ import annotations

import builtins
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.alike import assert_answers_alike
from tests.export.recognizers import KINDS, trained
from tests.export.sounds import noise, silence, speech, tone, waveforms
from tests.export.stages import Array, session
from voxaffect.audio.decode import decode
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import ArtifactError, ExportError, FeatureError, TrainingError
from voxaffect.export.runner import OnnxRecognizer
from voxaffect.export.side_car import FORMAT, read_pair, side_car_path
from voxaffect.export.write import export, graph_of, side_car_of
from voxaffect.features.frames import FrameGrid
from voxaffect.features.opensmile import OpenSmileFunctionals
from voxaffect.features.registry import CustomFeatures
from voxaffect.files import json_with_digest
from voxaffect.recognizer.packaged import FOLDERS
from voxaffect.recognizer.recognizer import TrainedRecognizer


class Pair:
    """A recognizer and its exported file."""

    def __init__(self, kind: str) -> None:
        self.recognizer = trained(kind)
        self.content = graph_of(self.recognizer)
        self.light = OnnxRecognizer(session(self.content), side_car_of(self.recognizer))

    def in_graph(self, samples: Array) -> dict[str, Array]:
        names = [output.name for output in self.light.session.get_outputs()]
        given = self.light.session.run(None, {"samples": samples})
        return dict(zip(names, given, strict=True))

    def assert_equal(self, waveform: Waveform) -> None:
        assert_answers_alike(self.light, self.recognizer, waveform)


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest) -> Pair:
    return Pair(request.param)


@pytest.fixture(scope="module")
def lstm() -> Pair:
    return Pair("lstm")


@pytest.mark.parametrize("waveform", waveforms(), ids=lambda waveform: waveform.name)
def test_predictions_agree_with_python(pair: Pair, waveform: Waveform) -> None:
    pair.assert_equal(waveform)


PIECES = st.one_of(
    st.builds(noise, st.integers(0, 99), st.integers(1, 4_000)),
    st.builds(lambda f0_hz, n: 0.1 * tone(f0_hz, n), st.floats(60, 700), st.integers(1, 4_000)),
    st.builds(silence, st.integers(1, 4_000)),
    st.builds(
        lambda seed, n: speech(seed, 2)[3_000 : 3_000 + n], st.integers(0, 7), st.integers(1, 9_000)
    ),
)


@settings(deadline=None, max_examples=25)
@given(st.lists(PIECES, min_size=1, max_size=5), st.integers(0, 99), st.floats(0.01, 1))
def test_predictions_agree_on_concatenated_signals(
    lstm: Pair, pieces: list[Array], seed: int, level: float
) -> None:
    joined = np.concatenate([speech(seed), *pieces])
    lstm.assert_equal(Waveform((level * joined).astype(np.float32)))


def test_predictions_agree_on_real_speech(lstm: Pair, real_corpora: Path) -> None:
    files = sorted(path for path in real_corpora.rglob("*") if path.suffix in {".flac", ".wav"})
    for path in files[:: len(files) // 20]:
        lstm.assert_equal(decode(path))


@pytest.mark.parametrize("samples", [[], 16_000 * [0.0], [np.nan, *400 * [0.1]]])
def test_refused_recordings_give_nan(lstm: Pair, samples: list[float]) -> None:
    given = lstm.in_graph(np.array(samples, np.float32))
    assert given.pop("spans").shape == (0, 2)
    assert given.pop("sound").size == 0
    assert all(np.isnan(values).all() for values in given.values())


def test_without_speech_there_is_none_and_all_else_is_nan(lstm: Pair) -> None:
    given = lstm.in_graph(noise(0, 16_000))
    assert given.pop("speech_s") == 0
    assert given.pop("spans").shape == (0, 2)
    assert given.pop("sound").size == 16_000
    assert all(np.isnan(values).all() for values in given.values())


def test_the_file_uses_standard_operators_only(pair: Pair) -> None:
    model = onnx.load_from_string(pair.content)
    onnx.checker.check_model(model, full_check=True)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 18)]
    assert not model.functions
    assert {node.domain for node in model.graph.node} == {""}


def test_outputs_are_those_that_the_sidecar_states(pair: Pair) -> None:
    stated = {name: list(shape) for name, shape in pair.light.about.outputs.items()}
    assert {node.name: node.shape for node in pair.light.session.get_outputs()} == stated
    given = pair.in_graph(speech(1))
    for name, shape in stated.items():
        assert given[name].dtype == (np.int64 if name == "spans" else np.float32)
        assert len(given[name].shape) == len(shape)
        fixed = [(n, m) for n, m in zip(given[name].shape, shape, strict=True) if m != str(m)]
        assert all(n == m for n, m in fixed)


def test_export_is_deterministic(lstm: Pair) -> None:
    assert graph_of(lstm.recognizer) == lstm.content


def test_custom_features_cannot_be_exported() -> None:
    own = CustomFeatures(lambda samples: samples[:, None], ("sample",), FrameGrid(), "1")
    recognizer = TrainedRecognizer(extractor=own)
    with pytest.raises(ExportError, match=r"'own' cannot be exported to ONNX; export a rec"):
        graph_of(recognizer)


def test_functionals_of_opensmile_cannot_be_exported() -> None:
    pytest.importorskip("opensmile")
    recognizer = TrainedRecognizer(extractor=OpenSmileFunctionals("eGeMAPSv02"))
    with pytest.raises(ExportError, match=r"cannot be exported to ONNX; export a rec"):
        graph_of(recognizer)


@pytest.mark.parametrize("name", FOLDERS)
def test_packaged_recognizers_agree(name: str) -> None:
    recognizer = TrainedRecognizer.load(FOLDERS[name])
    try:
        content = graph_of(recognizer)
    except FeatureError as fault:
        pytest.skip(str(fault))
    light = OnnxRecognizer(session(content), side_car_of(recognizer))
    for seed in range(4):
        assert_answers_alike(light, recognizer, Waveform(speech(seed, 6)))


@pytest.fixture
def copied(exported: Path, tmp_path: Path) -> Path:
    for path in (exported, side_car_path(exported)):
        shutil.copy(path, tmp_path)
    return tmp_path / exported.name


def resealed(onnx: Path, **changes: object) -> None:
    """Rewrite the sidecar with a valid checksum."""
    path = side_car_path(onnx)
    path.write_text(json_with_digest({**json.loads(path.read_text()), **changes}))


def test_the_sidecar_describes_inputs_and_outputs(
    copied: Path, recognizer: TrainedRecognizer
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
    with pytest.raises(ArtifactError, match=rf"{path.name}: .*; export the recognizer again"):
        OnnxRecognizer.load(copied)


@pytest.mark.parametrize("suffix", ["", ".json"], ids=["onnx", "side car"])
def test_a_missing_or_truncated_file_is_refused(copied: Path, suffix: str) -> None:
    path = copied.with_name(copied.name + suffix)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ArtifactError, match=path.name):
        OnnxRecognizer.load(copied)
    path.unlink()
    with pytest.raises(ArtifactError, match=rf"{path.name}: file not found; .* copy both"):
        OnnxRecognizer.load(copied)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").mkdir()
    with pytest.raises(ArtifactError, match=r"model\.onnx: cannot be read"):
        OnnxRecognizer.load(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": FORMAT + 1}, rf"format {FORMAT + 1} is not supported \(expected {FORMAT}\)"),
        ({"grid": {"window_s": 0.025}}, "invalid content"),
        ({"grid": {"window_s": -1, "hop_s": 0.01}}, "invalid content"),
        ({"classes": 4}, "invalid content"),
        ({"features": None}, "invalid content"),
        ({"card": 7}, "invalid content"),
        ({"classes": {"emotion": ["sad"]}}, "takes or gives what its side car does not say"),
    ],
)
def test_a_sidecar_of_another_version_is_refused(
    copied: Path, changes: dict[str, object], message: str
) -> None:
    resealed(copied, **changes)
    with pytest.raises(ArtifactError, match=message):
        OnnxRecognizer.load(copied)


@pytest.mark.parametrize("text", ["", "[]", "7", '{"format": 1}', "\N{SNOWMAN}", "[" * 100_000])
def test_an_invalid_sidecar_is_refused(copied: Path, text: str) -> None:
    side_car_path(copied).write_text(text, "utf-8")
    with pytest.raises(ArtifactError, match=r"model\.onnx\.json: .*; export the recognizer again"):
        OnnxRecognizer.load(copied)


def test_a_loaded_recognizer_is_exported_to_the_same_bytes(
    recognizer: TrainedRecognizer, exported: Path, tmp_path: Path
) -> None:
    recognizer.save(tmp_path / "model")
    export(TrainedRecognizer.load(tmp_path / "model"), tmp_path / "again.onnx")
    assert read_pair(tmp_path / "again.onnx")[1] == exported.read_bytes()
    again = side_car_path(tmp_path / "again.onnx").read_text()
    assert again == side_car_path(exported).read_text()


def test_unwritable_paths_and_untrained_recognizers_are_refused(
    recognizer: TrainedRecognizer, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError, match=r"model\.tflite: the name must end in \.onnx"):
        export(recognizer, tmp_path / "model.tflite")
    with pytest.raises(TrainingError, match="not trained"):
        export(TrainedRecognizer(), tmp_path / "model.onnx")
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError, match="cannot be written"):
        export(recognizer, tmp_path / "file" / "model.onnx")


def test_a_missing_library_is_named(
    recognizer: TrainedRecognizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
