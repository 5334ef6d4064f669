"""Live streams: final predictions equal those of files, interim ones, and every error."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient, WebSocketDenialResponse, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from tests.processes import wait_for
from tests.serving.conftest import Open
from tests.serving.speech import HISS, MUSIC, clip, wav
from tests.serving.test_security import TOKEN
from voxaffect.audio.waveform import Waveform
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.serving.settings import Limits

URL = "ws://localhost/v1/live"
CLIP = clip(41)
PCM = CLIP.samples.tobytes()
OPTIONS = {"encoding": "pcm_f32le", "rate": 16_000}
END = {"type": "end"}


def until_end(socket: WebSocketTestSession) -> list[dict[str, Any]]:
    messages = [socket.receive_json()]
    while messages[-1]["type"] not in {"end", "error"}:
        messages.append(socket.receive_json())
    return messages


def messages_of(
    client: TestClient, options: dict[str, Any], *pieces: bytes
) -> list[dict[str, Any]]:
    """All messages to a client that sends some pieces."""
    with client.websocket_connect(URL) as socket:
        socket.send_json(options)
        for piece in pieces:
            socket.send_bytes(piece)
        socket.send_json(END)
        return until_end(socket)


def finals(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message for message in messages if message["type"] == "final"]


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1_001, 6_400, 10**6])
def test_the_final_prediction_is_that_of_the_file(client: TestClient, size: int) -> None:
    expected = client.post("/v1/predict", content=wav(CLIP.samples)).json()
    messages = messages_of(client, OPTIONS, *pieces(PCM, size))
    assert messages[0] == {"type": "ready"}
    (final,) = finals(messages)
    assert final["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-6)
    keys = ("emotion", "warnings", "novelty", "duration_s")
    assert [final[key] for key in keys] == [expected[key] for key in keys]
    assert messages[-1] == END


def test_integers_at_another_rate_and_two_channels(client: TestClient) -> None:
    twice = np.repeat(np.round(CLIP.samples * 32_767).astype("<i2"), 3)  # 48 kHz, held
    stereo = np.column_stack([twice, twice])
    options = {"encoding": "pcm_s16le", "rate": 48_000, "channels": 2}
    (final,) = finals(messages_of(client, options, *pieces(stereo.tobytes(), 9_999)))
    body = wav((stereo / 32_768).astype(np.float32), 48_000)
    expected = client.post("/v1/predict", content=body).json()
    assert final["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-4)


def test_interim_predictions(client: TestClient) -> None:
    with client.websocket_connect(URL) as socket:
        socket.send_json(OPTIONS)
        assert socket.receive_json() == {"type": "ready"}
        socket.send_bytes(PCM[: 4 * 16_000])
        interim = socket.receive_json()
        socket.send_json(END)
        until_end(socket)
    assert interim["type"] == "interim"
    assert interim["emotion"] in interim["probabilities"]
    assert sum(interim["probabilities"].values()) == pytest.approx(1)
    assert interim["is_final"] is False
    assert interim["end_s"] == 1.0
    assert 0.5 < interim["duration_s"] < 0.8  # of the second, the speech in it


def test_pauses_end_utterances_if_requested(client: TestClient) -> None:
    pause = np.zeros(20_000, np.float32)
    sound = np.concatenate([pause, clip(41).samples, pause, clip(43).samples, pause])
    messages = messages_of(
        client, {**OPTIONS, "utterances": True}, *pieces(sound.tobytes(), 12_800)
    )
    assert [final["emotion"] for final in finals(messages)] == ["happy", "angry"]
    assert finals(messages)[1]["start_s"] > finals(messages)[0]["end_s"] > 1


def test_no_emotion_is_named_where_there_is_none(client: TestClient) -> None:
    for options in (OPTIONS, {**OPTIONS, "force": True}):
        messages = messages_of(client, options, *pieces(HISS.samples.tobytes(), 6_400))
        (final,) = finals(messages)
        assert (final["emotion"], final["probabilities"]) == ("no speech", {})
        assert final["reason"] == "too little of it is speech"
    music = MUSIC.samples.tobytes()
    (final,) = finals(messages_of(client, OPTIONS, *pieces(music, 6_400)))
    assert (final["emotion"], final["reason"][:10]) == ("unsure", "music-like")
    (forced,) = finals(messages_of(client, {**OPTIONS, "force": True}, *pieces(music, 6_400)))
    assert forced["emotion"] in final["probabilities"]


def test_abstention_holds_for_interim_and_final_predictions(client: TestClient) -> None:
    messages = messages_of(client, {**OPTIONS, "abstain": 1.0}, *pieces(PCM, 6_400))
    predicted = [one for one in messages if one["type"] in {"interim", "final"}]
    assert {one["emotion"] for one in predicted} <= {"unsure", None}
    assert finals(messages)[0]["emotion"] == "unsure"
    for wrong in ({"abstain": "own"}, {"abstain": 0.5, "force": True}):
        assert messages_of(client, {**OPTIONS, **wrong})[-1]["error"]["code"] == "bad_parameter"
    for odd in ({"abstain": 2}, {"force": "yes"}):
        assert messages_of(client, {**OPTIONS, **odd})[-1]["error"]["code"] == "bad_hello"


def encoded(form: str, codec: str, options: dict[str, str]) -> bytes:
    """The clip as a browser's MediaRecorder writes it."""
    file = io.BytesIO()
    with av.open(file, "w", form, options=options) as container:
        track = container.add_stream(codec, rate=48_000, layout="mono")
        assert isinstance(track, av.AudioStream)
        # With noise, as any microphone has: of digital silence, decoders keep different rounding
        # errors, whose zero-crossing rate is arbitrary.
        noise = np.random.default_rng(0).normal(scale=1e-5, size=len(CLIP.samples))
        held = np.repeat((CLIP.samples + noise).astype(np.float32), 3)
        frame = av.AudioFrame.from_ndarray(held[None], "flt", "mono")
        frame.sample_rate = 48_000
        resampler = av.AudioResampler("s16" if codec == "libopus" else "fltp", "mono", 48_000, 960)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(track.encode(part))
        container.mux(track.encode())
    return file.getvalue()


@pytest.mark.parametrize(
    ("form", "codec", "options"),
    [
        ("webm", "libopus", {}),
        ("ogg", "libopus", {}),
        ("mp4", "aac", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
    ],
)
def test_a_browser_s_container_is_predicted_as_its_file(
    client: TestClient, form: str, codec: str, options: dict[str, str]
) -> None:
    data = encoded(form, codec, options)
    expected = client.post("/v1/predict", content=data).json()
    (final,) = finals(messages_of(client, {"encoding": "container"}, *pieces(data, 1_500)))
    assert final["emotion"] == expected["emotion"] == "happy"
    assert final["probabilities"] == pytest.approx(expected["probabilities"], abs=0.01)


@pytest.mark.parametrize("data", [b"", b"\x1aE\xdf\xa3", b"no container at all", b"OggS" * 99])
def test_other_bytes_than_a_container_are_an_error(client: TestClient, data: bytes) -> None:
    messages = messages_of(client, {"encoding": "container"}, data)
    assert finals(messages) == []
    if data:
        assert messages[-1]["error"]["code"] == "unusable_recording"


@pytest.mark.parametrize(
    "options",
    [
        "",
        "options",
        "[]",
        "{}",
        '{"encoding": "mp3"}',
        '{"encoding": "pcm_s16le", "rate": 0}',
        '{"encoding": "pcm_s16le", "rate": "16000"}',
        '{"encoding": "pcm_s16le", "rate": 1e99}',
        '{"encoding": "pcm_s16le", "channels": 0}',
        '{"encoding": "pcm_s16le", "channels": 99}',
        '{"encoding": "pcm_s16le", "color": "red"}',
        '{"encoding": "pcm_s16le", "utterances": "yes"}',
    ],
)
def test_invalid_options_are_an_error(client: TestClient, options: str) -> None:
    with client.websocket_connect(URL) as socket:
        socket.send_text(options)
        message = socket.receive_json()
        assert message["error"]["code"] == "bad_hello"
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 1008


def test_binary_options_and_unknown_messages_are_errors(client: TestClient) -> None:
    with client.websocket_connect(URL) as socket:
        socket.send_bytes(PCM)
        assert socket.receive_json()["error"]["code"] == "bad_hello"
    with client.websocket_connect(URL) as socket:
        socket.send_json(OPTIONS)
        socket.send_text("what is this?")
        assert until_end(socket)[-1]["error"]["code"] == "bad_message"


def test_nan_samples_are_an_error(client: TestClient) -> None:
    noise = np.full(8_000, np.nan, np.float32).tobytes()
    assert messages_of(client, OPTIONS, noise)[-1]["error"]["code"] == "unusable_recording"


def test_silence_is_refused_and_no_audio_has_no_prediction(client: TestClient) -> None:
    silent = messages_of(client, OPTIONS, bytes(64_000))
    assert [m["type"] for m in silent if m["type"] != "interim"] == ["ready", "refused", "end"]
    assert [m["type"] for m in messages_of(client, OPTIONS)] == ["ready", "end"]


def test_the_token_is_in_the_first_message_or_a_header(serve: Open) -> None:
    client = serve(token=TOKEN)
    assert finals(messages_of(client, {**OPTIONS, "token": TOKEN}, PCM))
    for options in (OPTIONS, {**OPTIONS, "token": "wrong"}):
        assert messages_of(client, options)[-1]["error"]["code"] == "no_token"
    headers = {"authorization": f"Bearer {TOKEN}"}
    with client.websocket_connect(URL, headers=headers) as socket:
        socket.send_json(OPTIONS)
        assert socket.receive_json() == {"type": "ready"}
    with pytest.raises(WebSocketDenialResponse) as denied:
        client.websocket_connect(URL, headers={"authorization": "Bearer x"}).__enter__()
    assert denied.value.status_code == 401


def test_cross_origin_streams_are_blocked(client: TestClient) -> None:
    with pytest.raises(WebSocketDenialResponse) as denied:
        client.websocket_connect(URL, headers={"origin": "http://evil.example"}).__enter__()
    assert denied.value.status_code == 403


def test_concurrent_streams_are_limited(serve: Open) -> None:
    client = serve(Limits(live_streams=1))
    with client.websocket_connect(URL) as first:
        first.send_json(OPTIONS)
        assert first.receive_json() == {"type": "ready"}
        assert messages_of(client, OPTIONS)[-1]["error"]["code"] == "busy"
        first.send_json(END)
        until_end(first)
    assert messages_of(client, OPTIONS)[-1] == END


def test_a_client_that_disconnects_frees_everything(serve: Open) -> None:
    client = serve(Limits(live_streams=1))
    service = client.app.state.service  # type: ignore[attr-defined]
    for options in (OPTIONS, {"encoding": "container"}):
        with client.websocket_connect(URL) as socket:
            socket.send_json(options)
            socket.send_bytes(PCM if options is OPTIONS else b"OggS")
            assert socket.receive_json() == {"type": "ready"}
        wait_for(lambda: not service.streams.active)
        assert service.live.pending() == []
        assert not service.listeners


def test_idle_clients_are_disconnected(serve: Open) -> None:
    with serve(Limits(idle_s=0.2)).websocket_connect(URL) as socket:
        assert socket.receive_json()["error"]["code"] == "no_hello"
    with serve(Limits(idle_s=2.0)).websocket_connect(URL) as socket:
        socket.send_json(OPTIONS)
        assert until_end(socket)[-1]["error"]["code"] == "idle"


def test_a_stream_ends_at_its_limit_with_a_prediction(serve: Open) -> None:
    client = serve(Limits(live_s=1.0))
    with client.websocket_connect(URL) as socket:
        socket.send_json(OPTIONS)
        socket.send_bytes(PCM)
        messages = until_end(socket)
    assert finals(messages)[0]["duration_s"] == 1.0
    assert messages[-1]["error"]["code"] == "too_long"


def test_a_long_stream_is_split_into_utterances(serve: Open, recognizer: TrainedRecognizer) -> None:
    client = serve(Limits(utterance_s=1.5))
    cut = finals(messages_of(client, OPTIONS, PCM))
    assert [final["start_s"] for final in cut] == [0.0, 1.5]
    (first,) = recognizer.predict([Waveform(CLIP.samples[:24_000])])
    assert cut[0]["probabilities"] == pytest.approx(first.probabilities, abs=1e-6)


def test_a_service_that_stops_sends_the_final_prediction(serve: Open) -> None:
    client = serve()
    service = client.app.state.service  # type: ignore[attr-defined]
    with client.websocket_connect(URL) as socket:
        socket.send_json(OPTIONS)
        assert socket.receive_json() == {"type": "ready"}
        socket.send_bytes(PCM)
        assert socket.receive_json()["type"] == "interim"
        client.portal.call(service.refuse_more)  # type: ignore[union-attr]
        messages = until_end(socket)
    assert finals(messages)[0]["emotion"] == "happy"
    assert messages[-1]["error"]["code"] == "stopping"
    assert messages_of(client, OPTIONS)[-1]["error"]["code"] == "stopping"


def test_concurrent_streams_are_predicted_as_each_alone(client: TestClient) -> None:
    from concurrent.futures import ThreadPoolExecutor

    expected = {
        seed: client.post("/v1/predict", content=wav(clip(seed).samples)).json()["probabilities"]
        for seed in range(40, 48)
    }

    def predicted(seed: int) -> dict[str, float]:
        data: NDArray[np.float32] = clip(seed).samples
        (final,) = finals(messages_of(client, OPTIONS, *pieces(data.tobytes(), 6_400)))
        return dict(final["probabilities"])

    with ThreadPoolExecutor(8) as pool:
        for seed, found in zip(expected, pool.map(predicted, expected), strict=True):
            assert found == pytest.approx(expected[seed], abs=1e-6)
