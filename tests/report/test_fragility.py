"""Tables of fragility: every row and figure, marks where a limit is not met."""

from __future__ import annotations

import csv
import importlib.util
import io
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from tests.speech import takes
from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.evaluation.fragility import CHANGES, Answer, Fragility
from voxaffect.report.fragility import Report, as_csv, card, lines, page
from voxaffect.report.text import ABSENT

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "fragility.py"


def found(at: int, turned: float, *, is_warned: bool = True) -> Fragility:
    return Fragility(CHANGES[at], turned, turned + 0.01, 0.02, 0.5, {"noisy": 0.25}, is_warned)


def answer(label: str) -> Answer:
    return Answer(label, label, np.zeros(4))


SOUNDS = {"hum": answer("no speech"), "bell": answer("happy"), "dog": answer("unsure")}


def report(name: str, turned: float = 0.025, after: int = 79) -> Report:
    measured = [found(4, turned), found(9, 0.0, is_warned=False), found(25, 0.3)]
    return Report(name, measured, 120, (79, after, 80), {"alone": SOUNDS})


def test_the_card_has_a_row_a_change_and_a_column_a_recognizer() -> None:
    text = card([report("accurate"), report("fast", turned=0.2)])
    assert "| Change | Limit | accurate | fast |" in text
    assert f"| {CHANGES[4].name} | .030 | .025 | .200 ! |" in text
    assert f"| {CHANGES[9].name} | .100 | .000 ! | .000 ! |" in text
    assert f"| {CHANGES[25].name} | {ABSENT} | .300 | .300 |" in text


def test_sentences_say_what_is_not_as_it_should_be() -> None:
    right, sounds = lines(report("fast", after=70))
    assert right == "fast: 79 of 80 clips right, 70 with 3 s of quiet after (should be within 1)."
    assert sounds == "fast: 1 of 3 sounds alone answered with an emotion: bell."
    assert next(iter(lines(report("fast", after=78)))).endswith("78 with 3 s of quiet after.")


def test_many_felt_sounds_are_counted_only() -> None:
    many = {f"sound {n}": answer("sad") for n in range(20)}
    (sentence,) = lines(Report("fast", [], 1, None, {"alone": many}))
    assert sentence == "fast: 20 of 20 sounds alone answered with an emotion."


def test_the_page_has_all_figures() -> None:
    text = page([report("accurate")], "real corpora.")
    assert "120 clips of real corpora." in text
    assert f"| {CHANGES[4].name} | .030 | .025 | .035 | .020 | 0.5 | noisy 25% | yes |" in text
    assert "| no: narrow-band is not always warned of |" in text
    assert "| bell | **happy** |" in text
    assert "| hum | no speech |" in text


def test_csv_has_a_row_a_recognizer_and_change() -> None:
    rows = [*csv.DictReader(io.StringIO(as_csv([report("accurate"), report("fast")])))]
    assert len(rows) == 6
    assert rows[0] == {
        "recognizer": "accurate",
        "change": CHANGES[4].name,
        "limit": "0.03",
        "turned": "0.025",
        "turned_by_default": "0.035",
        "mean_change": "0.02",
        "largest_change": "0.5",
        "warnings": "noisy:0.250",
        "met": "yes",
    }
    assert [row["met"] for row in rows[:3]] == ["yes", "no", ""]


def test_the_benchmark_runs_on_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for at, take in enumerate(takes(2)):
        sf.write(tmp_path / f"{at}.wav", take.samples, SAMPLE_RATE_HZ)
    specification = importlib.util.spec_from_file_location("fragility_benchmark", BENCHMARK)
    assert specification is not None
    assert specification.loader is not None
    benchmark = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(benchmark)
    kept = [change for change in CHANGES if change.name in {"20 dB louder", "GSM"}]
    monkeypatch.setattr(benchmark, "CHANGES", kept)
    out = tmp_path / "out"
    words = ["--corpora", str(tmp_path), "--out", str(out), "--card"]
    monkeypatch.setattr(sys, "argv", ["fragility.py", *words])
    benchmark.main()
    assert "| 20 dB louder | .000 | .000 |" in capsys.readouterr().out
    assert "2 clips of real recordings." in (out / "fragility.md").read_text("utf-8")
    assert len((out / "fragility.csv").read_text("utf-8").splitlines()) == 3
