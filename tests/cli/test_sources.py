"""Sources are listed as recordings, in order; those without any are reported."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from tests.corpora.recordings import record_tree
from voxaffect.audio.decode import DecodeLimits
from voxaffect.cli.sources import PIPED, Refusals, list_sources
from voxaffect.errors import ConfigError, CorpusError

LIMITS = DecodeLimits(max_bytes=64)


class Pipe:
    """Standard input with bytes in it, or a terminal."""

    def __init__(self, content: bytes, *, is_terminal: bool = False) -> None:
        self.buffer = io.BytesIO(content)
        self.isatty = lambda: is_terminal


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    record_tree(tmp_path, ["b.flac", "a.wav", "deep/c.wav", "[odd].wav"])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*named: str, listed_in: str | None = None) -> list[str]:
    refusals = Refusals()
    listed = None if listed_in is None else Path(listed_in)
    found = list_sources([Path(name) for name in named], listed, refusals, LIMITS)
    assert refusals.names == []
    return [source.name for source in found]


def test_files_patterns_and_folders_keep_their_order(folder: Path) -> None:
    assert names("nowhere.wav", "*.wav") == ["nowhere.wav", "[odd].wav", "a.wav"]
    assert names("**/*.wav") == ["[odd].wav", "a.wav", "deep/c.wav"]
    assert names("[ab].*", "deep") == ["a.wav", "b.flac", "deep/c.wav"]
    assert names(str(folder / "*.flac")) == [str(folder / "b.flac")]


def test_a_file_whose_name_is_a_pattern_is_taken_as_a_file(folder: Path) -> None:
    assert names("[odd].wav") == ["[odd].wav"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_names_of_a_list_are_not_patterns(
    folder: Path, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = end.join(["b.flac", "", "*.wav", "deep", ""])
    Path("list.txt").write_bytes(text.encode())
    expected = ["a.wav", "b.flac", "*.wav", "deep/c.wav"]
    assert names("a.wav", listed_in="list.txt") == expected
    monkeypatch.setattr("sys.stdin", Pipe(text.encode()))
    assert names("a.wav", listed_in="-") == expected


def test_a_pipe_is_read_to_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Pipe(bytes(1000)))
    (source,) = list_sources([Path("-")], None, Refusals(), LIMITS)
    assert (source.name, source.recording) == (PIPED, bytes(65))


@pytest.mark.parametrize(
    ("sources", "listed_in", "error", "message"),
    [
        ([], None, ConfigError, "no recordings given"),
        (["-", "-"], None, ConfigError, "can be read only once"),
        (["-"], "-", ConfigError, "can be read only once"),
        (["-"], None, ConfigError, "pipe a recording in, or name a file"),
        ([], "gone.txt", CorpusError, r"gone.txt: cannot read this list \(No such file"),
    ],
)
def test_impossible_sources_are_refused(
    sources: list[str],
    listed_in: str | None,
    error: type[Exception],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", Pipe(b"", is_terminal=True))
    with pytest.raises(error, match=message):
        names(*sources, listed_in=listed_in)


def test_sources_without_recordings_are_reported(folder: Path, capsys: Any) -> None:
    Path("empty").mkdir()
    refusals = Refusals()
    named = [Path(name) for name in ("*.mp3", "a.wav", "empty", "no.csv")]
    found = list_sources(named, None, refusals, LIMITS)
    assert [source.name for source in found] == ["a.wav"]
    assert refusals.names == ["*.mp3", "empty", "no.csv"]
    printed = capsys.readouterr().err.splitlines()
    assert "*.mp3: no file matches this pattern" in printed[0]
    assert "empty: no recordings found in this folder" in printed[1]
    assert "no.csv: no such table; check the path" in printed[2]
