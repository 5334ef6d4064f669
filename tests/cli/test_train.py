"""Adaptation to a table of recordings, checks before training, and progress of a training."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest
import soundfile as sf
from rich.console import Console

from tests.recognizer.test_recognizer import tone, trained
from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.cli import train as training
from voxaffect.cli.train import adapt_to, train, training_bar, training_progress
from voxaffect.errors import ArtifactError, ConfigError, FoldError, TrainingError
from voxaffect.model.settings import EarlyStopping, Epoch
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.taxonomy import EMOTION

SETTINGS = """
[corpora]
calls = {{ table = "calls.csv" }}
[features]
store = "store"
{more}
[training]
learning_rate = 0.3
batch_size = 8
max_epochs = 3
patience = 3
"""


def write_project(folder: Path, n_speakers: int = 7, more: str = "") -> Path:
    """Tones whose labels differ from those that the recognizer was trained on."""
    rows = [("path", "emotion", "speaker")]
    for seed in range(8 * n_speakers):
        path = folder / f"{seed}.wav"
        sf.write(path, tone(100 + seed).samples, SAMPLE_RATE_HZ)
        rows.append((path.name, EMOTION.classes[(seed + 1) % 4], f"s{seed // 8}"))
    with (folder / "calls.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    (folder / "settings.toml").write_text(SETTINGS.format(more=more))
    return folder / "settings.toml"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    trained().save(folder)
    return folder


def test_adaptation_improves_held_out_speakers_and_the_card_states_it(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (base / "recognizer.json").read_bytes()
    adapt_to(write_project(tmp_path), base, tmp_path / "mine", seed=0, n_jobs=1)
    printed = capsys.readouterr().out
    assert "Adaptation, held-out speakers: 56 utterances" in printed
    assert "UA, all predictions" in printed
    adapted = TrainedRecognizer.load(tmp_path / "mine")
    held_out = adapted.card["held_out"]
    assert held_out["n"] == 56
    assert held_out["before"] < 0.4
    assert held_out["after"] > 0.6
    assert adapted.card["corpora"][0]["name"] == "calls"
    assert adapted.card["adapted_from"]["seed"] == 0
    assert str(tmp_path) not in json.dumps(adapted.card)
    assert (tmp_path / "mine" / "training.csv").is_file()
    assert (base / "recognizer.json").read_bytes() == before
    adapt_to(tmp_path / "settings.toml", tmp_path / "mine", tmp_path / "more", seed=0, n_jobs=1)
    assert "note: the recognizer was trained on calls before" in capsys.readouterr().err


@pytest.mark.parametrize("system", ["mean-logistic", "egemaps-logistic", "mean-logistic+dnn-mean"])
def test_any_system_is_trained_adapted_and_loaded(
    system: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_project(tmp_path)
    train(config, tmp_path / "one", system=system, jobs=1)
    assert f"{system}, " in capsys.readouterr().out
    is_net = "dnn" in system
    assert (tmp_path / "one" / "training.csv").is_file() == is_net
    adapt_to(config, tmp_path / "one", tmp_path / "two", seed=0, n_jobs=1)
    assert "Adaptation, held-out speakers: 56 utterances" in capsys.readouterr().out
    adapted = TrainedRecognizer.load(tmp_path / "two")
    assert adapted.card["system"] == adapted.card["adapted_from"]["system"] == system
    assert adapted.predict([tmp_path / "0.wav"])[0].probabilities
    if not is_net:
        with pytest.raises(ConfigError, match=f"{system} has none; leave it out"):
            train(config, tmp_path / "three", system=system, jobs=1, tensorboard=True)


def test_what_cannot_be_adapted_is_named_before_corpora_are_read(tmp_path: Path) -> None:
    config = write_project(tmp_path)
    train(config, tmp_path / "one", system="svm", jobs=1)
    (tmp_path / "calls.csv").unlink()
    with pytest.raises(TrainingError, match="kind 'svm' has no weights that could move"):
        adapt_to(config, tmp_path / "one", tmp_path / "two", seed=0, n_jobs=1)


def test_a_single_speaker_cannot_be_held_out(base: Path, tmp_path: Path) -> None:
    config = write_project(tmp_path, n_speakers=1)
    with pytest.raises(FoldError, match=r"too few speakers for adaptation \(1\).*name two or more"):
        adapt_to(config, base, tmp_path / "mine", seed=0, n_jobs=1)
    assert not (tmp_path / "mine" / "recognizer.json").exists()


def test_other_features_are_refused_before_corpora_are_read(base: Path, tmp_path: Path) -> None:
    config = write_project(tmp_path, 1, more='set = "log-mel"')
    with pytest.raises(ConfigError, match=r"\[features\] differ from those of the recognizer"):
        adapt_to(config, base, tmp_path / "mine", seed=0, n_jobs=1)
    assert not (tmp_path / "store").exists()


def test_the_original_recognizer_is_not_overwritten(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds the recognizer to adapt; choose another folder"):
        adapt_to(write_project(tmp_path, 1), base, base, seed=0, n_jobs=1)


def test_a_folder_without_a_recognizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no recognizer found"):
        adapt_to(write_project(tmp_path, 1), tmp_path, tmp_path / "mine", seed=0, n_jobs=1)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of a training that must fail before corpora are read."""
    path = tmp_path / "settings.toml"
    path.write_text('[corpora]\nemodb = "nowhere"\n')
    monkeypatch.setattr(training, "prepare_corpora", lambda *_: pytest.fail("corpora were read"))
    return path


def test_an_unwritable_folder_is_refused_first(settings: Path) -> None:
    with pytest.raises(ArtifactError, match=r"settings\.toml: cannot write"):
        train(settings, settings, jobs=1)


def test_missing_tensorboard_is_refused_first(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TrainingError, match=r"voxaffect\[tensorboard\]"):
        train(settings, tmp_path, jobs=1, tensorboard=True)


def show(stopping: EarlyStopping, *dev_uas: float, next_step: str = "") -> None:
    with training_progress(stopping, next_step) as update:
        for number, dev_ua in enumerate(dev_uas, 1):
            stopping.add(Epoch(number, 0.8124, 1.0, dev_ua, 20_113.6, 2.0))
            update()


def test_a_log_file_gets_a_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    show(EarlyStopping(10, 3), 0.5, 0.625, 0.6)
    first, second, third = capsys.readouterr().err.splitlines()
    assert first == (
        "epoch 1 of at most 10: loss 0.812, dev UA 0.500 (the best so far), 20,114 frames/s, "
        "left 0:00:06 to 0:00:18"
    )
    assert "dev UA 0.625 (the best so far)" in second
    assert third.endswith(
        "dev UA 0.600 (best 0.625 in 2), 20,114 frames/s, left 0:00:04 to 0:00:14"
    )


def test_one_time_is_left_where_patience_cannot_stop_earlier(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show(EarlyStopping(3, 3), 0.5)
    assert capsys.readouterr().err.endswith("frames/s, left 0:00:04\n")


@pytest.mark.parametrize("dev_uas", [(0.5, 0.4), (0.5, 0.6, 0.7)])
def test_the_last_epoch_is_done_and_names_the_next_step(
    dev_uas: tuple[float, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    show(EarlyStopping(3, 1), *dev_uas, next_step="; 5 more nets follow")
    assert capsys.readouterr().err.endswith(", done; 5 more nets follow\n")


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_terminal_of_any_width_shows_every_word(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.StringIO()
    monkeypatch.setenv("TERM", "xterm")
    console = Console(file=file, force_terminal=True, width=width, color_system=None)
    stopping = EarlyStopping(10, 3)
    stopping.add(Epoch(1, 0.8124, 1.0, 0.5, 20_113.6, 2.0))
    console.print(training_bar(stopping, elapsed_s=0, since_s=0))
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    for words in ("epoch 1", "loss 0.812,", "dev UA", "frames/s,", "left 0:00:06 to 0:00:18"):
        assert words in text


def test_the_time_left_runs_down_between_epochs_to_zero() -> None:
    stopping = EarlyStopping(10, 3)
    assert len(training_bar(stopping, elapsed_s=9, since_s=9).renderables) == 1  # nothing is known
    stopping.add(Epoch(1, 0.8124, 1.0, 0.5, 20_113.6, 2.0))
    shown = []
    for since_s in (0.0, 1.0, 10.0):
        _, state = training_bar(stopping, elapsed_s=100 + since_s, since_s=since_s).renderables
        shown.append(str(state).partition("left ")[2])
    assert shown == ["0:00:06 to 0:00:18", "0:00:05 to 0:00:17", "0:00:00 to 0:00:08"]


def test_a_terminal_gets_a_bar_whose_time_runs_from_the_last_epoch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    monkeypatch.setenv("TERM", "xterm")
    file = io.StringIO()
    terminal = Console(file=file, force_terminal=True, width=120, color_system=None)
    monkeypatch.setattr(training, "errors", lambda: terminal)
    monkeypatch.setattr(training, "notes", lambda: terminal)
    stopping = EarlyStopping(10, 3)
    with training_progress(stopping) as update:
        now[0] = 102.0
        stopping.add(Epoch(1, 0.8124, 1.0, 0.5, 20_113.6, 2.0))
        update()
        now[0] = 103.0
    text = file.getvalue()
    assert "0:00:03" in text
    assert "left 0:00:05 to 0:00:17" in text
