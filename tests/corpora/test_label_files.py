from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.corpora.recordings import record_tree
from voxaffect.corpora import msp_podcast, nemo
from voxaffect.corpora.label_files import (
    Entries,
    LineError,
    joined,
    look_up,
    open_label_file,
    read_lines,
    read_table,
)
from voxaffect.errors import CorpusError


def read(text: str) -> tuple[str, str] | None:
    if text == "broken":
        raise LineError("is broken")
    key, _, said = text.partition(" ")
    return (key, said) if said else None


def row(values: Mapping[str, str]) -> tuple[str, str]:
    return values["key"], values["said"]


def table(folder: Path, text: str) -> Entries[str]:
    (folder / "t.csv").write_text(text, encoding="utf-8")
    return read_table(open_label_file(folder, "t.csv"), ("key", "said"), row)


def test_lines_that_say_something_become_entries(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"\xef\xbb\xbfa one\r\n\r\nnothing\nb two\n")
    entries = read_lines(open_label_file(tmp_path, "t.txt"), read)
    assert entries.found == {"a": "one", "b": "two"}
    assert entries.where == {"a": "t.txt line 1", "b": "t.txt line 4"}
    assert not entries.problems


def test_faults_of_lines_are_reported_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a one\nbroken\na two\n")
    entries = read_lines(open_label_file(tmp_path, "t.txt"), read)
    assert entries.found == {"a": "one"}
    broken, repeated = entries.problems
    assert (broken.kind, broken.path, broken.is_fault) == ("broken line", "t.txt line 2", True)
    assert (repeated.kind, repeated.path) == ("repeated line", "t.txt line 3")
    assert "t.txt line 1" in repeated.detail


def test_other_control_characters_and_bytes_end_no_line(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes("a so\u0085 it\u2028 goes\x0c\n".encode() + b"b \x92\n")
    found = read_lines(open_label_file(tmp_path, "t.txt"), read).found
    assert found == {"a": "so\u0085 it\u2028 goes\x0c", "b": r"\x92"}


def test_the_file_nearest_to_the_root_is_read_in_any_case(tmp_path: Path) -> None:
    for folder, text in (("x/y", "a deep"), ("x", "a near")):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "Other.TXT").write_text(text)
    file = open_label_file(tmp_path, "t.txt", "other.txt")
    assert file.name == "x/Other.TXT"
    assert read_lines(file, read).found == {"a": "near"}


def test_a_file_that_is_not_there_has_no_entries(tmp_path: Path) -> None:
    file = open_label_file(tmp_path, "t.csv", "other.csv")
    assert read_table(file, ("key",), row) == Entries("t.csv, which is not below the root", {})


def test_a_root_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder"):
        open_label_file(tmp_path / "gone", "t.csv")


def test_a_table_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    entries = table(tmp_path, '"Said","KEY"\n one , a\n"t, w""o",b\n')
    assert entries.found == {"a": "one", "b": 't, w"o'}


def test_a_broken_row_spoils_no_other(tmp_path: Path) -> None:
    entries = table(tmp_path, 'key,said\na,"one\nb\nc,t\rwo\nd,four\n')
    assert entries.found == {"a": "one", "d": "four"}
    assert [(p.kind, p.path) for p in entries.problems] == [
        ("broken line", "t.csv line 3"),
        ("broken line", "t.csv line 4"),
    ]
    assert "has 1 values for 2 columns" in entries.problems[0].detail


def test_a_table_without_a_needed_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"t.csv: needs a column 'said'; its columns are: key, x"):
        table(tmp_path, "key,x\n")


def test_an_unknown_word_is_named_with_those_that_are_known() -> None:
    assert look_up({"a": 1}, "a", "emotion") == 1
    with pytest.raises(LineError, match="emotion 'z' is none of a, b"):
        look_up({"a": 1, "b": 2}, "z", "emotion")


def test_files_are_joined_with_their_names_and_problems(tmp_path: Path) -> None:
    one = Entries("one", {"a": "x"}, {"a": "one line 1"})
    two = Entries("two", {"b": "y"}, {"b": "two line 1"}, table(tmp_path, "key,said\nz\n").problems)
    both = joined([one, two])
    assert (both.source, both.found) == ("one or two", {"a": "x", "b": "y"})
    assert both.where == {"a": "one line 1", "b": "two line 1"}
    assert both.problems == two.problems


PODCAST = "FileName,EmoClass,SpkrID,Gender\n"


def test_recordings_and_labels_that_have_no_partner_are_reported(tmp_path: Path) -> None:
    record_tree(tmp_path, [f"Audios/MSP-PODCAST_0001_000{n}.wav" for n in (1, 2)])
    (tmp_path / "labels_consensus.csv").write_text(
        PODCAST
        + "".join(f"MSP-PODCAST_0001_000{n}.wav,{c},1,Male\n" for n, c in ((1, "A"), (3, "A")))
    )
    corpus = msp_podcast.parse(tmp_path)
    assert [u.path.stem for u in corpus.utterances] == ["MSP-PODCAST_0001_0001"]
    no_label, no_recording = corpus.problems
    assert (no_label.kind, no_label.path) == ("no label", "Audios/MSP-PODCAST_0001_0002.wav")
    assert not no_label.is_fault
    assert (no_recording.kind, no_recording.path) == ("no recording", "labels_consensus.csv line 3")
    assert no_recording.is_fault


def test_a_class_without_any_recording_is_a_subset_and_no_fault(tmp_path: Path) -> None:
    record_tree(tmp_path, ["samples/EB0_anger_1.wav"])
    rows = (f"EB0_{e}_1.wav\t{e}\tto\tEB0\tfemale\n" for e in ("anger", "fear"))
    header = "file_id\temotion\tnormalized_text\tspeaker_id\tgender\n"
    (tmp_path / "data.tsv").write_text(header + "".join(rows))
    (problem,) = nemo.parse(tmp_path).problems
    assert (problem.kind, problem.is_fault) == ("no recording", False)


def test_recordings_without_a_label_file_are_refused_with_its_name(tmp_path: Path) -> None:
    record_tree(tmp_path, ["Audios/MSP-PODCAST_0001_0001.wav"])
    with pytest.raises(CorpusError, match=r"labels_consensus\.csv, which is not below the root"):
        msp_podcast.parse(tmp_path)
