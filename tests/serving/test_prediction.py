"""POST a recording: predictions, formats, and every error."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx2
import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.serving.conftest import Open
from tests.serving.speech import HISS, MUSIC, clip, wav
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.report.predictions.formats import json_line
from voxaffect.serving.schemas import PredictionResponse
from voxaffect.serving.settings import Limits

CLIP = clip(41)
PATH = "/v1/predict"


def fault(response: httpx2.Response) -> tuple[int, str]:
    """Status and code of an error, whose body is checked."""
    (error,) = response.json().values()
    assert set(error) == {"code", "message"}
    assert "; " in error["message"]  # what is wrong; what to do
    assert "\n" not in error["message"]
    return response.status_code, error["code"]


def test_the_response_is_the_line_that_predict_prints(
    client: TestClient, recognizer: TrainedRecognizer
) -> None:
    expected = recognizer.predict([CLIP])[0]
    response = client.post(PATH, content=wav(CLIP.samples))
    assert response.status_code == 200
    assert response.text == json_line(replace(expected, name="recording"))
    assert response.json()["emotion"] == "happy"


def test_a_form_s_file_keeps_its_name_without_a_path(client: TestClient) -> None:
    names = {
        "a.wav": "a.wav",
        "../../etc/passwd": "passwd",
        "C:\\temp\\b.wav": "b.wav",
        "/dev/fd/0": "0",
        "line\nend.wav": "line\\nend.wav",
        "x" * 999: "x" * 120,
    }
    for sent, shown in names.items():
        response = client.post(PATH, files={"file": (sent, wav(CLIP.samples))})
        assert response.status_code == 200
        assert response.json()["file"] in {shown, shown.replace("\\n", "%0A")}


def test_frames_abstention_and_other_formats(client: TestClient) -> None:
    body = wav(CLIP.samples)
    frames = client.post(PATH, params={"frames": True}, content=body).json()
    assert np.shape(frames["posteriors"]) == (len(frames["times_s"]), 4)
    assert client.post(PATH, params={"abstain": 1.0}, content=body).json()["emotion"] == "unsure"
    texts = {
        form: client.post(PATH, params={"format": form}, content=body)
        for form in ("csv", "audacity", "vtt")
    }
    assert texts["csv"].text.startswith("file,path,")
    assert texts["audacity"].text.startswith("0.000000\t")
    assert texts["vtt"].text.startswith("WEBVTT\n")
    assert texts["vtt"].headers["content-type"] == "text/vtt; charset=utf-8"


@pytest.mark.parametrize("force", [False, True])
def test_what_holds_no_speech_has_no_emotion(client: TestClient, force: bool) -> None:
    response = client.post(PATH, params={"force": force, "frames": True}, content=wav(HISS.samples))
    assert response.status_code == 200
    found = response.json()
    assert (found["emotion"], found["probabilities"], found["subtasks"]) == ("no speech", {}, {})
    assert found["reason"] == "too little of it is speech"
    assert [warning["code"] for warning in found["warnings"]] == ["no-speech"]
    PredictionResponse.model_validate(found)
    vtt = client.post(PATH, params={"format": "vtt"}, content=wav(HISS.samples)).text
    assert vtt.endswith("\nno speech\n")


def test_music_is_unsure_unless_an_emotion_is_forced(client: TestClient) -> None:
    body = wav(MUSIC.samples)
    found = client.post(PATH, content=body).json()
    assert found["emotion"] == "unsure"
    assert found["reason"].startswith("music-like (steady tones")
    forced = client.post(PATH, params={"force": True}, content=body).json()
    assert forced["emotion"] == max(found["probabilities"], key=found["probabilities"].__getitem__)
    assert "reason" not in forced
    assert forced["probabilities"] == pytest.approx(found["probabilities"], abs=1e-6)
    params = {"timeline": True, "force": True}
    cut = client.post(PATH, params=params, content=body).json()["utterances"]
    assert cut
    assert all(one["emotion"] in one["probabilities"] for one in cut)


def test_the_recognizer_s_own_threshold(
    client: TestClient, recognizer: TrainedRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, own = wav(CLIP.samples), {"abstain": "own"}
    assert fault(client.post(PATH, params=own, content=body)) == (422, "bad_parameter")
    both = {"abstain": 0.5, "force": True}
    assert fault(client.post(PATH, params=both, content=body)) == (422, "bad_parameter")
    monkeypatch.setitem(recognizer.card, "abstain_below", 1.0)
    assert fault(client.post(PATH, params={**own, "force": 1}, content=body))[0] == 422
    found = client.post(PATH, params=own, content=body).json()
    assert found["emotion"] == "unsure"
    assert found["reason"].startswith("probability 0.")
    assert found["reason"].endswith(" below 1.00")


def test_a_long_recording_with_several_emotions_says_so(client: TestClient) -> None:
    pause = np.zeros(24_000, np.float32)
    spoken = [np.concatenate([clip(seed).samples, pause]) for seed in (41, 43)]
    body = wav(np.concatenate(6 * spoken))
    found = client.post(PATH, params={"frames": True}, content=body).json()
    assert found["duration_s"] > 30
    (warning,) = (one for one in found["warnings"] if one["code"] == "several-emotions")
    assert "% angry" in warning["text"]
    assert "% happy" in warning["text"]
    assert len(found["times_s"]) == len(found["posteriors"])
    assert np.all(np.diff(found["times_s"]) > 0)


def test_a_timeline_has_the_utterances_between_pauses(client: TestClient) -> None:
    pause = np.zeros(16_000, np.float32)
    spoken = [clip(seed).samples for seed in (41, 43)]
    body = wav(np.concatenate([pause, spoken[0], pause, spoken[1], pause]))
    found = client.post(PATH, params={"timeline": True}, content=body).json()
    assert [one["emotion"] for one in found["utterances"]] == ["happy", "angry"]
    assert found["utterances"][0]["start_s"] == pytest.approx(1.0, abs=0.4)
    assert found["duration_s"] == pytest.approx(3 + sum(map(len, spoken)) / 16_000, abs=1e-3)
    captions = client.post(PATH, params={"timeline": True, "format": "vtt"}, content=body).text
    assert captions.count("-->") == 2


def test_predictions_do_not_depend_on_the_batch(
    client: TestClient, recognizer: TrainedRecognizer
) -> None:
    seeds = [*range(40, 52)] * 2
    bodies = [wav(clip(seed).samples) for seed in seeds]
    alone = {seed: recognizer.predict([clip(seed)])[0].probabilities for seed in seeds}
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda body: client.post(PATH, content=body), bodies))
    for seed, answer in zip(seeds, answers, strict=True):
        assert answer.json()["probabilities"] == pytest.approx(alone[seed], abs=1e-6)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"content": b""}, (422, "unusable_recording")),
        ({"content": b"no sound at all"}, (422, "unusable_recording")),
        ({"content": wav(np.zeros(16_000, np.float32))}, (422, "unusable_recording")),
        ({"content": wav(CLIP.samples[:100])}, (422, "unusable_recording")),
        ({"content": wav(CLIP.samples)[:5000]}, (422, "unusable_recording")),
        ({"json": {}}, (415, "unsupported_content_type")),
        ({"content": b"x", "headers": {"content-type": "text/html"}}, (415, None)),
        ({"files": {"sound": wav(CLIP.samples)}}, (422, "no_file")),
        ({"files": [("file", b"x"), ("file", b"y")]}, (422, "bad_form")),
        ({"data": {"file": "text"}, "files": {"other": b""}}, (422, "no_file")),
        (
            {"content": b"--x", "headers": {"content-type": "multipart/form-data"}},
            (422, "bad_form"),
        ),
        ({"params": {"abstain": 0}, "content": b""}, (422, "bad_parameter")),
        ({"params": {"abstain": "nan"}, "content": b""}, (422, "bad_parameter")),
        ({"params": {"abstain": "much"}, "content": b""}, (422, "bad_parameter")),
        ({"params": {"force": "perhaps"}, "content": b""}, (422, "bad_parameter")),
        ({"params": {"format": "xml"}, "content": b""}, (422, "bad_parameter")),
        ({"params": {"timeline": "perhaps"}, "content": b""}, (422, "bad_parameter")),
    ],
)
def test_invalid_requests_have_their_own_errors(
    client: TestClient, request_: dict[str, object], expected: tuple[int, str | None]
) -> None:
    found = fault(client.post(PATH, **request_))  # type: ignore[arg-type]
    assert found[0] == expected[0]
    assert expected[1] in {found[1], None}


def test_a_timeline_without_speech_is_an_error(client: TestClient) -> None:
    hiss = np.random.default_rng(0).normal(scale=1e-4, size=32_000).astype(np.float32)
    response = client.post(PATH, params={"timeline": True}, content=wav(hiss))
    assert fault(response) == (422, "no_speech")


def test_bodies_and_recordings_have_limits(serve: Open) -> None:
    client = serve(Limits(max_bytes=300_000, utterance_s=2.5, recording_s=4))
    too_large = wav(np.zeros(100_000, np.float32))
    assert fault(client.post(PATH, content=too_large)) == (413, "body_too_large")
    assert fault(client.post(PATH, content=iter([too_large]))) == (413, "body_too_large")
    assert fault(client.post(PATH, files={"file": too_large})) == (413, "body_too_large")
    long = wav(np.resize(CLIP.samples, 48_000))
    assert fault(client.post(PATH, content=long)) == (413, "recording_too_long")
    assert client.post(PATH, params={"timeline": True}, content=long).status_code == 200
    longer = wav(np.resize(CLIP.samples, 66_000))
    response = client.post(PATH, params={"timeline": True}, content=longer)
    assert fault(response) == (413, "recording_too_long")


def test_a_bomb_that_unpacks_to_hours_is_stopped(serve: Open, tmp_path: Path) -> None:
    import soundfile

    path = tmp_path / "silence.flac"
    soundfile.write(path, np.zeros(60 * 8_000, np.int16), 8_000)
    client = serve(Limits(utterance_s=20, recording_s=30))
    assert path.stat().st_size < 10_000
    for timeline in (True, False):
        response = client.post(PATH, params={"timeline": timeline}, content=path.read_bytes())
        assert fault(response) == (413, "recording_too_long")


def test_rate_limit(serve: Open) -> None:
    client = serve(Limits(rate_per_s=0.01, burst=2))
    assert [client.get("/v1/model").status_code for _ in range(2)] == [200, 200]
    response = client.get("/v1/model")
    assert fault(response) == (429, "too_many_requests")
    assert int(response.headers["retry-after"]) in range(90, 101)
    assert client.get("/healthz").status_code == 200


def test_a_slow_prediction_times_out(serve: Open) -> None:
    client = serve(Limits(answer_s=1e-6))
    for timeline in (False, True):
        response = client.post(PATH, params={"timeline": timeline}, content=wav(CLIP.samples))
        assert fault(response) == (503, "too_slow")
    assert "retry-after" in response.headers


def test_a_service_that_stops_accepts_nothing(serve: Open) -> None:
    client = serve()
    client.app.state.service.refuse_more()  # type: ignore[attr-defined]
    response = client.post(PATH, content=wav(CLIP.samples))
    assert fault(response) == (503, "stopping")
    assert fault(client.get("/readyz")) == (503, "stopping")
    assert client.get("/healthz").json() == {"status": "alive"}


def test_concurrent_requests_are_limited(serve: Open) -> None:
    client = serve(Limits(requests=1))
    service = client.app.state.service  # type: ignore[attr-defined]
    with service.requests.slot():
        response = client.post(PATH, content=wav(CLIP.samples))
    assert fault(response) == (503, "busy")
    assert client.post(PATH, content=wav(CLIP.samples)).status_code == 200


def test_an_internal_error_has_no_details(
    serve: Open, recognizer: TrainedRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve()

    def broken(*_: object) -> None:
        raise ValueError("secret")

    monkeypatch.setattr(recognizer, "predict", broken)
    response = client.post(PATH, content=wav(CLIP.samples))
    monkeypatch.undo()
    assert fault(response) == (500, "fault")
    assert "secret" not in response.text
    assert client.post(PATH, content=wav(CLIP.samples)).status_code == 200


def test_files_are_closed_and_nothing_is_left(
    serve: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    client = serve()
    before = len(list(Path("/dev/fd").iterdir()))
    for body in (wav(CLIP.samples), b"nothing"):
        for timeline in (True, False):
            client.post(PATH, params={"timeline": timeline}, content=body)
            client.post(PATH, params={"timeline": timeline}, files={"file": body})
    assert len(list(Path("/dev/fd").iterdir())) <= before + 1
    assert list(tmp_path.iterdir()) == []


def test_other_paths_and_methods(client: TestClient) -> None:
    assert fault(client.get("/v1/nothing")) == (404, "not_found")
    response = client.get(PATH)
    assert fault(response) == (405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


def test_the_model_is_described(client: TestClient) -> None:
    model = client.get("/v1/model").json()
    assert model["emotions"] == ["neutral", "happy", "sad", "angry"]
    assert set(model["tasks"]) == {"emotion", "gender"}
    assert model["corpora"] == ["simulated"]
    assert model["limits"]["utterance_s"] == 300


def test_metrics(serve: Open) -> None:
    client = serve()
    client.post(PATH, content=wav(CLIP.samples))
    client.post(PATH, content=b"nothing")
    client.get("/a/path/of/somebody")
    lines = client.get("/metrics").text.splitlines()
    for line in (
        f'voxaffect_requests_total{{endpoint="{PATH}",status="200"}} 1.0',
        f'voxaffect_requests_total{{endpoint="{PATH}",status="422"}} 1.0',
        'voxaffect_requests_total{endpoint="other",status="404"} 1.0',
        f'voxaffect_audio_seconds_total{{endpoint="{PATH}"}} {CLIP.duration_s}',
        "voxaffect_requests_inside 0.0",
        "voxaffect_queue 0.0",
    ):
        assert line in lines
    assert "somebody" not in str(lines)
