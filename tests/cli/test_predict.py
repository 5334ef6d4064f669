"""Requests, sources and formats of predict, with a fake recognizer."""

from __future__ import annotations

import csv
import io
import json
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.corpora.recordings import record_tree
from tests.streaming.recordings import FakeRecognizer as Fake
from tests.streaming.recordings import with_pauses
from voxaffect.audio.decode import DecodeLimits, decode
from voxaffect.audio.quality import QualityWarning
from voxaffect.audio.waveform import Waveform
from voxaffect.cli.abstention import OWN_THRESHOLD
from voxaffect.cli.corpora import export
from voxaffect.cli.predict import FORMAT_OF, Request, predict
from voxaffect.cli.sources import InputSource
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import ConfigError
from voxaffect.recognizer.prediction import Prediction, label_of, no_speech
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.recognizer.recording import Recording
from voxaffect.streaming import batch
from voxaffect.streaming import batch as recordings
from voxaffect.taxonomy import EMOTION

ODD = "[a].wav"
GONE = Path("[gone].wav")
STOP = Path("stop")


@dataclass
class FakeRecognizer(Fake):
    """Predicts the same for every file, even one that does not exist."""

    warnings: tuple[QualityWarning, ...] = (QualityWarning("short", "[/short]"),)
    hears_speech: bool = True

    def predict(self, recordings: Sequence[Recording]) -> list[Prediction]:
        shares = dict(zip(EMOTION.classes, (0.1, 0.2, 0.3, 0.4), strict=True))
        timeline, times = np.full((2, 4), 0.25, np.float32), np.array([0.0125, 0.0225])
        names = [r.name for r in recordings if isinstance(r, Waveform)]
        if not self.hears_speech:
            return [no_speech(name, 0.045) for name in names]
        return [
            Prediction(
                name,
                label_of(EMOTION.classes, np.array([*shares.values()]), self.warnings),
                shares,
                duration_s=0.045,
                warnings=self.warnings,
                posteriors=timeline,
                times_s=times,
            )
            for name in names
        ]


def fake_waveform(recording: Recording, limits: DecodeLimits, _: float) -> Waveform:
    """A waveform for any name but `GONE`; `STOP` is the user's Ctrl-C."""
    if recording == STOP:
        raise KeyboardInterrupt
    name = recording.id if isinstance(recording, Utterance) else str(recording)
    if recording == GONE:
        decode(GONE, limits=limits)
    return Waveform(np.ones(720, np.float32), name)


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeRecognizer:
    recognizer = FakeRecognizer()
    monkeypatch.setattr(TrainedRecognizer, "load", lambda folder: recognizer)
    monkeypatch.setattr(batch, "waveform_if_short", fake_waveform)
    return recognizer


def run(*files: str | Path, **options: Any) -> int:
    return predict([Path(f) for f in files], Path("model"), **{"output": "json", **options})


@pytest.mark.parametrize("output", ["table", "json", "csv"])
def test_names_that_look_like_markup_are_printed_as_they_are(
    output: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(ODD).touch()
    assert run(ODD, ":smile:.wav", GONE, output=output) == 1
    printed = capsys.readouterr()
    assert ODD in printed.out
    assert ":smile:.wav" in printed.out
    assert str(GONE) in printed.err


@pytest.mark.parametrize("output", ["json", "csv"])
def test_ctrl_c_keeps_the_predictions_already_printed(
    output: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "TOGETHER", 1)
    with pytest.raises(KeyboardInterrupt):
        run("one.wav", "two.wav", STOP, "four.wav", output=output)
    one, two = capsys.readouterr().out.splitlines()[-2:]
    assert "one.wav" in one
    assert "two.wav" in two


def write_table(folder: Path, *lines: str) -> Path:
    table = folder / "calls.csv"
    table.write_text("\n".join(lines), encoding="utf-8")
    return table


def json_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    return record_tree(tmp_path, ["b.flac", "a.wav"])


def test_a_table_has_one_prediction_per_row_with_its_columns(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ("./b.flac,,", "a.wav,0.50,1", "a.wav,,")
    table = write_table(recorded, "path,start_s,end_s", *lines)
    assert run(table) == 0
    given = [(p["file"], p["path"], p["start_s"], p["end_s"]) for p in json_lines(capsys)]
    assert given == [
        ("calls/b", "./b.flac", None, None),
        ("calls/a#0.500-1.000", "a.wav", 0.5, 1),
        ("calls/a", "a.wav", None, None),
    ]
    assert run(table, "c.wav", output="csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    given_texts = [",".join([row["path"], row["start_s"], row["end_s"]]) for row in rows]
    assert given_texts == [*lines, ",,"]
    assert rows[-1]["file"] == "c.wav"


def test_every_problem_of_a_table_is_reported(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = [f"gone{n}.wav,1,2" for n in range(9)]
    table = write_table(recorded, "path,start,end", "a.wav,0.5,1", *gone)
    assert run(table) == 1
    printed = capsys.readouterr().err.splitlines()
    unread = "calls.csv: calls.csv: column 'start' is ignored; did you mean 'start_s'?"
    assert printed[0].endswith(unread)
    assert "column 'end' is ignored" in printed[1]
    assert [line for line in printed if "no such file" in line] == printed[2:-1]
    assert len(printed) == 3 + len(
        gone
    )  # no warning of missing speakers, which predict does not need


def test_ignored_columns_are_no_failure(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(write_table(recorded, "path,start", "a.wav,0.5")) == 0
    assert "'start' is ignored" in capsys.readouterr().err


def test_a_source_that_cannot_be_used_does_not_stop_the_rest(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (recorded / "empty").mkdir()
    bad = ("nope.csv", 400 * "a", recorded / "empty", write_table(recorded, "file", "a.wav"))
    assert run("one.wav", *bad, "two.wav") == 1
    printed = capsys.readouterr()
    assert [json.loads(line)["file"] for line in printed.out.splitlines()] == ["one.wav", "two.wav"]
    errors = printed.err.splitlines()[:-1]
    assert all(str(source) in line for source, line in zip(bad, errors, strict=True))


def test_the_rows_of_a_database_are_predicted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = record_tree(tmp_path / "emodb", ["wav/03a01Fa.wav", "wav/08b10Tc.wav"])
    export("emodb", root, tmp_path / "db")
    capsys.readouterr()
    assert run(tmp_path / "db") == 0
    names = [(line["file"], line["path"]) for line in json_lines(capsys)]
    assert names == [
        ("db/wav/03a01Fa", "../emodb/wav/03a01Fa.wav"),
        ("db/wav/08b10Tc", "../emodb/wav/08b10Tc.wav"),
    ]


def test_limits_reach_the_recognizer(fake: FakeRecognizer) -> None:
    run("a.wav", max_hours=0.5)
    assert fake.limits == DecodeLimits(max_duration_s=1800)


def test_json_and_csv_have_the_same_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("a.wav", frames=True) == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["file"], line["emotion"], line["times_s"]) == ("a.wav", "angry", [0.0125, 0.0225])
    assert run("a.wav", output="csv") == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["file"], row["emotion"], row["happy"]) == ("a.wav", "angry", "0.2000")


@pytest.mark.parametrize("output", ["table", "json", "csv", "audacity", "vtt"])
def test_every_format_has_the_label_unsure(output: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("a.wav", output=output, abstain=0.41) == 0
    printed = capsys.readouterr()
    assert "unsure" in printed.out
    assert "[/short]" in printed.out  # the reason
    assert printed.err.endswith("1 recording recognized, 0 refused, 1 with warnings, 1 unsure\n")


@pytest.mark.parametrize("output", ["table", "json", "csv", "audacity", "vtt"])
def test_music_is_unsure_unless_an_answer_is_forced(
    output: str, fake: FakeRecognizer, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.warnings = (QualityWarning("music", "music-like (steady tones in 90% of it)"),)
    assert run("a.wav", output=output) == 0
    printed = capsys.readouterr()
    assert "unsure" in printed.out
    assert output == "table" or "music-like (steady tones in 90% of it)" in printed.out
    assert printed.err.endswith("1 recording recognized, 0 refused, 1 with warnings, 1 unsure\n")
    assert run("a.wav", output=output, force=True) == 0
    printed = capsys.readouterr()
    assert "angry" in printed.out
    assert "unsure" not in printed.out
    assert printed.err.endswith("1 recording recognized, 0 refused, 1 with warnings\n")


def test_several_emotions_are_told_beside_a_narrow_table(
    fake: FakeRecognizer, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "several emotions (60% neutral, 40% angry of the speech); --timeline shows them"
    fake.warnings = (QualityWarning("several-emotions", text),)
    assert run("a.wav", output="table") == 0
    assert f"a.wav: {text}\n" in capsys.readouterr().err
    assert run("a.wav") == 0
    assert "--timeline" not in capsys.readouterr().err


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("output", ["table", "json", "csv", "audacity", "vtt"])
def test_without_speech_no_probability_is_shown_even_if_forced(
    output: str,
    force: bool,
    fake: FakeRecognizer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake.hears_speech = False
    assert run("a.wav", output=output, force=force) == 0
    printed = capsys.readouterr()
    assert "no speech" in printed.out
    assert not any(f"{share:.1f}" in printed.out for share in (0.2, 0.3, 0.4))
    assert printed.err.endswith(
        "1 recording recognized, 0 refused, 1 with warnings, 1 without speech\n"
    )


def test_the_recognizer_s_own_threshold_is_that_of_its_card(
    fake: FakeRecognizer, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.warnings = ()
    with pytest.raises(ConfigError, match="--abstain: model has no threshold of its own; give one"):
        run("a.wav", abstain=OWN_THRESHOLD)
    for own, label in ((0.39, "angry"), (0.41, "unsure")):
        fake.card = {"abstain_below": own}
        assert run("a.wav", abstain=OWN_THRESHOLD) == 0
        (line,) = json_lines(capsys)
        assert line["emotion"] == label
    assert line["reason"] == "probability 0.40 below 0.41"


def test_the_last_line_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("a.wav", "b.wav", GONE) == 1
    assert capsys.readouterr().err.endswith("2 recordings recognized, 1 refused, 2 with warnings\n")
    assert run(Path("nowhere") / "*.wav") == 1
    assert capsys.readouterr().err.endswith("0 recordings recognized, 1 refused, no warnings\n")


def test_captions_of_several_recordings_are_separate_files(tmp_path: Path) -> None:
    assert run("x/a.wav", "y/a.wav", "b.ogg", output="vtt", out=tmp_path / "labels") == 0
    written = sorted((tmp_path / "labels").iterdir())
    assert [path.name for path in written] == ["a-2.vtt", "a.vtt", "b.vtt"]
    assert all("angry 40%" in path.read_text() for path in written)


@pytest.fixture
def dialog(tmp_path: Path) -> Path:
    path = tmp_path / "dialog.wav"
    soundfile.write(path, with_pauses(3, pause_s=1.0)[0], 16_000)
    return path


def test_a_timeline_prints_and_draws_each_utterance(
    dialog: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(batch, "waveform_if_short", lambda recording, *_: recording)
    picture = dialog.with_suffix(".svg")
    assert run(dialog, output="table", timeline=True, picture=picture) == 0
    printed = capsys.readouterr()
    assert "aaa" in printed.out
    assert printed.out.count("angry") >= 3
    assert printed.out.endswith(f"wrote {picture}\n")
    assert printed.err.endswith("3 segments recognized, 0 refused, 3 with warnings\n")
    assert "n  neutral" in picture.read_text()
    assert run(dialog, timeline=True) == 0
    lines = json_lines(capsys)
    assert [line["file"] for line in lines] == 3 * [str(dialog)]
    assert [line["duration_s"] for line in lines] == 3 * [0.045]


@pytest.mark.parametrize("saved", [False, True])
def test_the_line_of_a_picture_is_not_among_predictions_for_programs(
    dialog: Path, saved: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(batch, "waveform_if_short", lambda recording, *_: recording)
    picture, out = dialog.with_suffix(".png"), dialog.with_suffix(".json") if saved else None
    assert run(dialog, timeline=True, picture=picture, out=out) == 0
    printed = capsys.readouterr()
    wrote = f"wrote {picture}\n"
    assert picture.exists()
    if saved:
        assert printed.out == f"{wrote}wrote {out}\n"
    else:
        assert all(json.loads(line)["file"] == str(dialog) for line in printed.out.splitlines())
        assert printed.err.startswith(wrote)


def test_a_recording_without_speech_does_not_stop_the_rest(
    dialog: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(batch, "waveform_if_short", lambda recording, *_: recording)
    silent = dialog.with_name("silent.wav")
    soundfile.write(silent, np.zeros(48_000), 16_000)
    assert run(silent, dialog, timeline=True) == 1
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 3
    assert "silent.wav: no speech found; check that somebody speaks" in printed.err


def test_the_first_prediction_loads_no_unneeded_library() -> None:
    slow = {"pandas", "pyarrow", "sklearn", "scipy.optimize", "scipy.stats", "matplotlib", "joblib"}
    code = (
        "import sys, voxaffect.recognizer.recognizer, voxaffect.cli.predict\n"
        f"sys.exit(' '.join(sorted({slow!r} & sys.modules.keys())))"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.stderr.strip() == ""


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"output": "xml"}, "'xml' is unknown; use one of table, json, csv, audacity, vtt"),
        ({"frames": True}, "--frames does not work with --format table; use json"),
        ({"abstain": 0.0}, "--abstain 0.0 is out of range"),
        ({"abstain": 1.01}, "--abstain 1.01 is out of range"),
        ({"abstain": math.nan}, "--abstain nan is out of range"),
        ({"abstain": 0.5, "force": True}, "--force names every emotion and --abstain does not"),
        ({"abstain": OWN_THRESHOLD, "force": True}, "use one of them"),
        (
            {"out": Path("x")},
            "--out x: a table cannot be saved; end the name in one of .csv, .json",
        ),
        ({"picture": Path("x.svg")}, "--picture draws a timeline; add --timeline"),
        ({"picture": Path("x.gif"), "timeline": True}, r"x.gif: name an .svg or .png file"),
    ],
)
def test_invalid_options_are_refused(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Request(**request_)


ONE, TWO = InputSource(Path("a.wav")), InputSource(Path("b.wav"))
ROW = InputSource(Utterance("t/a#0", "t", Path("a.wav"), "", "t/?"), {"path": "a.wav"})


@pytest.mark.parametrize(
    ("request_", "sources", "message"),
    [
        ({"timeline": True}, [ONE, ROW], "rows of a table are segments already"),
        (
            {"timeline": True, "picture": Path("a.svg")},
            [ONE, TWO],
            "--picture draws one recording, but there are 2; name one",
        ),
        (
            {"output": "vtt"},
            [ONE, TWO],
            "--format vtt is for one recording, but there are 2; add --out FOLDER",
        ),
    ],
)
def test_sources_that_do_not_fit_the_options_are_refused(
    request_: dict[str, Any], sources: list[InputSource], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Request(**request_).check(sources)


def test_valid_options_and_sources_are_accepted() -> None:
    Request(output="vtt").check([ONE])
    Request(output="audacity", out=Path("x")).check([ONE, ROW, TWO])
    Request(timeline=True, output="json", frames=True, abstain=1.0).check([ONE, TWO])


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.jsonl", "a.vtt", "a.txt"])
def test_out_gets_what_would_be_printed(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = FORMAT_OF[Path(name).suffix]
    assert run("one.wav", output=output) == 0
    expected = capsys.readouterr().out
    assert run("one.wav", out=tmp_path / name, output="") == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / name}\n"
    assert (tmp_path / name).read_bytes().decode() == expected


def test_out_is_written_whole_or_not_at_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run("one.wav", STOP, out=tmp_path / "a.csv", output="")
    assert list(tmp_path.iterdir()) == []
