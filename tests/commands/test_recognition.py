from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.corpora.recordings import record_tree
from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits, decode
from voxaffect.commands.exchange import export
from voxaffect.commands.recognition import predict
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import ConfigError
from voxaffect.recognizer import Prediction, Recognizer
from voxaffect.taxonomy import EMOTION

ODD = "[/a].wav"
GONE = Path("[/gone].wav")
STOP = Path("stop")


class FakeRecognizer:
    """Answers without listening; a file called `stop` is the user's Ctrl-C."""

    limits = DEFAULT_LIMITS

    def predict(self, recordings: Sequence[Path | Utterance]) -> list[Prediction]:
        (path,) = recordings
        name = path.id if isinstance(path, Utterance) else str(path)
        if path == STOP:
            raise KeyboardInterrupt
        if path == GONE:
            decode(path)
        shares = dict(zip(EMOTION.classes, (0.1, 0.2, 0.3, 0.4), strict=True))
        timeline, times = np.full((2, 4), 0.25, np.float32), np.array([0.0125, 0.0225])
        return [Prediction(name, "angry", shares, {}, timeline, times, 0.045, ("[/short]",))]


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeRecognizer:
    recognizer = FakeRecognizer()
    monkeypatch.setattr(Recognizer, "load", lambda folder: recognizer)
    return recognizer


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


def write_table(folder: Path, *lines: str) -> Path:
    table = folder / "calls.csv"
    table.write_text("\n".join(lines), encoding="utf-8")
    return table


def json_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    return record_tree(tmp_path, ["b.flac", "a.wav"])


def test_a_table_is_answered_row_by_row_and_joined_by_what_it_says(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ("./b.flac,,", "a.wav,0.50,1", "a.wav,,")
    table = write_table(recorded, "path,start_s,end_s", *lines)
    assert answer(table) == 0
    given = [(p["file"], p["path"], p["start_s"], p["end_s"]) for p in json_lines(capsys)]
    assert given == [
        ("calls/b", "./b.flac", None, None),
        ("calls/a#0.500-1.000", "a.wav", 0.5, 1),
        ("calls/a", "a.wav", None, None),
    ]
    assert answer(table, "c.wav", output="csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    given_texts = [",".join([row["path"], row["start_s"], row["end_s"]]) for row in rows]
    assert given_texts == [*lines, ",,"]
    assert rows[-1]["file"] == "c.wav"


def test_all_that_a_table_says_in_vain_is_told(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = [f"gone{n}.wav,1,2" for n in range(9)]
    table = write_table(recorded, "path,start,end", "a.wav,0.5,1", *gone)
    assert answer(table) == 1
    told = capsys.readouterr().err.splitlines()
    unread = "calls.csv: calls.csv: column 'start' is not read; did you mean 'start_s'?"
    assert told[0].endswith(unread)
    assert "column 'end' is not read" in told[1]
    assert [line for line in told if "there is no file" in line] == told[2:]
    assert len(told) == 2 + len(gone)  # and nothing of speakers, who make no difference here


def test_columns_that_are_not_read_are_no_failure(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(write_table(recorded, "path,start", "a.wav,0.5")) == 0
    assert "'start' is not read" in capsys.readouterr().err


def test_a_source_that_cannot_be_used_does_not_stop_the_rest(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (recorded / "empty").mkdir()
    bad = ("nope.csv", 400 * "a", recorded / "empty", write_table(recorded, "file", "a.wav"))
    assert answer("one.wav", *bad, "two.wav") == 1
    printed = capsys.readouterr()
    assert [json.loads(line)["file"] for line in printed.out.splitlines()] == ["one.wav", "two.wav"]
    told = printed.err.splitlines()
    assert all(str(source) in line for source, line in zip(bad, told, strict=True))


def test_the_rows_of_a_database_are_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = record_tree(tmp_path / "emodb", ["wav/03a01Fa.wav", "wav/08b10Tc.wav"])
    export("emodb", root, tmp_path / "db")
    capsys.readouterr()
    assert answer(tmp_path / "db") == 0
    answers = [(line["file"], line["path"]) for line in json_lines(capsys)]
    assert answers == [
        ("db/wav/03a01Fa", "../emodb/wav/03a01Fa.wav"),
        ("db/wav/08b10Tc", "../emodb/wav/08b10Tc.wav"),
    ]


def test_limits_reach_the_recogniser(fake: FakeRecognizer) -> None:
    limits = DecodeLimits(max_duration_s=5)
    predict([Path("a.wav")], Path("model"), output="csv", timeline=False, limits=limits)
    assert fake.limits == limits


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
