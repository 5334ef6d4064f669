from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import pytest

from tests.corpora.recordings import record, record_tree
from voxaffect.corpora.corpus import Elicitation
from voxaffect.corpora.filename_parsing import (
    ParsedName,
    by_groups,
    corpus_from_names,
    find_files,
    find_recordings,
)
from voxaffect.corpora.loaders import emodb
from voxaffect.errors import CorpusError


def test_recordings_nearest_to_the_root_come_first(tmp_path: Path) -> None:
    names = ["b.wav", "z.wav", "a/a.wav", "a/b/a.wav"]
    found, problems = find_recordings(record_tree(tmp_path, reversed(names)))
    assert [path.relative_to(tmp_path).as_posix() for path in found] == names
    assert not problems


def test_files_of_any_kind_are_found_but_not_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.txt", "a/a.txt", "a/.a.txt", ".git/c.txt", "a/d.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found, _ = find_files(tmp_path, lambda path: path.suffix == ".txt")
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["b.txt", "a/a.txt"]


def test_a_sound_comes_before_the_film_it_is_from(tmp_path: Path) -> None:
    names = ["b.wav", "a.avi", "b.avi", "x/c.wav"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found, _ = find_recordings(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found] == names


def test_a_take_under_another_name_is_a_copy(tmp_path: Path) -> None:
    def read(name: re.Match[str], relative: PurePath) -> ParsedName:
        return ParsedName("joy", "1", take=name[1])

    root, pattern = record_tree(tmp_path, ["a1.wav", "b1.wav"]), re.compile(r".(\d)")
    corpus = corpus_from_names(emodb.CARD, pattern, read, "a1.wav", root)
    (copy,) = corpus.problems
    assert (copy.kind, copy.path) == ("duplicate", "b1.wav")


@pytest.mark.parametrize(
    ("name", "stated"),
    [
        ("f1-J", ParsedName("joy", "f1", "female")),
        ("m2-J-s3", ParsedName("joy", "m2", "male", "s3")),
        ("x3-J", ParsedName("joy", "x3", "male child")),
        ("-J", ParsedName("joy", "?")),
    ],
)
def test_groups_of_a_name_state_everything(name: str, stated: ParsedName) -> None:
    pattern = r"(?P<speaker>(?:(?P<sex>[fm])|x)\d)?-(?P<emotion>J)(?:-(?P<sentence>\w+))?"
    match = re.fullmatch(pattern, name)
    assert match
    parse_name = by_groups({"J": "joy"}, genders={"x3": "male child", "f1": "male"})
    assert parse_name(match, PurePath(f"{name}.wav")) == stated


def test_a_name_is_a_copy_only_of_the_same_speaker_and_session(tmp_path: Path) -> None:
    """Folders a/1 to b/2 are speaker and session; `copy` repeats them."""

    def read(name: re.Match[str], relative: PurePath) -> ParsedName:
        speaker, session = relative.parts[-3:-1]
        return ParsedName("joy", speaker, session=session)

    names = [f"{speaker}/{session}/x.wav" for speaker in "ab" for session in "12"]
    root = record_tree(tmp_path, [*names, *(f"copy/{name}" for name in names)])
    corpus = corpus_from_names(emodb.CARD, re.compile("x"), read, "a/1/x.wav", root)
    assert [u.path.relative_to(root).as_posix() for u in corpus.utterances] == names
    assert [p.kind for p in corpus.problems] == ["duplicate"] * 4


@pytest.mark.parametrize(
    ("elicitation", "stated", "expected"),
    [("acted", None, "acted"), ("mixed", None, None), ("mixed", "natural", "natural")],
)
def test_naturalness_is_the_cards_unless_the_name_states_it(
    tmp_path: Path, elicitation: Elicitation, stated: str | None, expected: str | None
) -> None:
    card = replace(emodb.CARD, elicitation=elicitation)
    root = record_tree(tmp_path, ["x.wav"])

    def read(name: re.Match[str], relative: PurePath) -> ParsedName:
        return ParsedName("joy", "1", naturalness=stated)

    corpus = corpus_from_names(card, re.compile("x"), read, "x.wav", root)
    assert [u.naturalness for u in corpus.utterances] == [expected]


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


@pytest.mark.parametrize(
    ("target", "fix"),
    [("gone.wav", "restore the target of this link"), ("03a01Wa.wav", "check it")],
)
def test_a_recording_that_cannot_be_read_has_a_fix(tmp_path: Path, target: str, fix: str) -> None:
    record(tmp_path / "03a01Fa.wav")
    (tmp_path / "03a01Wa.wav").symlink_to(target)
    (problem,) = emodb.parse(tmp_path).problems
    assert (problem.kind, problem.is_fault) == ("unreadable file", True)
    assert problem.detail.endswith(f"; {fix}")


@pytest.mark.parametrize(
    ("folders", "expected"),
    [("a1/x/a2/a3", ["a2", "a3"]), ("a1/x", []), ("x/a1", ["a1"])],
)
def test_folders_above_match_without_a_gap(
    tmp_path: Path, folders: str, expected: list[str]
) -> None:
    root = tmp_path / folders
    root.mkdir(parents=True)
    record(root / "n.wav")
    (tmp_path / "link").symlink_to(root, target_is_directory=True)
    received: list[PurePath] = []

    def parse_name(_: re.Match[str], path: PurePath) -> ParsedName:
        received.append(path)
        return ParsedName("sad", "1")

    for folder in (root, tmp_path / "link"):
        parents = re.compile(r"a\d")
        corpus_from_names(emodb.CARD, re.compile("n"), parse_name, "n.wav", folder, parents=parents)
    assert received == [PurePath(*expected, "n.wav")] * 2


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


def test_a_tree_whose_only_folder_is_locked_is_refused_with_the_reason(locked: Path) -> None:
    with pytest.raises(CorpusError, match="locked cannot be read"):
        emodb.parse(locked.parent)


def test_a_folder_whose_name_is_not_utf8_gives_an_id_that_is(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"K\xf6ln")
    record(folder / "03a01Fa.wav")
    (utterance,) = emodb.parse(tmp_path).utterances
    assert utterance.id == r"emodb/K\xf6ln/03a01Fa"
    assert utterance.path.is_file()
