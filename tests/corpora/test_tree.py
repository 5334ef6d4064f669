from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.corpora.recordings import record, record_tree
from voxaffect.corpora import emodb
from voxaffect.corpora.tree import find_recordings
from voxaffect.errors import CorpusError


def test_those_nearest_to_the_root_come_first(tmp_path: Path) -> None:
    names = ["b.wav", "z.wav", "a/a.wav", "a/b/a.wav"]
    found, problems = find_recordings(record_tree(tmp_path, reversed(names)))
    assert [path.relative_to(tmp_path).as_posix() for path in found] == names
    assert not problems


def test_a_linked_folder_is_followed_once(tmp_path: Path) -> None:
    record(tmp_path / "elsewhere" / "a.wav")
    root = tmp_path / "root"
    root.mkdir()
    for link in ("one", "two"):
        (root / link).symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    found, _ = find_recordings(root)
    assert len(found) == 1


def test_a_root_that_links_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(CorpusError, match="loop: cannot be read"):
        find_recordings(tmp_path / "loop")


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that may not be read, for the superuser too."""
    folder = record(tmp_path / "tree" / "locked" / "03a01Fa.wav").parent
    scandir = os.scandir

    def guarded(path: str | os.PathLike[str]) -> Iterator[Any]:
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    return folder


def test_a_folder_that_may_not_be_read_is_named(locked: Path) -> None:
    record(locked.parent / "wav" / "03a01Wa.wav")
    (problem,) = emodb.parse(locked.parent).problems
    assert (problem.kind, problem.path) == ("unreadable folder", "locked")
    assert "Permission denied" in problem.detail
    assert problem.is_fault


def test_a_tree_whose_only_folder_is_locked_says_so(locked: Path) -> None:
    with pytest.raises(CorpusError, match="locked cannot be read"):
        emodb.parse(locked.parent)


def test_a_folder_whose_name_is_not_utf8_gives_an_id_that_is(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"K\xf6ln")
    record(folder / "03a01Fa.wav")
    (utterance,) = emodb.parse(tmp_path).utterances
    assert utterance.id == r"emodb/K\xf6ln/03a01Fa"
    assert utterance.path.is_file()
