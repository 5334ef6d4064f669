"""The whole file answers as Python does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.recognizers import KINDS, trained
from tests.export.sounds import noise, silence, speech, tone, waveforms
from tests.export.stages import Array, session
from voxaffect.audio.decode import decode
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import ExportError
from voxaffect.export.chain import graph_of
from voxaffect.features.frames import FrameGrid
from voxaffect.features.own import OwnFeatures
from voxaffect.recognizer import Recognizer

TOLERANCE = 1e-4


class Pair:
    """A recogniser and the file made of it."""

    def __init__(self, kind: str) -> None:
        self.recognizer = trained(kind)
        self.content = graph_of(self.recognizer)
        self._session = session(self.content)

    def in_graph(self, samples: Array) -> dict[str, Array]:
        names = [output.name for output in self._session.get_outputs()]
        return dict(zip(names, self._session.run(None, {"samples": samples}), strict=True))

    def assert_equal(self, waveform: Waveform) -> None:
        (expected,) = self.recognizer.predict([waveform])
        given = self.in_graph(waveform.samples)
        assert_close(given["timeline"], expected.timeline)
        assert_close(given["probabilities"], values(expected.probabilities))
        for task, classes in expected.subtasks.items():
            assert_close(given[task], values(classes))
        assert float(given["novelty"]) == pytest.approx(expected.novelty, rel=1e-3)


def values(by_name: Mapping[str, float]) -> Array:
    return np.array(list(by_name.values()))


def assert_close(given: Array, expected: Array) -> None:
    np.testing.assert_allclose(given, expected, rtol=0, atol=TOLERANCE)


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest) -> Pair:
    return Pair(request.param)


@pytest.fixture(scope="module")
def lstm() -> Pair:
    return Pair("lstm")


@pytest.mark.parametrize("waveform", waveforms(), ids=lambda waveform: waveform.name)
def test_answers_are_those_of_python(pair: Pair, waveform: Waveform) -> None:
    shortest = pair.recognizer.extractor.grid.window_samples
    missing = max(0, shortest - len(waveform.samples))
    pair.assert_equal(Waveform(np.pad(waveform.samples, (0, missing), mode="reflect")))


PIECES = st.one_of(
    st.builds(noise, st.integers(0, 99), st.integers(1, 4_000)),
    st.builds(lambda f0_hz, n: 0.1 * tone(f0_hz, n), st.floats(60, 700), st.integers(1, 4_000)),
    st.builds(silence, st.integers(1, 4_000)),
    st.builds(
        lambda seed, n: speech(seed, 2)[3_000 : 3_000 + n], st.integers(0, 7), st.integers(1, 9_000)
    ),
)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(st.lists(PIECES, min_size=1, max_size=5), st.integers(0, 99), st.floats(0.01, 1))
def test_whatever_is_joined_is_answered_alike(
    lstm: Pair, pieces: list[Array], seed: int, level: float
) -> None:
    joined = np.concatenate([noise(seed, 400), *pieces])
    lstm.assert_equal(Waveform((level * joined).astype(np.float32)))


def test_real_speech_is_answered_alike(lstm: Pair, real_corpora: Path) -> None:
    files = sorted(path for path in real_corpora.rglob("*") if path.suffix in {".flac", ".wav"})
    for path in files[:: len(files) // 20]:
        lstm.assert_equal(decode(path))


@pytest.mark.parametrize("samples", [[], 399 * [0.1], 16_000 * [0.0], [np.nan, *400 * [0.1]]])
def test_what_python_refuses_is_not_a_number(lstm: Pair, samples: list[float]) -> None:
    given = lstm.in_graph(np.array(samples, np.float32))
    assert all(np.isnan(values).all() for values in given.values())


def test_the_file_is_onnx_without_foreign_operators(lstm: Pair) -> None:
    model = onnx.load_from_string(lstm.content)
    onnx.checker.check_model(model, full_check=True)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 18)]
    assert not model.functions
    assert {node.domain for node in model.graph.node} == {""}


def test_the_same_recogniser_is_the_same_bytes(lstm: Pair) -> None:
    assert graph_of(lstm.recognizer) == lstm.content


def test_features_that_no_graph_repeats_are_refused() -> None:
    own = OwnFeatures(lambda samples: samples[:, None], ("sample",), FrameGrid(), "1")
    recognizer = Recognizer(extractor=own)
    with pytest.raises(ExportError, match=r"'own' cannot become ONNX; export a recogniser trained"):
        graph_of(recognizer)
