from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.recordings import record_tree
from voxaffect.commands.exchange import export
from voxaffect.corpora.audformat import parse_audformat
from voxaffect.corpora.loaders import emodb
from voxaffect.corpora.table import parse_table
from voxaffect.errors import ConfigError, CorpusError


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that wraps nothing."""
    monkeypatch.setenv("COLUMNS", "400")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return record_tree(tmp_path / "emodb", ["wav/03a01Fa.wav", "wav/08b10Tc.wav"])


@pytest.mark.parametrize("suffix", [".csv", ".Parquet"])
def test_a_corpus_becomes_a_table(
    root: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = root / f"table{suffix}"
    export("emodb", root, out)
    assert parse_table(out, "emodb").utterances == emodb.parse(root).utterances
    printed = capsys.readouterr()
    assert printed.out == f"{out}: 2 utterances of emodb\n"
    assert not printed.err


def test_a_corpus_becomes_a_database_where_the_name_is_of_no_table(root: Path) -> None:
    out = root.parent / "emodb-1.0"
    export("emodb", root, out)
    assert parse_audformat(out, "emodb").utterances == emodb.parse(root).utterances


def test_what_was_exported_is_exported_again(root: Path) -> None:
    """From a tree to a database, to a table, to a database: the same utterances."""
    first, second = root.parent / "first", root.parent / "second"
    table = root / "table.csv"
    export("emodb", root, first)
    export("emodb", first, table)
    export("emodb", table, second)
    assert parse_audformat(second, "emodb").utterances == emodb.parse(root).utterances


def test_the_corpuss_faults_are_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "wav" / "08b01Fd.wav").touch()
    export("emodb", root, root / "table.csv")
    assert "emodb: wav/08b01Fd.wav: has 0 bytes" in capsys.readouterr().err


def test_an_unknown_corpus_is_refused(root: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'emodb'"):
        export("emdb", root, root / "table.csv")


@pytest.mark.parametrize("place", ["table.csv", "wav/03a01Fa.wav/table.csv", "wav/03a01Fa.wav/db"])
def test_where_nothing_can_be_written_is_one_sentence(root: Path, place: str) -> None:
    (root / "table.csv").mkdir()
    with pytest.raises(CorpusError, match="cannot be written") as refusal:
        export("emodb", root, root / place)
    assert str(refusal.value).startswith(f"{root / place}: ")
    assert not list(root.glob(".*"))


def test_nothing_is_written_over_a_corpus(root: Path) -> None:
    with pytest.raises(CorpusError, match="name a new folder"):
        export("emodb", root, root)
