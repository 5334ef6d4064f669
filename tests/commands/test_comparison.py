"""compare, from two folders to the terminal and to files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.runs import full_run
from voxaffect.cli import main
from voxaffect.commands.comparison import compare, pairs
from voxaffect.errors import ArtefactError, ConfigError
from voxaffect.evaluation.experiment.run import Run, RunFolder, result_name


def written(run: Run, root: Path) -> Path:
    """A run as evaluate leaves it."""
    results = [replace(r, settings_digest=f"{i:016x}") for i, r in enumerate(run.results)]
    names = [result_name(r.protocol, r.system, r.seed, r.settings_digest) for r in results]
    RunFolder(root).write_header(replace(run, results=()), names)
    for result in results:
        RunFolder(root).write_result(result)
    return root


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run, and another of one seed that lacks a fold."""
    folder = tmp_path_factory.mktemp("runs")
    a = full_run()
    kept = tuple(r for r in a.results if r.seed == 0 and r.fold != "within/emodb/h")
    return written(a, folder / "one"), written(replace(a, results=kept), folder / "two")


def test_terminal_and_files_say_what_matches_and_what_was_gained(
    runs: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["voxaffect", "compare", *map(str, runs), "-o", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    told = " ".join(capsys.readouterr().out.split())
    assert "Only A has 1 fold (within/emodb/h), not compared." in told
    assert "seeds svm 0, 1 0" in told
    plain = json.loads((tmp_path / "comparison.json").read_text("utf-8"))
    assert (plain["a"], plain["b"]) == tuple(map(str, runs))
    assert plain["matching"]["only_a"] == ["within/emodb/h"]
    first = plain["comparisons"][0]
    assert (first["system"], first["unit"], first["n_pairs"]) == ("B dnn-stl", "speakers", 8)
    assert "# Two runs compared" in (tmp_path / "comparison.md").read_text("utf-8")


def test_without_a_folder_nothing_is_written(
    runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(runs[0].rglob("*"))
    compare(*runs, out=None, systems="svm:lstm-mtl")
    assert "lstm-mtl (A: svm)" in capsys.readouterr().out
    assert sorted(runs[0].rglob("*")) == before


def test_what_is_not_there_is_named(runs: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"holds no run\.json"):
        compare(runs[0], tmp_path, out=None, systems=None)
    with pytest.raises(ConfigError, match="the second run has no results of blstm"):
        compare(*runs, out=None, systems="svm:blstm")


@pytest.mark.parametrize("text", ["", "a:b:c", "a:", ":b", "svm,,dnn-stl"])
def test_what_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="no pair of systems"):
        pairs(text)


def test_pairs_of_systems() -> None:
    assert pairs("svm, dnn-stl:dnn-mtl") == [("svm", "svm"), ("dnn-stl", "dnn-mtl")]
