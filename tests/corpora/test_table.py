from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpora.any_corpus import corpora, corpus_of, make_files
from tests.corpora.recordings import record_tree
from voxaffect.corpora.corpus import Utterance
from voxaffect.corpora.loaders import emodb
from voxaffect.corpora.table import list_table, parse_table, write_table
from voxaffect.errors import CorpusError

TEXT = st.text(st.characters(exclude_categories=["Cs"])).map(str.strip)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return record_tree(tmp_path, ["a.wav", "sub/b.flac"])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@settings(max_examples=30, deadline=None)
@given(texts=st.lists(st.tuples(TEXT.filter(bool), TEXT), min_size=1))
def test_any_text_that_is_written_is_read_back(
    suffix: str, texts: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = make_files(tmp_path_factory.mktemp("rows"))
    found = [
        Utterance("", "c", root / "NA.wav", label, "c/?", sentence=sentence or None, start_s=n + 1)
        for n, (label, sentence) in enumerate(texts)
    ]
    write_table(corpus_of(root, found), root / f"t{suffix}")
    rows, _ = list_table(root / f"t{suffix}", "c")
    assert [(u.label, u.sentence or "") for u, _ in rows] == texts
    assert [(row["emotion"], row["sentence"]) for _, row in rows] == texts


def emotions(path: Path) -> list[str]:
    return [row["emotion"] for _, row in list_table(path, "calls")[0]]


def test_a_spreadsheets_byte_order_mark_and_capitals_do_not_matter(folder: Path) -> None:
    path = folder / "t.CSV"
    path.write_bytes("\ufeffPath , Emotion\r\na.wav, ärger \r\n".encode())
    assert emotions(path) == ["ärger"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_are_detected_by_their_byte_order_marks(folder: Path, encoding: str) -> None:
    path = folder / "t.csv"
    path.write_bytes("path,emotion\r\na.wav,ärger\r\n".encode(encoding))
    assert emotions(path) == ["ärger"]


def test_invalid_bytes_become_escapes_and_are_reported(folder: Path) -> None:
    path = folder / "t.csv"
    path.write_bytes(b"path,emotion\na.wav,\xe4rger\n")
    ((_, row),), (problem,) = list_table(path, "calls")
    assert row["emotion"] == "\\xe4rger"
    assert (problem.kind, problem.path) == ("encoding", "t.csv")
    assert problem.detail.startswith("byte 19 is not valid utf-8")
    assert not problem.is_fault


@pytest.mark.parametrize(
    "broken",
    ['sub/b.flac,"sad', '"sub/b.flac,sad', 'sub/b.flac,"s"ad', '"sub/b".flac,sad'],
)
@pytest.mark.parametrize("after", ["sad", 'so "sad"', "two\nlines"])
def test_a_stray_quote_breaks_its_own_row_only(folder: Path, broken: str, after: str) -> None:
    before = "a\r\nb"
    found = [
        Utterance("", "c", folder / "a.wav", label, "c/1", start_s=start_s)
        for start_s, label in enumerate((before, after), start=1)
    ]
    write_table(corpus_of(folder, found), folder / "whole.csv")
    header, a, b, *rest = (folder / "whole.csv").read_bytes().split(b"\r\n")
    path = folder / "t.csv"
    path.write_bytes(b"\r\n".join([header, a, b, broken.encode(), *rest]))
    assert emotions(path) == [before, after]
    (problem,) = list_table(path, "c")[1]
    assert (problem.kind, problem.path, problem.is_fault) == ("broken row", "t.csv row 3", True)


def test_faults_are_in_the_order_of_their_rows(folder: Path) -> None:
    path = folder / "t.csv"
    path.write_text('path,emotion,speaker\nc.wav,sad,1\na.wav,"sad\na.wav\na.wav,sad,1\n')
    kinds = [p.kind for p in parse_table(path, "calls").problems]
    assert kinds == ["missing audio", "broken row", "wrong number of values"]


def test_numbers_of_a_parquet_file_are_unchanged_next_to_nulls(folder: Path) -> None:
    path = folder / "t.parquet"
    frame = pd.DataFrame({"path": ["a.wav", "sub/b.flac"], "speaker": [3, None]})
    frame["end_s"] = [1.25, None]
    frame.astype({"speaker": "Int64"}).to_parquet(path)
    rows, _ = list_table(path, "calls", required=["path"])
    assert [(row["speaker"], row["end_s"]) for _, row in rows] == [("3", "1.25"), ("", "")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xlsx", b"", "is not a .csv or .parquet file; convert it"),
        ("t.csv", b'"path\na.wav\n', "cannot be read as a table"),
        ("t.csv", b"path,emotion,Path\n", "two columns named 'path'"),
        ("t.parquet", b"", "cannot be read as a table"),
        ("t.parquet", b"path,emotion\na.wav,sad\n", "cannot be read as a table"),
    ],
)
def test_a_file_that_is_not_a_table_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=message) as refusal:
        parse_table(path, "calls")
    assert str(refusal.value).startswith(f"{path}: ")


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such table; check the path"):
        parse_table(tmp_path / "t.csv", "calls")


def test_a_table_is_not_written_in_an_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"is not a \.csv or \.parquet file; convert it"):
        write_table(corpus_of(tmp_path, []), tmp_path / "t.xlsx")
    assert not list(tmp_path.iterdir())


HEADER = "path,emotion,speaker,gender,naturalness,language,start_s,end_s,sentence,session"
NOT_A_TIME = "is not a time in seconds (0 to 1,000,000)"
RATED = "path,emotion,speaker,arousal,valence"


def table(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "calls.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def test_every_column_becomes_a_field(folder: Path) -> None:
    path = table(folder, "sub/b.flac,joy,7,female child,natural,Dutch,0.02,0.08,s1,monday")
    corpus = parse_table(path, "calls")
    assert corpus.utterances == (
        Utterance(
            id="calls/sub/b#0.020-0.080",
            corpus="calls",
            path=folder / "sub" / "b.flac",
            label="joy",
            speaker="calls/7",
            gender="female child",
            naturalness="natural",
            language="Dutch",
            sentence="s1",
            session="monday",
            start_s=0.02,
            end_s=0.08,
        ),
    )
    assert not corpus.problems
    assert (corpus.card.language, corpus.card.elicitation) == ("Dutch", "natural")


def test_two_columns_are_enough_but_missing_speakers_are_noted(folder: Path) -> None:
    path = table(folder, "sub/b.flac,sad", "a.wav,angry", header="path,emotion")
    corpus = parse_table(path, "calls")
    assert [u.id for u in corpus.utterances] == ["calls/a", "calls/sub/b"]
    assert corpus.speakers == ("calls/?",)
    (problem,) = corpus.problems
    assert problem.kind == "no speakers"
    assert problem.detail.startswith("2 rows have no speaker")


@pytest.mark.parametrize(
    ("line", "kind", "detail"),
    [
        (",sad,1,,,,,,,", "missing value", "has no path"),
        ("a.wav,,1,,,,,,,", "missing value", "has no emotion"),
        ("c.wav,sad,1,,,,,,,", "missing audio", "no such file c.wav"),
        ("sub,sad,1,,,,,,,", "missing audio", "no such file sub"),
        (f"{400 * 'a'}.wav,sad,1,,,,,,,", "missing audio", "cannot open aaa"),
        ("a.wav,sad,1,woman,,,,,,", "wrong gender", "unknown gender 'woman', use one of female"),
        ("a.wav,sad,1,,staged,,,,,", "wrong naturalness", "use one of natural, acted"),
        ("a.wav,sad,1,,,,2,1,,", "wrong segment", "ends at 1 s, not after its start at 2 s"),
        ("a.wav,sad,1,,,,1,1,,", "wrong segment", "ends at 1 s, not after its start at 1 s"),
        ("a.wav,sad,1,,,,-1,,,", "wrong segment", f"'-1' {NOT_A_TIME}"),
        ("a.wav,sad,1,,,,,soon,,", "wrong segment", f"'soon' {NOT_A_TIME}"),
        ("a.wav,sad,1,,,,,nan,,", "wrong segment", f"'nan' {NOT_A_TIME}"),
        ("a.wav,sad,1,,,,,inf,,", "wrong segment", f"'inf' {NOT_A_TIME}"),
        ("a.wav,sad", "wrong number of values", "has 2 values for 10 columns"),
        (
            "a.wav,sad,1,,,,1e308,,,",
            "wrong segment",
            f"'1e308' {NOT_A_TIME}",
        ),
        ("a.wav,sad,1,,,,0,1e7,,", "wrong segment", f"'1e7' {NOT_A_TIME}"),
        (
            'a.wav,"sad,1,,,,,,,',
            "broken row",
            "is not a valid row of a table (unexpected end of data)",
        ),
        ("sub/b.flac,sad,1,,,,,,,", "duplicate row", "repeats the segment of calls.csv row 2"),
        (
            "sub/../sub/b.flac,sad,1,,,,0,,,",
            "duplicate row",
            "repeats the segment of calls.csv row 2",
        ),
    ],
)
def test_a_fault_of_a_row_is_counted_and_the_rest_is_kept(
    folder: Path, line: str, kind: str, detail: str
) -> None:
    corpus = parse_table(table(folder, "sub/b.flac,joy,1,,,,,,,", "", line), "calls")
    assert [u.label for u in corpus.utterances] == ["joy"]
    (problem,) = corpus.problems
    assert (problem.kind, problem.path) == (kind, "calls.csv row 4")
    assert detail in problem.detail
    assert problem.is_fault


def test_ratings_are_read_where_there_are_any(folder: Path) -> None:
    path = table(folder, "a.wav,joy,1,0.75,1", "sub/b.flac,sad,1,0,", header=RATED)
    first, second = parse_table(path, "calls").utterances
    assert (first.arousal, first.valence) == (0.75, 1.0)
    assert (second.arousal, second.valence) == (0.0, None)


@pytest.mark.parametrize("rating", ["1.01", "-0.5", "nan", "high"])
@pytest.mark.parametrize("column", ["arousal", "valence"])
def test_a_rating_outside_its_range_is_a_fault_of_its_row(
    folder: Path, column: str, rating: str
) -> None:
    header = f"path,emotion,speaker,{column}"
    path = table(folder, "sub/b.flac,joy,1,0.5", f"a.wav,sad,1,{rating}", header=header)
    corpus = parse_table(path, "calls")
    assert [u.label for u in corpus.utterances] == ["joy"]
    (problem,) = corpus.problems
    assert problem.kind == f"wrong {column}"
    assert problem.detail == f"'{rating}' is not a number from 0 to 1; left out"
    assert problem.is_fault


def test_a_misspelled_column_is_named_with_the_nearest_known_one(folder: Path) -> None:
    path = table(folder, "a.wav,joy,1,5", header="path,emotion,speaker,gendre")
    (problem,) = parse_table(path, "calls").problems
    assert problem.kind == "unknown column"
    assert problem.detail == "column 'gendre' is ignored; did you mean 'gender'?"
    assert not problem.is_fault


@pytest.mark.parametrize(
    ("header", "lines", "message"),
    [
        ("path,label", ["a.wav,joy"], "column 'emotion' is missing; its columns are: path, label"),
        ("path;emotion", ["a.wav;joy"], "column 'path' is missing; its columns are: path;emotion"),
        ("", [], "column 'path' is missing; its columns are: none"),
        (HEADER, [], "has no usable row; add or correct its rows"),
        (HEADER, ["c.wav,sad,,,,,,,,"], r"\(calls.csv row 2: no such file c.wav; left out\)"),
    ],
)
def test_a_fault_of_the_table_refuses_it(
    folder: Path, header: str, lines: list[str], message: str
) -> None:
    path = table(folder, *lines, header=header)
    with pytest.raises(CorpusError, match=message) as refusal:
        parse_table(path, "calls")
    assert str(refusal.value).startswith(f"{path}: ")


def test_segments_of_one_recording_have_ids_of_their_own(folder: Path) -> None:
    lines = [f"a.wav,joy,1,,,,{start},{end},," for start, end in [("", 0.03), (0.03, 0.06)]]
    corpus = parse_table(table(folder, *lines, "a.wav,sad,1,,,,0.06,,,"), "calls")
    assert [u.id for u in corpus.utterances] == [
        "calls/a#0.000-0.030",
        "calls/a#0.030-0.060",
        "calls/a#0.060-",
    ]


def test_recordings_of_one_stem_and_segments_of_one_millisecond_are_all_kept(
    tmp_path: Path,
) -> None:
    names = ("two.au", "two.flac", "two.au.wav", "one.wav")
    record_tree(tmp_path, names)
    lines = [f"{name},joy,1,,,,,,," for name in names]
    lines += [f"one.wav,joy,1,,,,{start},1,," for start in ("0.0001", "0.0002", "0.5")]
    for order in (lines, lines[::-1]):
        corpus = parse_table(table(tmp_path, *order), "calls")
        assert not corpus.problems
        assert {(u.id, u.path.name) for u in corpus.utterances} == {
            ("calls/two.au", "two.au"),
            ("calls/two.flac", "two.flac"),
            ("calls/two.au.wav", "two.au.wav"),  # for `calls/two.au` is taken
            ("calls/one", "one.wav"),
            ("calls/one.wav#0.0001-1.0", "one.wav"),
            ("calls/one.wav#0.0002-1.0", "one.wav"),
            ("calls/one#0.500-1.000", "one.wav"),
        }


def test_a_table_is_listed_in_its_own_order_as_it_was_written(folder: Path) -> None:
    lines = ["sub/../sub/b.flac,0.50,", "c.wav,,", "a.wav,,", "sub/b.flac,,0.5"]
    rows, problems = list_table(
        table(folder, *lines, header="path,start_s,end_s"), "calls", required=("path",)
    )
    assert [(u.id, row["path"], row["start_s"], row["end_s"]) for u, row in rows] == [
        ("calls/sub/b#0.500-", "sub/../sub/b.flac", "0.50", ""),
        ("calls/a", "a.wav", "", ""),
        ("calls/sub/b#0.000-0.500", "sub/b.flac", "", "0.5"),
    ]
    (fault,) = problems  # and none about speakers, which are not required
    assert fault.path == "calls.csv row 3"


def test_one_byte_or_quote_does_not_refuse_a_table(folder: Path) -> None:
    path = folder / "calls.csv"
    lines = [
        b"path,emotion,speaker,sentence",
        b"a.wav,joy,1,\xfcber",
        b'a.wav,"joy,1,',
        b"c.wav,,,",
    ]
    path.write_bytes(b"\r\n".join([*lines, b'sub/b.flac,sad,1,"two', b'lines"']))
    corpus = parse_table(path, "calls")
    assert [(u.id, u.sentence) for u in corpus.utterances] == [
        ("calls/a", "\\xfcber"),
        ("calls/sub/b", "two\r\nlines"),
    ]
    kinds = [(p.kind, p.path, p.is_fault) for p in corpus.problems]
    assert kinds == [
        ("encoding", "calls.csv", False),
        ("broken row", "calls.csv row 3", True),
        ("missing value", "calls.csv row 4", True),
    ]
    assert "save the file as UTF-8" in corpus.problems[0].detail


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_loaded_corpus_survives_a_round_trip_through_a_table(tmp_path: Path, suffix: str) -> None:
    corpus = emodb.parse(record_tree(tmp_path, ["wav/03a01Fa.wav", "wav/08b10Tc.wav"]))
    write_table(corpus, tmp_path / f"table{suffix}")
    again = parse_table(tmp_path / f"table{suffix}", "emodb")
    assert again.utterances == corpus.utterances
    assert not again.problems


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_corpus_survives_a_round_trip_through_a_table(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    root = make_files(tmp_path_factory.mktemp("corpus"))
    corpus = data.draw(corpora(root))
    write_table(corpus, root / f"t{suffix}")
    assert parse_table(root / f"t{suffix}", "c").utterances == corpus.utterances


def test_a_table_elsewhere_points_at_the_audio(tmp_path: Path) -> None:
    corpus = emodb.parse(record_tree(tmp_path / "emodb", ["wav/03a01Fa.wav"]))
    path = tmp_path / "tables" / "emodb.csv"
    write_table(corpus, path)
    assert "../emodb/wav/03a01Fa.wav" in path.read_text()
    (utterance,) = parse_table(path, "emodb").utterances
    assert utterance.path.samefile(corpus.utterances[0].path)


def test_a_recording_whose_name_is_not_utf8_cannot_be_in_a_table(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.wav"))
    utterance = Utterance("c/x", "c", path, "joy", "c/1")
    with pytest.raises(CorpusError, match=r"\\xff.wav: its name is not valid UTF-8; rename"):
        write_table(corpus_of(tmp_path, [utterance]), tmp_path / "t.csv")
    assert not list(tmp_path.iterdir())
