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


def test_numbers_of_a_parquet_file_stay_as_they_are_beside_nulls(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    frame = pd.DataFrame({"speaker": [3, None], "end_s": [1.25, None]})
    frame.astype({"speaker": "Int64"}).to_parquet(path)
    assert read_rows(path).lines == (("3", "1.25"), ("", ""))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xlsx", b"", "a table is a .csv or .parquet file"),
        ("t.csv", b"path\n\xff\xfe\n", "cannot be read as a table"),
        ("t.csv", b'path\n"a.wav\n', "cannot be read as a table"),
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
