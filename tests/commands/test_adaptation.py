"""The whole way from a table of recordings to a recogniser that has learned from them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import soundfile as sf

from tests.test_recognizer import tone, trained
from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.commands.adaptation import adapt_to
from voxaffect.errors import ArtefactError, ConfigError, FoldError
from voxaffect.recognizer import Recognizer
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
    """Tones that speakers call by other names than the recogniser has learned."""
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


def test_held_out_speakers_gain_and_the_new_recogniser_says_so(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (base / "recognizer.json").read_bytes()
    adapt_to(write_project(tmp_path), base, tmp_path / "mine", seed=0, n_jobs=1)
    said = capsys.readouterr().out
    assert "Held-out speakers: 56 utterances" in said
    assert "UA, all answers" in said
    adapted = Recognizer.load(tmp_path / "mine")
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
    assert "the recogniser has learned from calls before" in capsys.readouterr().err


def test_a_single_speaker_cannot_be_held_out(base: Path, tmp_path: Path) -> None:
    config = write_project(tmp_path, n_speakers=1)
    with pytest.raises(FoldError, match="two or more speakers"):
        adapt_to(config, base, tmp_path / "mine", seed=0, n_jobs=1)
    assert not (tmp_path / "mine" / "recognizer.json").exists()


def test_other_features_are_refused_before_anything_is_read(base: Path, tmp_path: Path) -> None:
    config = write_project(tmp_path, 1, more='set = "log-mel"')
    with pytest.raises(ConfigError, match="its features are not those of the recogniser"):
        adapt_to(config, base, tmp_path / "mine", seed=0, n_jobs=1)
    assert not (tmp_path / "store").exists()


def test_the_folder_to_begin_with_is_not_written_over(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="choose another folder"):
        adapt_to(write_project(tmp_path, 1), base, base, seed=0, n_jobs=1)


def test_a_folder_without_a_recogniser_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="holds no recogniser"):
        adapt_to(write_project(tmp_path, 1), tmp_path, tmp_path / "mine", seed=0, n_jobs=1)
