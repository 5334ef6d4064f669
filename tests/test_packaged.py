from __future__ import annotations

import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.speech import takes
from tests.test_results import numerals
from voxaffect.features.whisper import sources
from voxaffect.recognizer.packaged import FOLDERS, WORD, described, located
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.recognizer.serialization import read_artifact
from voxaffect.taxonomy import EMOTION

MOST_BYTES = 10 * 2**20
RESULTS = Path(__file__).parents[1] / "docs" / "results"
both = pytest.mark.parametrize("name", sorted(FOLDERS))


@both
def test_it_is_whole_small_and_told_of(name: str) -> None:
    folder = FOLDERS[name]
    header, arrays = read_artifact(folder)
    assert sum(path.stat().st_size for path in folder.glob("*.*")) < MOST_BYTES
    nets = [values for key, values in arrays.items() if key.startswith("net.")]
    assert all(values.dtype == np.float16 for values in nets)
    card = (folder / "CARD.md").read_text()
    assert header["card"]["system"] in card
    assert all(corpus["name"] in card for corpus in header["card"]["corpora"])
    assert all(corpus["digest"] in card for corpus in header["card"]["corpora"])


@both
def test_nobody_who_does_not_allow_it_was_learned_from(name: str) -> None:
    header, _ = read_artifact(FOLDERS[name])
    learned_from = {corpus["name"] for corpus in header["card"]["corpora"]}
    assert learned_from == {"emodb", "ravdess", "emovo", "urdu"}


@both
def test_every_score_on_its_card_stands_in_the_results_that_it_names(name: str) -> None:
    card = (FOLDERS[name] / "CARD.md").read_text(encoding="utf-8")
    _, scores = card.split("## How well it does")
    scores, _ = scores.split("## What it must not be used for")
    files = [*RESULTS.glob(f"packaged_{name}/*.md"), *RESULTS.glob("fragility/*.md")]
    shown = {".25"}.union(*(numerals(path.read_text(encoding="utf-8")) for path in files))
    assert len(numerals(scores)) > 10
    assert numerals(scores) <= shown


@both
def test_it_needs_whisper_or_not(name: str) -> None:
    kind = read_artifact(FOLDERS[name])[0]["features"]["extractor"]
    assert kind == {"accurate": "whisper", "fast": "low-level descriptors"}[name]


@both
def test_it_answers_and_no_path_of_who_trained_it_is_in_it(name: str) -> None:
    predictions = TrainedRecognizer.load(FOLDERS[name]).predict(takes(2))
    assert {p.forced().label for p in predictions} <= set(EMOTION.classes)
    header = (FOLDERS[name] / "recognizer.json").read_text()
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
    for name in (WORD, *FOLDERS):
        assert located(Path(name)) in FOLDERS.values()
        (tmp_path / name).mkdir()
        assert located(Path(name)) == Path(name)
    assert located(Path("mine")) == Path("mine")


@pytest.mark.parametrize(("is_there", "name"), [(True, "accurate"), (False, "fast")])
def test_the_accurate_one_is_taken_where_its_weights_are(
    monkeypatch: pytest.MonkeyPatch, is_there: bool, name: str
) -> None:
    monkeypatch.setattr(sources, "has_weights", lambda size: is_there)
    assert located(Path(WORD)) == FOLDERS[name]
    assert f"`{name}`" in described(located(Path(WORD)))
    assert described(Path("mine")) == ""
