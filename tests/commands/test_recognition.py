from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from voxaffect.audio.decode import decode
from voxaffect.commands import recognition
from voxaffect.commands.recognition import predict, train
from voxaffect.errors import ArtefactError, ConfigError
from voxaffect.recognizer import Prediction, Recognizer
from voxaffect.taxonomy import EMOTION

ODD = "[/a].wav"
GONE = Path("[/gone].wav")
STOP = Path("stop")


class FakeRecognizer:
    """Answers without listening; a file called `stop` is the user's Ctrl-C."""

    def predict(self, recordings: Sequence[Path]) -> list[Prediction]:
        (path,) = recordings
        if path == STOP:
            raise KeyboardInterrupt
        if path == GONE:
            decode(path)
        shares = dict(zip(EMOTION.classes, (0.1, 0.2, 0.3, 0.4), strict=True))
        timeline, times = np.full((2, 4), 0.25, np.float32), np.array([0.0125, 0.0225])
        return [Prediction(str(path), "angry", shares, {}, timeline, times, 0.045, ("[/short]",))]


@pytest.fixture(autouse=True)
def _no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recognizer, "load", lambda folder: FakeRecognizer())


def answer(*files: str | Path, output: str = "json", timeline: bool = False) -> int:
    return predict([Path(f) for f in files], Path("model"), output=output, timeline=timeline)


@pytest.mark.parametrize("output", ["table", "json", "csv"])
def test_names_that_look_like_markup_are_printed_as_they_are(
    output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(ODD, ":smile:.wav", GONE, output=output) == 1
    printed = capsys.readouterr()
    assert ODD in printed.out
    assert ":smile:.wav" in printed.out
    assert str(GONE) in printed.err


@pytest.mark.parametrize("output", ["json", "csv"])
def test_a_stop_loses_no_answer_that_was_there(
    output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        answer("one.wav", "two.wav", STOP, "four.wav", output=output)
    one, two = capsys.readouterr().out.splitlines()[-2:]
    assert "one.wav" in one
    assert "two.wav" in two


def test_every_format_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer("a.wav", timeline=True) == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["file"], line["emotion"], line["times_s"]) == ("a.wav", "angry", [0.0125, 0.0225])
    assert answer("a.wav", output="csv") == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["file"], row["emotion"], row["happy"]) == ("a.wav", "angry", "0.2000")


@pytest.mark.parametrize("output", ["table", "csv"])
def test_a_timeline_where_none_can_be_is_refused(output: str) -> None:
    with pytest.raises(ConfigError, match=f"--timeline .* --format {output}; add --format json"):
        answer("a.wav", output=output, timeline=True)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ConfigError, match="'xml' is unknown"):
        answer("a.wav", output="xml")


def test_training_tries_its_folder_before_anything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('[corpora]\nemodb = "nowhere"\n')
    monkeypatch.setattr(recognition, "prepare_corpora", lambda *_: pytest.fail("came too far"))
    with pytest.raises(ArtefactError, match=r"settings\.toml: cannot be written"):
        train(settings, settings, system_name="lstm-mtl", seed=0, n_jobs=1)
