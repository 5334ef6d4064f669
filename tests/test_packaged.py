from __future__ import annotations

import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.speech import takes
from tests.test_results import numerals
from voxaffect.recognizer.packaged import PACKAGED, WORD, located
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.recognizer.serialization import read_artifact
from voxaffect.taxonomy import EMOTION

MOST_BYTES = 4 * 2**20
RESULTS = Path(__file__).parents[1] / "docs" / "results" / "packaged"


def test_it_is_whole_small_and_told_of() -> None:
    header, arrays = read_artifact(PACKAGED)
    assert sum(path.stat().st_size for path in PACKAGED.glob("*.*")) < MOST_BYTES
    nets = [values for name, values in arrays.items() if name.startswith("net.")]
    assert nets
    assert all(values.dtype == np.float16 for values in nets)
    card = (PACKAGED / "CARD.md").read_text()
    assert header["card"]["system"] in card
    assert all(corpus["name"] in card for corpus in header["card"]["corpora"])
    assert all(corpus["digest"] in card for corpus in header["card"]["corpora"])


def test_every_score_on_its_card_stands_in_the_results_that_it_names() -> None:
    card = (PACKAGED / "CARD.md").read_text(encoding="utf-8")
    _, scores = card.split("## How well it does")
    scores, _ = scores.split("## What it must not be used for")
    header, _ = read_artifact(PACKAGED)
    history = header["card"]["history"]
    own = f"{history['epochs'][history['best'] - 1]['dev_ua']:.3f}".lstrip("0")
    shown = numerals((RESULTS / "report.md").read_text(encoding="utf-8")) | {own, ".25"}
    assert len(numerals(scores)) > 30
    assert numerals(scores) <= shown


def test_it_answers_and_no_path_of_who_trained_it_is_in_it() -> None:
    predictions = TrainedRecognizer.load().predict(takes(2))
    assert {p.label for p in predictions} <= set(EMOTION.classes)
    header = (PACKAGED / "recognizer.json").read_text()
    assert not any(path in header for path in ("/home/", "/root/", "/Users/"))


def test_it_answers_on_the_command_line_where_no_model_is_named(tmp_path: Path) -> None:
    (take,) = takes(1)
    with wave.open(str(tmp_path / "clip.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((np.clip(take.samples, -1, 1) * 32767).astype("<i2").tobytes())
    line = [sys.executable, "-m", "voxaffect", "predict", "clip.wav", "-f", "csv"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1].startswith("clip.wav,")


def test_a_folder_of_that_name_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert located(Path(WORD)) == PACKAGED
    assert located(Path("mine")) == Path("mine")
    (tmp_path / WORD).mkdir()
    assert located(Path(WORD)) == Path(WORD)
