from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from tests.export.alike import assert_answers_alike
from tests.export.recognizers import fitted
from tests.export.sounds import noise, speech
from tests.export.stages import SAMPLES, Runner, session
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import ExportError, FeatureError
from voxaffect.export.graph import exact
from voxaffect.export.runner import OnnxRecognizer
from voxaffect.export.whisper import whisper
from voxaffect.export.write import graph_of, side_car_of
from voxaffect.features.whisper import WhisperFrames
from voxaffect.features.whisper.safetensors_file import hub_name
from voxaffect.features.whisper.shapes import SHAPES, tensor_groups
from voxaffect.features.whisper.windows import HOP_SAMPLES
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.systems.row_classifier import MeanLogisticSettings, RowClassifier
from voxaffect.systems.summaries import MEAN

SHAPE = SHAPES["tiny"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of Whisper tiny with random weights."""
    rng = np.random.default_rng(0)
    width, n_mels = SHAPE.width, SHAPE.n_mels
    sizes = {
        "conv1.weight": (width, n_mels, 3),
        "conv2.weight": (width, width, 3),
        "positional_embedding": (SHAPE.n_positions, width),
        "attn.out.weight": (width, width),
        "mlp.0.weight": (4 * width, width),
        "mlp.0.bias": (4 * width,),
        "mlp.2.weight": (width, 4 * width),
    }
    tensors = {}
    for group in tensor_groups(SHAPE.n_layers, SHAPE.n_layers):
        for name in (name for name in group if ".attn.qkv." not in name):
            size = next((s for end, s in sizes.items() if name.endswith(end)), (width,))
            spread = 1 / np.sqrt(np.prod(size[1:])) if len(size) > 1 else 0.1
            of_norm = 1.0 if "ln" in name and name.endswith("weight") else 0.0
            tensors[hub_name(name)] = of_norm + rng.normal(0, spread, size)
    for layer in range(SHAPE.n_layers):
        for one, kind in (("q", "weight"), ("k", "weight"), ("v", "weight")):
            name = f"layers.{layer}.self_attn.{one}_proj.{kind}"
            tensors[name] = rng.normal(0, 2 / np.sqrt(width), (width, width))
        for one in "qv":
            tensors[f"layers.{layer}.self_attn.{one}_proj.bias"] = rng.normal(0, 0.1, width)
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    half = {f"model.encoder.{k}": v.astype(np.float16) for k, v in tensors.items()}
    safetensors.numpy.save_file(half, path)
    return path


@pytest.mark.parametrize("layer", [0, 2, 4])
def test_frames_agree_with_python(weights: Path, layer: int) -> None:
    """Of one window, and of several whose last has samples behind its frames."""
    of = WhisperFrames("tiny", layer, weights, window_s=2.0)
    run = Runner(lambda op, x: whisper(op, x, of), SAMPLES)
    for n_samples in (320, 16_000, 32_000, 32_319, 32_320, 70_001, 200_000):
        samples = np.resize(speech(1), n_samples) + noise(0, n_samples) * np.float32(0.01)
        (expected,) = of.extract([Waveform(samples)])
        (given,) = run(samples)
        assert len(given) == n_samples // HOP_SAMPLES
        np.testing.assert_allclose(given, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


def test_predictions_agree_with_python(weights: Path) -> None:
    classifier = RowClassifier(MeanLogisticSettings(), MEAN)
    recognizer = fitted(TrainedRecognizer(classifier, WhisperFrames("tiny", 1, weights)))
    content = graph_of(recognizer)
    light = OnnxRecognizer(session(content), side_car_of(recognizer))
    for samples in (speech(0), speech(5, 30), noise(0, 16_000), 0 * noise(0, 16_000)):
        assert_answers_alike(light, recognizer, Waveform(samples))


def test_weights_take_two_bytes_each(weights: Path) -> None:
    shape_of_layer = 12 * SHAPE.width**2  # numbers, but for biases
    sizes = []
    for layer in (1, 2):
        of = WhisperFrames("tiny", layer, weights)
        recognizer = fitted(TrainedRecognizer(RowClassifier(MeanLogisticSettings(), MEAN), of))
        sizes.append(len(graph_of(recognizer)))
    assert sizes[1] - sizes[0] == pytest.approx(2 * shape_of_layer, rel=0.05)


def test_numbers_that_need_more_bits_keep_them() -> None:
    half = np.array([1, 0.5], np.float32)
    for values in (half, half + 0.1, np.array([0.1]), np.array([2.0**20])):
        run = Runner(lambda op, x, v=values: op.Add(exact(op, v, "v"), x), ((), values.dtype.name))
        (given,) = run(np.zeros((), values.dtype))
        np.testing.assert_array_equal(given, values)
        assert given.dtype == values.dtype


def test_frames_in_fewer_bits_are_refused_and_so_is_a_recognizer_without_weights(
    tmp_path: Path, weights: Path
) -> None:
    with pytest.raises(ExportError, match="in int8 cannot be exported"):
        Runner(lambda op, x: whisper(op, x, WhisperFrames("tiny", 1, weights, "int8")), SAMPLES)
    with pytest.raises(FeatureError, match="no weights of Whisper found"):
        Runner(lambda op, x: whisper(op, x, WhisperFrames("tiny", 1, tmp_path / "no")), SAMPLES)


def test_the_published_weights_agree_with_python() -> None:
    of = WhisperFrames()
    try:
        of.settings()
    except FeatureError as fault:
        pytest.skip(str(fault))
    run = Runner(lambda op, x: whisper(op, x, of), SAMPLES)
    samples = speech(2, 8)
    (expected,) = of.extract([Waveform(samples)])
    np.testing.assert_allclose(run(samples)[0], expected, rtol=0, atol=1e-4)
