"""Services with recognizers that are no nets: files, timelines, live streams, the model's card."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.serving.conftest import ready
from tests.serving.speech import clip, labeled, wav
from tests.serving.test_live import OPTIONS, PCM, finals, messages_of, pieces
from voxaffect.config.settings import find_system
from voxaffect.features.opensmile import UTTERANCE_SETS
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.serving.application import application
from voxaffect.serving.settings import Limits, ServingSettings
from voxaffect.systems.systems import Options

CLIP = clip(41)


@pytest.fixture(scope="module", params=["mean-logistic", "logistic", "egemaps-logistic"])
def model(request: pytest.FixtureRequest) -> TrainedRecognizer:
    system = find_system(request.param)
    recognizer = TrainedRecognizer(system.classifier(Options()), card={"system": system.name})
    if system.features is not None:
        recognizer.extractor = UTTERANCE_SETS[system.features]
    train, dev = (labeled(recognizer, part) for part in (range(32), range(32, 40)))
    return recognizer.fit(train, dev, seed=0)


@pytest.fixture(scope="module")
def client(model: TrainedRecognizer) -> Iterator[TestClient]:
    app = application(model, ServingSettings(limits=Limits(burst=10_000)))
    with ready(TestClient(app, base_url="http://localhost")) as opened:
        yield opened


def test_a_file_is_answered_with_frames_where_there_are_any(
    client: TestClient, model: TrainedRecognizer
) -> None:
    (expected,) = model.predict([CLIP])
    frames = client.post("/v1/predict", params={"frames": True}, content=wav(CLIP.samples)).json()
    assert frames["probabilities"] == pytest.approx(expected.probabilities)
    assert frames["subtasks"] == {}
    assert ("posteriors" in frames) == ("times_s" in frames) == (expected.posteriors is not None)


def test_a_timeline(client: TestClient) -> None:
    found = client.post("/v1/predict", params={"timeline": True}, content=wav(CLIP.samples)).json()
    (utterance,) = found["utterances"]
    assert sum(utterance["probabilities"].values()) == pytest.approx(1)


@pytest.mark.parametrize("size", [6_400, 10**6])
def test_a_live_stream_ends_with_the_answer_of_the_file(client: TestClient, size: int) -> None:
    expected = client.post("/v1/predict", content=wav(CLIP.samples)).json()
    messages = messages_of(client, OPTIONS, *pieces(PCM, size))
    (final,) = finals(messages)
    assert final["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-6)
    for interim in messages[1:-2]:
        assert interim["type"] == "interim"
        if interim["probabilities"]:  # there are none before there is speech
            assert sum(interim["probabilities"].values()) == pytest.approx(1)


def test_it_says_what_it_is(client: TestClient, model: TrainedRecognizer) -> None:
    about = client.get("/v1/model").json()
    assert about["tasks"] == {"emotion": ["neutral", "happy", "sad", "angry"]}
    assert about["features"] == list(model.extractor.names)
    assert about["card"]["system"] == model.card["system"]
