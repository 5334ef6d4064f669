from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from tests.audio.fake_microphone import FakeDevice
from tests.streaming.recognizers import LSTM, drawn, voice
from tests.streaming.test_endpointer import RATE, speech_and_pauses
from voxaffect.audio.decode import StreamResampler
from voxaffect.audio.quality import QualityWarning
from voxaffect.audio.waveform import Waveform
from voxaffect.cli import listen as live_view
from voxaffect.cli.listen import (
    ANSWER_S,
    HELD_BLOCKS,
    READ_S,
    Block,
    Moment,
    Panel,
    Waiting,
    Watch,
    final_line,
    listen,
    panel,
    recording,
    view_of,
)
from voxaffect.cli.main import main
from voxaffect.errors import ArtifactError, AudioError
from voxaffect.recognizer.prediction import Prediction
from voxaffect.report.predictions.formats import json_line
from voxaffect.serving.websocket import interim
from voxaffect.taxonomy import EMOTION

Floats = NDArray[np.float32]
RECOGNIZER = drawn(LSTM)


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


def assert_answered_as_a_file(line: dict[str, Any], samples: Floats) -> None:
    span = samples[round(line["start_s"] * RATE) : round(line["end_s"] * RATE)]
    (expected,) = RECOGNIZER.predict([Waveform(span)])
    assert line["probabilities"] == expected.probabilities
    assert line["emotion"] == expected.label
    assert line["subtasks"] == expected.subtasks


def test_pcm_is_answered_while_it_lasts_and_at_its_end_as_a_file(model: Path) -> None:
    samples = s16(speech_and_pauses(0.6, 1.2, 0.9, 0.8))
    with command(model, "--json") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(raw(samples[: 2 * RATE]))
        process.stdin.flush()
        first = json.loads(process.stdout.readline())  # before the end of the input
        assert first["is_final"] is False
        process.stdin.write(raw(samples[2 * RATE :]))
        rest, told = process.communicate()
    assert (process.returncode, told) == (0, b"")
    lines = [first, *map(json.loads, rest.splitlines())]
    final = [line for line in lines if line["is_final"]]
    assert len(final) == 2
    for line in final:
        assert_answered_as_a_file(line, samples)
    interim = [line for line in lines if not line["is_final"]]
    assert len(interim) >= 2.0 / (ANSWER_S + READ_S) - 1  # new sound comes in pieces of READ_S
    assert {line["start_s"] for line in interim} == {line["start_s"] for line in final}
    assert all(line["emotion"] in EMOTION.classes for line in interim)


def test_ctrl_c_ends_the_utterance_with_its_answer(model: Path) -> None:
    samples = s16(voice(1.0))
    with command(model, "--json", "--pause", "0") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(raw(samples))
        process.stdin.flush()
        while json.loads(process.stdout.readline())["duration_s"] < 0.95:
            pass
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(timeout=180) == 0
    final = json.loads(rest.splitlines()[-1])
    assert (final["is_final"], final["start_s"], final["end_s"]) == (True, 0.0, 1.0)
    assert_answered_as_a_file(final, samples)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--stdin", "--rate", "10"), "10 Hz is outside"),
        (("--stdin", "--format", "wav"), "'wav' is unknown; use s16le or f32le"),
        (("--pause", "9"), "hangover_s = 9"),
        (("--device", "7"), "microphone 7 cannot record"),
    ],
)
def test_options_that_mean_nothing_are_one_sentence(
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


def test_a_microphone_is_heard_at_its_own_rate_and_lost_sound_is_told(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = np.repeat(voice(1.0), 2)  # at 32 kHz
    device = FakeDevice(
        sound, 32_000, overflows=(3,), then=lambda: os.kill(os.getpid(), signal.SIGINT)
    )
    device.install(monkeypatch)
    before = signal.getsignal(signal.SIGINT)
    assert listen(model, recording(None), pause_s=0, longest_s=30, as_json=True) == 1
    assert signal.getsignal(signal.SIGINT) is before
    printed = capsys.readouterr()
    final = json.loads(printed.out.splitlines()[-1])
    assert final["is_final"] is True
    assert final["end_s"] == pytest.approx(1.0, abs=0.02)
    assert "1 blocks of sound were lost" in printed.err


def test_blocks_that_do_not_fit_are_counted() -> None:
    waiting, stop = Waiting(), Event()
    for number in range(HELD_BLOCKS + 7):
        waiting.put(np.full((10, 1), number, np.float32), False)
    blocks = waiting.blocks(StreamResampler(16_000), stop)
    assert next(blocks).samples[0] == 0
    waiting.put(np.full((10, 1), -1, np.float32), True)
    waiting.put(np.full((10, 1), -2, np.float32), False)
    stop.set()
    rest = list(blocks)
    assert [block.samples[0] for block in rest[:-1]] == [*range(1, HELD_BLOCKS), -1]
    assert [block.n_dropped for block in rest] == [0] * (HELD_BLOCKS - 1) + [8, 1]


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
    answer = Prediction("live", label, shares, duration_s=duration_s, **more)
    return replace(answer, start_s=1.0, end_s=1.5, is_final=False)


def test_a_final_line_says_when_what_and_what_is_wrong() -> None:
    assert final_line(utterance()).split()[:5] == ["3.00", "s", "to", "4.50", "s"]
    assert "sad 0.70" in final_line(utterance())
    assert final_line(utterance("sad", QualityWarning("short", "[short]"))).endswith("  [short]")
    assert "no prediction: it is silent" in final_line(faulty(0, 1))


def test_a_json_line_at_the_end_has_the_fields_of_predict(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = utterance("sad", QualityWarning("short", "0.2 s is short"))
    view = view_of(as_json=True)
    with view:
        view.utterance(said)
        view.utterance(faulty(0.0000625, 1.5))
    final, refused = map(json.loads, capsys.readouterr().out.splitlines())
    assert final == json.loads(json_line(said))
    assert final["is_final"] is True
    assert final["warnings"] == [{"code": "short", "text": "0.2 s is short"}]
    error = {"code": "unusable_recording", "message": "it is silent"}
    start_s = pytest.approx(0.0000625, abs=1e-6)
    times = {"start_s": start_s, "end_s": 1.5}
    assert refused == {"file": "live", "is_final": True, **times, "error": error}


def test_a_json_line_meanwhile_has_the_fields_of_a_live_connection(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = so_far({"sad": 1.0}, 0.4)
    view_of(as_json=True).moment(Moment(answer, -30.04))
    view_of(as_json=True).moment(Moment(None, -30.0))
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    socket = json.loads(interim(answer))
    assert line["emotion"] == "sad"
    del socket["type"]
    assert line["is_final"] is False
    assert line == {**socket, "level_db": -30.0}


def test_the_panel_shows_bars_seconds_and_level() -> None:
    shares = dict(zip(EMOTION.classes, (0.1, 0.2, 0.3, 0.4), strict=True))
    answer = so_far(shares, 2.5, subtasks={"gender": {"female": 0.9, "male": 0.1}})
    terminal = Console(width=80, force_terminal=False, record=True)
    for moment in (Moment(answer, -20.0), Moment(so_far({}, 0.0), -90.0), Moment(None, 3.0)):
        terminal.print(panel(moment))
    text = terminal.export_text()
    for words in ("2.5 s  female", "angry", "0.40", "-20 dB", "too little speech yet", "no speech"):
        assert words in text


def test_a_terminal_gets_the_panel_and_final_lines_that_stay(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        live_view, "console", lambda: Console(force_terminal=True, width=80, highlight=False)
    )
    view = view_of(as_json=False)
    assert isinstance(view, Panel)
    with view:
        view.moment(Moment(None, -30.0))
        view.utterance(utterance())
    assert "sad 0.70" in capsys.readouterr().out


def test_plain_lines_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console(force_terminal=False, width=80)
    monkeypatch.setattr(live_view, "console", lambda: console)
    view = view_of(as_json=False)
    with view:
        view.moment(Moment(so_far({"sad": 1.0}, 0.4), -30.0))
        view.moment(Moment(None, -30.0))
        view.utterance(utterance())
    interim, final = capsys.readouterr().out.splitlines()
    assert interim.split()[:4] == ["1.00", "s", "+", "0.40"]
    assert "3.00 s to 4.50 s" in final


def test_a_computer_that_is_too_slow_is_told_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(100))
    monkeypatch.setattr("voxaffect.cli.listen.time.monotonic", lambda: float(next(clock)))
    watch = Watch()
    for _ in range(10):  # a second's work for half a second's sound
        watch.arrived(Block(np.zeros(8000, np.float32)))
        with watch:
            pass
    assert capsys.readouterr().err.count("this computer is too slow") == 1


def test_the_recognizer_is_loaded_before_the_microphone_opens(tmp_path: Path) -> None:
    def never(stop: Event) -> Any:
        raise AssertionError

    with pytest.raises(ArtifactError, match=str(tmp_path)):
        listen(tmp_path, never, pause_s=0.6, longest_s=30, as_json=True)
