"""Whatever a recording is called, each format reads back as what was said."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from tests.report.predictions.made import SHARES, made
from voxaffect.audio.quality import QualityWarning
from voxaffect.recognizer.prediction import NO_SPEECH, UNSURE, no_speech
from voxaffect.report.predictions.formats import (
    COLUMNS,
    FORMATS,
    audacity_label,
    csv_row,
    json_line,
    visible,
    vtt_cue,
)

CUE = re.compile(r"\n(\d\d:\d\d:\d\d\.\d{3}) --> (\d\d:\d\d:\d\d\.\d{3})\n([^\n\r]+)\n")
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(names)
@example('tab\tline\nreturn\r"quoted", \x1b[31m \u202e --> <b>&amp; \u2028')
def test_no_name_breaks_a_line_of_json_or_csv(name: str) -> None:
    line = json_line(made(name))
    assert line.count("\n") == 1
    assert line.isascii()
    assert json.loads(line)["file"] == name
    text = io.StringIO(FORMATS["csv"].begin + csv_row(made(name)) + csv_row(made("b")), newline="")
    header, row, other = csv.reader(text)
    assert header == list(COLUMNS)
    assert len(row) == len(other) == len(header)
    assert row[0] == name


@given(names)
@example("-->")
@example("a\n\n00:00 --> 00:01\n<c>")
def test_no_reason_breaks_a_label_or_a_cue(text: str) -> None:
    odd = replace(made(start_s=1.5, end_s=2.0), warnings=(QualityWarning(text, ""),))
    start, end, label = audacity_label(odd).removesuffix("\n").split("\t")
    assert (float(start), float(end)) == (1.5, 2.0)
    assert "\n" not in label
    cue = CUE.fullmatch(vtt_cue(odd))
    assert cue is not None
    assert "-->" not in cue[3]


def test_every_format_says_the_same() -> None:
    said = made(start_s=3661.25, end_s=3662.5)
    line = json.loads(json_line(said))
    assert (line["emotion"], line["start_s"], line["end_s"]) == ("angry", 3661.25, 3662.5)
    assert line["probabilities"] == SHARES
    assert line["novelty"] == 1.25
    assert [warning["code"] for warning in line["warnings"]] == ["clipped", "noisy"]
    (row,) = csv.DictReader(io.StringIO(FORMATS["csv"].begin + csv_row(said)))
    assert (row["emotion"], row["angry"], row["gender: female"]) == ("angry", "0.5500", "0.7000")
    assert (row["naturalness: acted"], row["novelty"]) == ("", "1.2500")
    assert (row["start_s"], row["end_s"]) == ("3661.250", "3662.500")
    assert row["warnings"] == "clipped noisy"
    assert audacity_label(said) == "3661.250000\t3662.500000\tangry 55% (clipped, noisy)\n"
    assert FORMATS["vtt"].begin + vtt_cue(said) == (
        "WEBVTT\n\n01:01:01.250 --> 01:01:02.500\nangry 55% (clipped, noisy)\n"
    )


def test_what_was_not_cut_lasts_from_beginning_to_end() -> None:
    assert audacity_label(made()).startswith("0.000000\t3.500000\t")
    assert "start_s" not in json.loads(json_line(made()))


def test_a_row_of_a_table_is_found_again_by_what_it_says() -> None:
    place = {"path": "./a.wav", "start_s": "0.50", "end_s": "", "emotion": "sad"}
    line = json.loads(json_line(made(row=place)))
    assert (line["path"], line["start_s"], line["end_s"]) == ("./a.wav", 0.5, None)
    (row,) = csv.DictReader(io.StringIO(FORMATS["csv"].begin + csv_row(made(row=place))))
    assert (row["path"], row["start_s"], row["end_s"]) == ("./a.wav", "0.50", "")


def test_frames_are_told_at_the_times_of_the_recording() -> None:
    line = json.loads(json_line(made(start_s=10.0, end_s=13.5), frames=True))
    assert line["times_s"] == [10.0125, 10.0225]
    assert line["posteriors"] == [[0.25] * 4] * 2


def test_no_format_has_probabilities_without_speech() -> None:
    silent = no_speech("hiss.wav", 2.5, [QualityWarning("noisy", "noisy")])
    line = json.loads(json_line(silent, frames=True))
    assert (line["emotion"], line["probabilities"], line["subtasks"]) == (NO_SPEECH, {}, {})
    assert line["reason"] == "too little of it is speech"
    assert [warning["code"] for warning in line["warnings"]] == ["no-speech", "noisy"]
    (row,) = csv.DictReader(io.StringIO(FORMATS["csv"].begin + csv_row(silent)))
    assert (row["emotion"], row["reason"]) == (NO_SPEECH, line["reason"])
    assert {row[name] for name in SHARES} == {""}
    assert audacity_label(silent) == "0.000000\t2.500000\tno speech\n"
    assert vtt_cue(silent).endswith("\nno speech\n")


def test_every_format_has_the_reason_of_what_is_unsure() -> None:
    said = replace(made(), label=UNSURE, warnings=(QualityWarning("music", "music-like --> a"),))
    assert json.loads(json_line(said))["reason"] == "music-like --> a"
    (row,) = csv.DictReader(io.StringIO(FORMATS["csv"].begin + csv_row(said)))
    assert (row["emotion"], row["reason"], row["angry"]) == (UNSURE, "music-like --> a", "0.5500")
    assert audacity_label(said).endswith("\tunsure: music-like --> a\n")
    assert vtt_cue(said).endswith("\nunsure: music-like --&gt; a\n")
    assert "reason" not in json.loads(json_line(made()))


def test_what_cannot_be_seen_is_shown() -> None:
    assert visible("a\tb\n\x1b[1m\u202e ü 語") == r"a\tb\n\x1b[1m\u202e ü 語"
