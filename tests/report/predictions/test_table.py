"""A strip is as wide as asked, in the order of time, and needs no color to be read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.report.predictions.made import made
from voxaffect.audio.quality import QualityWarning
from voxaffect.recognizer.prediction import NO_SPEECH, UNSURE, Prediction, no_speech
from voxaffect.report.colors import LETTERS
from voxaffect.report.predictions.table import PAUSE, clock, strip, table

SILENT = no_speech("hiss.wav", 5.0, [QualityWarning("noisy", "noisy")])


def test_letters_stand_where_somebody_speaks() -> None:
    said = [made(label="sad", start_s=0, end_s=2), made(label=UNSURE, start_s=5, end_s=10)]
    line, scale, legend = strip(said, 10.0, 20).plain.splitlines()
    assert line == "ssss" + 6 * PAUSE + 10 * "?"
    assert scale.startswith("0:00.0")
    assert scale.endswith("0:10.0")
    assert len(scale) == len(line) == 20
    assert all(f"{letter} {name}" in legend for name, letter in LETTERS.items())


def test_letters_differ_and_no_speech_is_a_pause() -> None:
    assert len({*LETTERS.values()}) == len(LETTERS)
    assert LETTERS[NO_SPEECH] == PAUSE
    said = [made(label="sad", start_s=0, end_s=5), replace(SILENT, start_s=5.0, end_s=10.0)]
    assert strip(said, 10.0, 20).plain.splitlines()[0] == 10 * "s" + 10 * PAUSE


def test_a_column_is_whoever_fills_most_of_it() -> None:
    said = [made(label="sad", start_s=0, end_s=0.4), made(label="happy", start_s=0.4, end_s=1)]
    assert strip(said, 20.0, 20).plain[0] == "h"


def test_a_short_utterance_is_never_lost() -> None:
    assert "a" in strip([made(start_s=500.0, end_s=500.3)], 3600.0, 72).plain.splitlines()[0]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00.0"), (59.96, "1:00.0"), (3725.5, "62:05.5")]
)
def test_clocks_carry(seconds: float, text: str) -> None:
    assert clock(seconds) == text


WARNED = made()
QUIET = replace(WARNED, warnings=())


@pytest.mark.parametrize(
    ("answers", "n_columns"), [((QUIET, QUIET), 7), ((QUIET, WARNED), 8), ((), 7)]
)
def test_warnings_have_a_column_where_anyone_warns(
    answers: tuple[Prediction, ...], n_columns: int
) -> None:
    grid = table(answers, width=160)
    assert (len(grid.columns), grid.row_count) == (n_columns, len(answers))


def printed(predictions: Sequence[Prediction], width: int) -> str:
    console = Console(width=width)
    with console.capture() as shown:
        console.print(table(predictions, width=width))
    return shown.get()


def test_each_warning_is_shown() -> None:
    assert all(str(warning) in printed((QUIET, WARNED), 160) for warning in WARNED.warnings)


def test_no_probability_is_shown_without_speech_and_the_reason_comes_first() -> None:
    tone = replace(
        WARNED, label=UNSURE, warnings=(*WARNED.warnings, QualityWarning("tone", "a tone"))
    )
    text = printed((tone, SILENT), 200)
    unsure, silent = (line for line in text.splitlines() if "unsure" in line or "no speech" in line)
    assert "a tone; clipped (3% of samples at full scale); noisy" in unsure
    assert "0.55" in unsure
    assert "too little of it is speech; noisy" in silent
    assert not re.search(r"\d\.\d", silent)


LONG = replace(WARNED, name="recordings/of/a/long/winter/interview-number-17.wav")


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_a_table_fits_its_terminal_in_whole_words(width: int) -> None:
    text = printed((QUIET, LONG), width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert text.count("angry ") >= 2
    assert "0.55" in text
    for word in set(re.findall(r"[a-z]+…", text.partition("angry")[0])):
        assert word.startswith(("recordings", "rec"))
    assert ("clipped" in text and "noisy" in text) == (width >= 60)
    assert ("clipped (3%" in text) == (width == 160)
    assert ("neutral" in text) == (width >= 80)
    name = next(line for line in text.splitlines() if "17.wav" in line)
    assert ("…" in name) == (width < 160)


def test_names_are_relative_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = (str(tmp_path / "a" / "b.wav"), f"{tmp_path}x", "c.wav")
    grid = table([replace(QUIET, name=name) for name in given], width=400)
    assert [*grid.columns[0].cells] == ["a/b.wav", f"{tmp_path}x", "c.wav"]
