from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxaffect.corpora.rows import Rows, read_rows, write_rows
from voxaffect.errors import CorpusError

TEXT = st.text(st.characters(exclude_categories=["Cs"])).map(str.strip)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@settings(max_examples=30, deadline=None)
@given(lines=st.lists(st.tuples(TEXT.filter(bool), TEXT)))
def test_what_is_written_is_read_back(
    suffix: str, lines: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("rows") / f"t{suffix}"
    rows = Rows(("path", "emotion"), tuple(lines))
    write_rows(rows, path)
    assert read_rows(path) == rows


def test_a_spreadsheets_byte_order_mark_and_capitals_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "t.CSV"
    path.write_bytes("\ufeffPath , Emotion\r\na.wav, ärger \r\n".encode())
    assert read_rows(path) == Rows(("path", "emotion"), (("a.wav", "ärger"),))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_spreadsheets_encodings_are_told_by_their_marks(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("path,emotion\r\na.wav,ärger\r\n".encode(encoding))
    assert read_rows(path) == Rows(("path", "emotion"), (("a.wav", "ärger"),))


def test_bytes_that_are_no_text_become_escapes_and_are_told(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"path,emotion\na.wav,\xe4rger\n")
    rows = read_rows(path)
    assert rows.lines == (("a.wav", "\\xe4rger"),)
    (problem,) = rows.problems
    assert (problem.kind, problem.path) == ("encoding", "t.csv")
    assert problem.detail.startswith("byte 19 is not utf-8")
    assert not problem.is_fault


@pytest.mark.parametrize(
    "broken",
    ['b.wav,"sad', '"b.wav,sad', 'b.wav,"s"ad', '"b".wav,sad'],
)
@pytest.mark.parametrize(
    "after", [("c.wav", "sad"), ("c.wav", 'so "sad"'), ("c.wav", "two\nlines")]
)
def test_a_stray_quote_spoils_its_own_row_only(
    tmp_path: Path, broken: str, after: tuple[str, str]
) -> None:
    whole, broken_too = tmp_path / "whole.csv", tmp_path / "t.csv"
    write_rows(Rows(("path", "emotion"), (("a.wav", "a\r\nb"), after)), whole)
    header, a, b, *rest = whole.read_bytes().split(b"\r\n")
    broken_too.write_bytes(b"\r\n".join([header, a, b, broken.encode(), *rest]))
    rows = read_rows(broken_too)
    assert rows.lines == (("a.wav", "a\r\nb"), (), after)
    (problem,) = rows.problems
    assert (problem.kind, problem.path, problem.is_fault) == ("broken row", "t.csv row 3", True)


def test_numbers_of_a_parquet_file_stay_as_they_are_beside_nulls(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    frame = pd.DataFrame({"speaker": [3, None], "end_s": [1.25, None]})
    frame.astype({"speaker": "Int64"}).to_parquet(path)
    assert read_rows(path).lines == (("3", "1.25"), ("", ""))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xlsx", b"", "a table is a .csv or .parquet file"),
        ("t.csv", b'"path\na.wav\n', "cannot be read as a table"),
        ("t.csv", b"path,emotion,Path\n", "two columns named 'path'"),
        ("t.parquet", b"", "cannot be read as a table"),
        ("t.parquet", b"path,emotion\na.wav,sad\n", "cannot be read as a table"),
    ],
)
def test_what_is_no_table_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=message) as refusal:
        read_rows(path)
    assert str(refusal.value).startswith(f"{path}: ")


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such table"):
        read_rows(tmp_path / "t.csv")


def test_a_table_is_not_written_in_a_format_nobody_reads(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"a table is a \.csv or \.parquet file"):
        write_rows(Rows(("path",), ()), tmp_path / "t.xlsx")
    assert not list(tmp_path.iterdir())
