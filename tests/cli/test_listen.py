from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from tests.audio.fake_microphone import FakeDevice
from tests.streaming.recognizers import LSTM, random_recognizer, voice
from tests.streaming.test_endpointer import RATE, speech_and_pauses
from voxaffect.audio.decode import StreamResampler
from voxaffect.audio.quality import QualityWarning
from voxaffect.audio.waveform import Waveform
from voxaffect.cli import listen as listen_module
from voxaffect.cli.abstention import OWN_THRESHOLD
from voxaffect.cli.listen import (
    CHUNK_S,
    MAX_QUEUED_BLOCKS,
    UPDATE_S,
    MicrophoneQueue,
    display,
    final_line,
    listen,
    microphone_input,
    panel,
    predict_blocks,
)
from voxaffect.cli.main import main
from voxaffect.errors import ArtifactError, AudioError, ConfigError
from voxaffect.recognizer.prediction import Prediction, no_speech
from voxaffect.report.predictions.formats import json_line
from voxaffect.taxonomy import EMOTION

Floats = NDArray[np.float32]
RECOGNIZER = random_recognizer(LSTM)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    RECOGNIZER.save(folder)
    return folder


def s16(samples: Floats) -> Floats:
    """As 16-bit PCM holds it."""
    return np.asarray((samples * 32_768).round() / 32_768, np.float32)


def raw(samples: Floats) -> bytes:
    return (samples * 32_768).astype("<i2").tobytes()


def command(model: Path, *words: str) -> subprocess.Popen[bytes]:
    """The command as a user runs it."""
    line = [sys.executable, "-m", "voxaffect", "listen", "--model", str(model), "--stdin", *words]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(line, **pipes, env={**os.environ, "OMP_NUM_THREADS": "1"})  # type: ignore[call-overload, no-any-return]


def assert_predicted_as_a_file(line: dict[str, Any], samples: Floats) -> None:
    span = samples[round(line["start_s"] * RATE) : round(line["end_s"] * RATE)]
    (expected,) = RECOGNIZER.predict([Waveform(span)])
    assert line["probabilities"] == expected.probabilities
    assert line["emotion"] == expected.label
    assert line["subtasks"] == expected.subtasks


def test_pcm_has_interim_predictions_and_final_ones_as_for_a_file(model: Path) -> None:
    samples = s16(speech_and_pauses(0.6, 1.2, 0.9, 0.8))
    with command(model, "--json") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(raw(samples[: 2 * RATE]))
        process.stdin.flush()
        first = json.loads(process.stdout.readline())  # before the end of the input
        assert first["is_final"] is False
        process.stdin.write(raw(samples[2 * RATE :]))
        rest, error = process.communicate()
    assert (process.returncode, error) == (0, b"")
    lines = [first, *map(json.loads, rest.splitlines())]
    final = [line for line in lines if line["is_final"]]
    assert len(final) == 2
    for line in final:
        assert_predicted_as_a_file(line, samples)
    interim = [line for line in lines if not line["is_final"]]
    assert len(interim) >= 2.0 / (UPDATE_S + CHUNK_S) - 1  # audio comes in chunks of CHUNK_S
    assert {line["start_s"] for line in interim} == {line["start_s"] for line in final}
    assert all(line["emotion"] in EMOTION.classes for line in interim)


def test_ctrl_c_ends_the_utterance_with_its_prediction(model: Path) -> None:
    samples = s16(voice(1.0))
    with command(model, "--json", "--pause", "0") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(raw(samples))
        process.stdin.flush()
        while json.loads(process.stdout.readline())["end_s"] < 0.95:
            pass
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(timeout=180) == 0
    final = json.loads(rest.splitlines()[-1])
    assert (final["is_final"], final["start_s"], final["end_s"]) == (True, 0.0, 1.0)
    assert_predicted_as_a_file(final, samples)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--stdin", "--rate", "10"), "10 Hz is outside"),
        (("--stdin", "--format", "wav"), "'wav' is unknown; use s16le or f32le"),
        (("--pause", "9"), "hangover_s = 9"),
        (("--device", "7"), "microphone 7 cannot record"),
    ],
)
def test_invalid_options_are_refused_in_one_line(
    words: tuple[str, ...],
    message: str,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    FakeDevice(voice(0.1)).install(monkeypatch)
    monkeypatch.setattr("sys.argv", ["voxaffect", "listen", "--model", str(model), *words])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    assert (ended.value.code, printed.out) == (2, "")
    assert message in printed.err
    assert len(printed.err.splitlines()) == 1


def test_a_microphone_is_resampled_and_dropped_audio_is_reported(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = np.repeat(voice(1.0), 2)  # at 32 kHz
    device = FakeDevice(
        sound, 32_000, overflows=(3,), then=lambda: os.kill(os.getpid(), signal.SIGINT)
    )
    device.install(monkeypatch)
    before, source = signal.getsignal(signal.SIGINT), partial(microphone_input, None)
    assert listen(model, source, pause_s=0, longest_s=30, as_json=True) == 1
    assert signal.getsignal(signal.SIGINT) is before
    printed = capsys.readouterr()
    final = json.loads(printed.out.splitlines()[-1])
    assert final["is_final"] is True
    assert final["end_s"] == pytest.approx(1.0, abs=0.02)
    assert "audio was dropped (blocks: 1); close other programs" in printed.err


def test_blocks_dropped_from_a_full_queue_are_counted() -> None:
    queued, stop = MicrophoneQueue(), Event()
    for number in range(MAX_QUEUED_BLOCKS + 7):
        queued.put(np.full((10, 1), number, np.float32), False)
    blocks = queued.blocks(StreamResampler(16_000), stop)
    assert next(blocks)[0][0] == 0
    queued.put(np.full((10, 1), -1, np.float32), True)
    queued.put(np.full((10, 1), -2, np.float32), False)
    stop.set()
    rest = list(blocks)
    assert [samples[0] for samples, _ in rest[:-1]] == [*range(1, MAX_QUEUED_BLOCKS), -1]
    assert [n_dropped for _, n_dropped in rest] == [0] * (MAX_QUEUED_BLOCKS - 1) + [8, 1]


def utterance(label: str = "sad", *warnings: QualityWarning) -> Prediction:
    shares = dict(zip(EMOTION.classes, (0.1, 0.1, 0.7, 0.1), strict=True))
    return Prediction(
        "live",
        label,
        shares,
        duration_s=1.5,
        warnings=warnings,
        start_s=3.0,
        end_s=4.5,
        is_final=True,
    )


def faulty(start_s: float, end_s: float) -> Prediction:
    fault = AudioError("it is silent")
    return Prediction("live", start_s=start_s, end_s=end_s, is_final=True, error=fault)


def so_far(shares: dict[str, float], duration_s: float, **more: Any) -> Prediction:
    label = max(shares, key=lambda name: shares[name], default=None)
    prediction = Prediction("live", label, shares, duration_s=duration_s, **more)
    return replace(prediction, start_s=1.0, end_s=1.5, is_final=False)


def test_a_final_line_has_times_label_and_warnings_or_the_error() -> None:
    assert final_line(utterance()).split()[:5] == ["3.00", "s", "to", "4.50", "s"]
    assert "sad 0.70" in final_line(utterance())
    assert final_line(utterance("sad", QualityWarning("short", "[short]"))).endswith("  [short]")
    assert "no prediction: it is silent" in final_line(faulty(0, 1))


def test_a_final_line_says_why_there_is_no_emotion() -> None:
    music, noisy = QualityWarning("music", "music-like"), QualityWarning("noisy", "noisy")
    assert final_line(utterance("unsure", noisy, music)).endswith("  music-like; noisy")
    assert "unsure    neutral 0.10" in final_line(utterance("unsure", music))
    silent = replace(no_speech("live", 1.5), start_s=3.0, end_s=4.5, is_final=True)
    assert final_line(silent).endswith("4.50 s  no speech  too little of it is speech")


def test_a_final_json_line_has_the_fields_of_predict(
    capsys: pytest.CaptureFixture[str],
) -> None:
    prediction = utterance("sad", QualityWarning("short", "0.2 s is short"))
    with display(as_json=True) as (_, final_of):
        final_of(prediction)
        final_of(faulty(0.0000625, 1.5))
    final, refused = map(json.loads, capsys.readouterr().out.splitlines())
    assert final == json.loads(json_line(prediction))
    assert final["is_final"] is True
    assert final["warnings"] == [{"code": "short", "text": "0.2 s is short"}]
    error = {"code": "unusable_recording", "message": "it is silent"}
    start_s = pytest.approx(0.0000625, abs=1e-6)
    times = {"start_s": start_s, "end_s": 1.5}
    assert refused == {"file": "live", "is_final": True, **times, "error": error}


def test_an_interim_json_line_has_the_fields_of_the_websocket(
    capsys: pytest.CaptureFixture[str],
) -> None:
    prediction = so_far({"sad": 1.0}, 0.4)
    with display(as_json=True) as (show, _):
        show(prediction, -30.04)
        show(None, -30.0)
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    socket = json.loads(json.dumps(prediction.to_dict()))  # what a live stream's message has
    assert line["emotion"] == "sad"
    assert line["is_final"] is False
    assert line == {**socket, "level_db": -30.0}


def test_the_panel_shows_bars_seconds_and_level() -> None:
    shares = dict(zip(EMOTION.classes, (0.1, 0.2, 0.3, 0.4), strict=True))
    prediction = so_far(shares, 2.5, subtasks={"gender": {"female": 0.9, "male": 0.1}})
    terminal = Console(width=80, force_terminal=False, record=True)
    unsure = prediction.abstained(0.6)
    for shown in ((prediction, -20.0), (unsure, -20.0), (so_far({}, 0.0), -90.0), (None, 3.0)):
        terminal.print(panel(*shown))
    text = terminal.export_text()
    for words in (
        "2.5 s  female",
        "2.5 s  probability 0.40 below 0.60",
        "angry",
        "0.40",
        "-20 dB",
        "too little speech yet",
        "no speech",
    ):
        assert words in text


def test_a_terminal_gets_the_panel_and_final_lines_that_stay(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        listen_module, "console", lambda: Console(force_terminal=True, width=80, highlight=False)
    )
    with display(as_json=False) as (show, show_final):
        show(None, -30.0)
        show_final(utterance())
    printed = capsys.readouterr().out
    assert "sad 0.70" in printed
    assert "level" in printed


def test_plain_lines_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console(force_terminal=False, width=80)
    monkeypatch.setattr(listen_module, "console", lambda: console)
    with display(as_json=False) as (show, show_final):
        show(so_far({"sad": 1.0}, 0.4), -30.0)
        show(None, -30.0)
        show_final(utterance())
    interim, final = capsys.readouterr().out.splitlines()
    assert interim.split()[:4] == ["1.00", "s", "+", "0.40"]
    assert "3.00 s to 4.50 s" in final


def test_abstention_holds_for_interim_and_final_predictions(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for options, labels in (({"abstain": 1.0}, {"unsure"}), ({"force": True}, {*EMOTION.classes})):
        stop = partial(os.kill, os.getpid(), signal.SIGINT)
        FakeDevice(voice(1.0), 16_000, then=stop).install(monkeypatch)
        source: Any = partial(microphone_input, None)
        assert listen(model, source, pause_s=0, longest_s=30, as_json=True, **options) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {line["is_final"] for line in lines} == {True, False}
        assert {line["emotion"] for line in lines} <= labels | {None}
        assert lines[-1]["emotion"] in labels
    with pytest.raises(ConfigError, match="has no threshold of its own"):
        listen(model, source, pause_s=0, longest_s=30, as_json=True, abstain=OWN_THRESHOLD)
    with pytest.raises(ConfigError, match="use one of them"):
        listen(model, source, pause_s=0, longest_s=9, as_json=True, abstain=0.5, force=True)


class SlowSession:
    """A session that takes a second for each block, and predicts nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)

    def push(self, samples: Floats) -> list[Prediction]:
        self.now += 1.0
        return []

    def predict(self) -> None:
        return None


@pytest.mark.parametrize(("n_blocks", "n_warnings"), [(3, 0), (4, 1), (10, 1)])
def test_computation_slower_than_real_time_is_reported_once(
    n_blocks: int,
    n_warnings: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """After three blocks of half a second the lag is 2 s, the most that is not reported."""
    blocks = [(np.zeros(8000, np.float32), 0)] * n_blocks
    session: Any = SlowSession(monkeypatch)
    assert predict_blocks(session, blocks, lambda *_: None, lambda _: None) == 0
    assert capsys.readouterr().err.count("this computer is too slow") == n_warnings


def test_the_recognizer_is_loaded_before_the_microphone_opens(tmp_path: Path) -> None:
    def never(stop: Event) -> Any:
        raise AssertionError

    with pytest.raises(ArtifactError, match=str(tmp_path)):
        listen(tmp_path, never, pause_s=0.6, longest_s=30, as_json=True)
