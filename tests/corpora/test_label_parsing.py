from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.corpora.recordings import record_tree
from voxaffect.corpora.corpus import Corpus
from voxaffect.corpora.filename_parsing import ADULTS
from voxaffect.corpora.label_parsing import (
    CHILDREN,
    LabelEntries,
    LineError,
    add_genders,
    check_readable,
    look_up,
    merge_entries,
    open_label_file,
    read_lines,
    read_table,
    unit_interval,
)
from voxaffect.corpora.loaders import emodb, msp_podcast, nemo
from voxaffect.errors import CorpusError


def read(text: str) -> tuple[str, str] | None:
    if text == "broken":
        raise LineError("is broken")
    key, _, value = text.partition(" ")
    return (key, value) if value else None


def row(values: Mapping[str, str]) -> tuple[str, str]:
    return values["key"], values["value"]


def table(folder: Path, text: str) -> LabelEntries[str]:
    (folder / "t.csv").write_text(text, encoding="utf-8")
    return read_table(folder, ["t.csv"], ("key", "value"), row)


def test_lines_become_entries(tmp_path: Path) -> None:
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


def test_only_newlines_end_a_line(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes("a so\u0085 it\u2028 goes\x0c\n".encode() + b"b \x92\n")
    found = read_lines(open_label_file(tmp_path, "t.txt"), read).found
    assert found == {"a": "so\u0085 it\u2028 goes\x0c", "b": r"\x92"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_reads_the_same_in_every_marked_encoding(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding.endswith("e") else ""
    (tmp_path / "t.txt").write_bytes(f"{mark}a ein\r\nb K\u00f6ln\u4e2d\n".encode(encoding))
    entries = read_lines(open_label_file(tmp_path, "t.txt"), read)
    assert entries.found == {"a": "ein", "b": "K\u00f6ln\u4e2d"}
    assert not entries.problems


@pytest.mark.parametrize(
    ("content", "value", "place"),
    [
        (b"a Caf\xe9\nb two\n", r"Caf\xe9", "byte 5 is not valid utf-8 "),
        ("\ufeffa one\nb two\n".encode("utf-16-le")[:-1], "one", "is not valid utf-16-le "),
    ],
    ids=["latin-1", "cut off"],
)
def test_invalid_bytes_are_read_as_escapes_and_reported(
    tmp_path: Path, content: bytes, value: str, place: str
) -> None:
    (tmp_path / "t.txt").write_bytes(content)
    entries = read_lines(open_label_file(tmp_path, "t.txt"), read)
    assert entries.found["a"] == value
    assert entries.found["b"].startswith("two")
    (problem,) = entries.problems
    assert (problem.kind, problem.path, problem.is_fault) == ("encoding", "t.txt", False)
    assert place in problem.detail


def test_the_file_nearest_to_the_root_is_read_in_any_case(tmp_path: Path) -> None:
    for folder, text in (("x/y", "a deep"), ("x", "a near")):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "Other.TXT").write_text(text)
    file = open_label_file(tmp_path, "t.txt", "other.txt")
    assert file.source == "x/Other.TXT"
    entries = read_lines(file, read)
    assert entries.found == {"a": "near"}
    (copy,) = entries.problems
    assert (copy.kind, copy.path, copy.is_fault) == ("duplicate", "x/y/Other.TXT", False)
    assert "x/Other.TXT is used" in copy.detail


def test_a_missing_file_has_no_entries(tmp_path: Path) -> None:
    entries = read_table(tmp_path, ["t.csv", "other.csv"], ("key",), row)
    assert entries == LabelEntries("t.csv (not found below the root)", {})


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n \n"])
def test_an_empty_file_is_a_fault_and_alone_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.txt").write_bytes(content)
    entries = read_lines(open_label_file(tmp_path, "t.txt"), read)
    (problem,) = entries.problems
    assert (problem.kind, problem.path, problem.is_fault) == (
        "unreadable label file",
        "t.txt",
        True,
    )
    with pytest.raises(CorpusError, match=r"t\.txt: is empty; copy it again"):
        check_readable(tmp_path, entries)


def test_a_label_file_that_is_a_loop_of_links_is_not_blamed_on_permissions(tmp_path: Path) -> None:
    (tmp_path / "t.txt").symlink_to(tmp_path / "t.txt")
    (problem,) = open_label_file(tmp_path, "t.txt").problems
    assert problem.detail.endswith("; check it")


def test_a_missing_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder"):
        open_label_file(tmp_path / "gone", "t.csv")


def test_a_table_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    entries = table(tmp_path, '"Value","KEY"\n one , a\n"t, w""o",b\n')
    assert entries.found == {"a": "one", "b": 't, w"o'}


def test_a_broken_row_affects_no_other(tmp_path: Path) -> None:
    entries = table(tmp_path, 'key,value\na,"one\nb\nc,t\rwo\nd,four\n')
    assert entries.found == {"a": "one", "d": "four"}
    assert [(p.kind, p.path) for p in entries.problems] == [
        ("broken line", "t.csv line 3"),
        ("broken line", "t.csv line 4"),
    ]
    assert "has 1 values for 2 columns" in entries.problems[0].detail


def test_a_table_without_a_needed_column_cannot_be_read(tmp_path: Path) -> None:
    entries = table(tmp_path, "key,x\na,b\n")
    (problem,) = entries.problems
    assert (problem.kind, problem.path, problem.is_fault) == (
        "unreadable label file",
        "t.csv",
        True,
    )
    assert problem.detail == "column 'value' is missing; its columns are: key, x"
    with pytest.raises(CorpusError, match=r"t.csv: column 'value' is missing"):
        check_readable(tmp_path, entries)


def lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forbid reading a file, to the superuser too."""
    opened = Path.read_bytes

    def guarded(asked: Path) -> bytes:
        if asked == path:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(asked)

    monkeypatch.setattr(Path, "read_bytes", guarded)


def test_a_file_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.txt").write_text("a one\n")
    lock(tmp_path / "t.txt", monkeypatch)
    entries = read_lines(open_label_file(tmp_path, "t.txt"), read)
    (problem,) = entries.problems
    assert (problem.kind, problem.path, problem.is_fault) == (
        "unreadable label file",
        "t.txt",
        True,
    )
    assert "Permission denied" in problem.detail
    with pytest.raises(CorpusError, match=r"t\.txt: cannot be read \(Permission denied\)"):
        check_readable(tmp_path, entries)


def test_one_file_of_several_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    for name in ("t.txt", "u.txt"):
        (tmp_path / name).symlink_to(tmp_path / name)  # a loop
    (tmp_path / "v.txt").write_text("a one\n")
    files = (open_label_file(tmp_path, name) for name in ("t.txt", "v.txt", "u.txt"))
    entries = merge_entries(read_lines(file, read) for file in files)
    check_readable(tmp_path, entries)
    assert entries.found == {"a": "one"}
    assert [(p.kind, p.path) for p in entries.problems] == [
        ("unreadable label file", "t.txt"),
        ("unreadable label file", "u.txt"),
    ]


def test_of_a_label_in_two_files_the_first_is_used(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a near\nb near\n")
    (tmp_path / "u.txt").write_text("a far\nc far\n")
    files = (open_label_file(tmp_path, name) for name in ("t.txt", "u.txt"))
    entries = merge_entries(read_lines(file, read) for file in files)
    assert entries.found == {"a": "near", "b": "near", "c": "far"}
    assert entries.where["a"] == "t.txt line 1"
    (problem,) = entries.problems
    assert (problem.kind, problem.path) == ("duplicate", "u.txt")
    assert problem.detail.startswith("1 of its entries")


def test_a_folder_of_labels_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_tree(tmp_path, ["Audios/MSP-PODCAST_0001_0001.wav"])
    (tmp_path / "Labels").mkdir()
    (tmp_path / "Labels" / "labels_consensus.csv").write_text(PODCAST)
    scandir = os.scandir

    def guarded(path: str | os.PathLike[str]) -> object:
        if Path(path).name == "Labels":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    with pytest.raises(CorpusError, match=r"Labels cannot be read \(Permission denied\)"):
        msp_podcast.parse(tmp_path)


@given(n_points=st.integers(2, 9), share=st.floats(0, 1))
def test_a_scale_is_moved_to_0_to_1(n_points: int, share: float) -> None:
    value = unit_interval(f" {1 + share * (n_points - 1)} ", n_points)
    assert value == pytest.approx(share)
    assert unit_interval("1", n_points) == 0
    assert unit_interval(str(n_points), n_points) == 1


@pytest.mark.parametrize("nothing", [None, "", "  ", "NaN", "nan", "0.5", "5.5", "inf"])
def test_a_missing_or_invalid_rating_is_none(nothing: str | None) -> None:
    assert unit_interval(nothing, 5) is None


def test_a_rating_that_is_not_a_number_breaks_its_line() -> None:
    with pytest.raises(LineError, match="rating '3,5' is not a number"):
        unit_interval("3,5", 5)


def test_an_unknown_code_is_named_with_the_known_ones() -> None:
    assert look_up({"a": 1}, "a", "emotion") == 1
    with pytest.raises(LineError, match="unknown emotion 'z'; known are a, b"):
        look_up({"a": 1, "b": 2}, "z", "emotion")


def test_entries_of_files_are_merged_with_their_names_and_problems(tmp_path: Path) -> None:
    one = LabelEntries("one", {"a": "x"}, {"a": "one line 1"})
    two = LabelEntries(
        "two", {"b": "y"}, {"b": "two line 1"}, table(tmp_path, "key,value\nz\n").problems
    )
    both = merge_entries([one, two])
    assert (both.source, both.found) == ("one or two", {"a": "x", "b": "y"})
    assert both.where == {"a": "one line 1", "b": "two line 1"}
    assert both.problems == two.problems


PODCAST = "FileName,EmoClass,SpkrID,Gender\n"


def test_unmatched_recordings_and_labels_are_reported(tmp_path: Path) -> None:
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


def test_a_class_without_any_recording_is_a_subset_and_not_a_fault(tmp_path: Path) -> None:
    record_tree(tmp_path, ["samples/EB0_anger_1.wav"])
    rows = (f"EB0_{e}_1.wav\t{e}\tto\tEB0\tfemale\n" for e in ("anger", "fear"))
    header = "file_id\temotion\tnormalized_text\tspeaker_id\tgender\n"
    (tmp_path / "data.tsv").write_text(header + "".join(rows))
    (problem,) = nemo.parse(tmp_path).problems
    assert (problem.kind, problem.is_fault) == ("no recording", False)


def test_recordings_without_a_label_file_are_refused_with_its_name(tmp_path: Path) -> None:
    record_tree(tmp_path, ["Audios/MSP-PODCAST_0001_0001.wav"])
    first = r": no label in labels_consensus\.csv \(not found below the root\); no recording of MSP"
    with pytest.raises(CorpusError, match=first):
        msp_podcast.parse(tmp_path)


def test_recordings_with_a_table_of_no_rows_are_refused_with_its_name(tmp_path: Path) -> None:
    record_tree(tmp_path, ["Audios/MSP-PODCAST_0001_0001.wav"])
    (tmp_path / "labels_consensus.csv").write_text(PODCAST)
    with pytest.raises(
        CorpusError, match=r": no label in labels_consensus\.csv; no recording of MSP"
    ):
        msp_podcast.parse(tmp_path)


NAMES = ["wav/03a01Fa.wav", "wav/08a01Fa.wav"]


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """Two speakers, 03 and 08, without known sexes."""
    known = emodb.parse(record_tree(tmp_path, NAMES))
    return replace(known, utterances=tuple(replace(u, gender=None) for u in known.utterances))


def listed(corpus: Corpus, text: str) -> Corpus:
    (corpus.root / "speaker_genders.txt").write_text(text, encoding="utf-8")
    return add_genders(corpus, ADULTS)


@pytest.mark.parametrize(
    "text",
    [
        *("03 f\n08 m\n", "03\tf\n\n08\tm", "03,F\r\n08, M\r\n", "03; female\n08; Male\n"),
        "\ufeff03 f\n08 m\n",
    ],
)
def test_a_line_is_a_speaker_and_a_sex(corpus: Corpus, text: str) -> None:
    found = listed(corpus, text)
    assert [u.gender for u in found.utterances] == ["female", "male"]
    assert not found.problems


def test_children_are_classes_of_their_own(corpus: Corpus) -> None:
    listed(corpus, "03 f\n08 m\n")
    found = add_genders(corpus, CHILDREN)
    assert [u.gender for u in found.utterances] == ["female child", "male child"]


def test_without_a_list_genders_are_unknown_and_counted_once(corpus: Corpus) -> None:
    found = add_genders(corpus, ADULTS)
    assert [u.gender for u in found.utterances] == [None, None]
    (problem,) = found.problems
    assert problem.detail.startswith("2 speakers have no gender (03 first)")
    assert not problem.is_fault


def test_a_list_that_cannot_be_read_is_a_fault_and_stops_nothing(corpus: Corpus) -> None:
    (corpus.root / "speaker_genders.txt").symlink_to("nowhere.txt")
    found = add_genders(corpus, ADULTS)
    assert [u.gender for u in found.utterances] == [None, None]
    reported = [(p.kind, p.path, p.is_fault) for p in found.problems]
    assert reported == [
        ("unreadable label file", "speaker_genders.txt", True),
        ("no gender", "speaker_genders.txt", False),
    ]


def test_known_genders_are_kept_unless_the_list_differs(corpus: Corpus) -> None:
    known = emodb.parse(corpus.root)
    assert [u.gender for u in listed(known, "03 f\n").utterances] == ["female", "female"]


def test_what_the_list_lacks_or_misspells_is_reported(corpus: Corpus) -> None:
    found = listed(corpus, "03 f\n8 m\n08 woman\n03\n03 m\n")
    assert [u.gender for u in found.utterances] == ["female", None]
    reported = [(p.kind, p.path, p.is_fault) for p in found.problems]
    assert reported == [
        ("broken line", "speaker_genders.txt line 3", True),
        ("broken line", "speaker_genders.txt line 4", True),
        ("repeated line", "speaker_genders.txt line 5", True),
        ("unknown speaker", "speaker_genders.txt line 2", False),
        ("no gender", "speaker_genders.txt", False),
    ]
    assert "unknown sex 'woman'; known are f, m" in found.problems[0].detail
