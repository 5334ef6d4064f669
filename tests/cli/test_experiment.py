"""The commands of experiments: comparing runs, Ctrl-C, clusters, feature sets of systems."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.processes import alive, start, wait_for
from tests.report.runs import facts_of_one, full_results, full_run
from voxaffect.cli.experiment import compare, evaluate, pairs, prepare_corpora
from voxaffect.cli.main import main
from voxaffect.config.file import load_settings
from voxaffect.errors import ArtifactError, ConfigError, FeatureError
from voxaffect.evaluation.experiment.run import FoldResult, RunFolder, result_name
from voxaffect.evaluation.results import FACTS
from voxaffect.simulation.trees import simulate


def written(results: Sequence[FoldResult], root: Path) -> Path:
    """Write a run as evaluate does."""
    folder = RunFolder(root)
    names = [result_name(r.protocol, r.system, r.seed, r.settings_digest) for r in results]
    folder.write_header(full_run(results=results), names)
    for r in results:
        facts = pd.DataFrame({i: facts_of_one(r, i) for i in r.ids}).T.reindex(columns=[*FACTS])
        folder.write_result(r, facts)
    return root


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run, and another of one seed that lacks a fold."""
    folder = tmp_path_factory.mktemp("runs")
    results = full_results()
    kept = [r for r in results if r.seed == 0 and r.fold != "within/emodb/h"]
    return written(results, folder / "one"), written(kept, folder / "two")


def test_compare_prints_and_writes_matches_and_gains(
    runs: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["voxaffect", "compare", *map(str, runs), "-o", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    text = " ".join(capsys.readouterr().out.split())
    assert "Only in A, not compared: 1 fold (within/emodb/h)." in text
    assert "seeds svm 0, 1 0" in text
    plain = json.loads((tmp_path / "comparison.json").read_text("utf-8"))
    assert (plain["a"], plain["b"]) == tuple(map(str, runs))
    assert plain["matching"]["only_a"] == ["within/emodb/h"]
    first = plain["comparisons"][0]
    assert (first["system"], first["unit"], first["n_pairs"]) == ("B dnn-stl", "speakers", 8)
    assert "# Comparison of two runs" in (tmp_path / "comparison.md").read_text("utf-8")


def test_compare_without_out_writes_nothing(
    runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(runs[0].rglob("*"))
    compare(*runs, out=None, systems="svm:lstm-mtl")
    assert "lstm-mtl (A: svm)" in capsys.readouterr().out
    assert sorted(runs[0].rglob("*")) == before


def test_missing_runs_and_systems_are_named(runs: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"has no run\.json"):
        compare(runs[0], tmp_path, out=None, systems=None)
    with pytest.raises(ConfigError, match="the second run has no results of blstm"):
        compare(*runs, out=None, systems="svm:blstm")


@pytest.mark.parametrize("text", ["", "a:b:c", "a:", ":b", "svm,,dnn-stl"])
def test_invalid_pairs_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="not a pair of systems"):
        pairs(text)


def test_pairs_of_systems() -> None:
    assert pairs("svm, dnn-stl:dnn-mtl") == [("svm", "svm"), ("dnn-stl", "dnn-mtl")]


SETTINGS = """
[corpora]
emodb = "trees/emodb"
urdu = "trees/urdu"
[features]
store = "store"
[training]
max_epochs = 5000
patience = 5000
[training.dnn]
batches_per_epoch = 2000
[evaluate]
protocols = ["cross"]
systems = ["svm", "dnn-mtl"]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two corpora, and settings that take hours."""
    folder = tmp_path_factory.mktemp("project")
    simulate(folder / "trees", seed=1, scale=0.25, corpora=("emodb", "urdu"))
    (folder / "settings.toml").write_text(SETTINGS)
    return folder


def test_ctrl_c_stops_at_once_and_keeps_finished_results(project: Path) -> None:
    out = project / "stopped"
    words = ("evaluate", project / "settings.toml", "--out", out, "-j", 2)
    process = start("-m", "voxaffect", *words)
    wait_for(lambda: len([*out.glob("parts/*/svm*.parquet")]) == 2)
    os.killpg(process.pid, signal.SIGINT)
    _, text = process.communicate(timeout=120)  # of hours that are left
    assert process.returncode == 130
    assert text.count(f"interrupted; results so far are in {out}; run the same command") == 1
    assert "Traceback" not in text
    assert "Warning" not in text
    wait_for(lambda: not alive(process.pid))
    assert len(RunFolder(out).load().trainings) == 2
    assert not [path for path in out.rglob(".*") if path.is_file()]


@pytest.mark.parametrize("command", [("extract",), ("train", "--out", "models/new")])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--backend", "ray"), "give --address as well"),
        (("--address", "host:1"), "add --backend ray or dask"),
        (("--backend", "ray", "--address", "127.0.0.1:1"), "no Ray cluster answers there"),
        (("--backend", "dask", "--address", "127.0.0.1:1"), "no Dask scheduler answers there"),
    ],
)
def test_an_unreachable_cluster_is_refused_in_one_sentence(
    command: tuple[str, ...],
    words: tuple[str, ...],
    message: str,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name, *options = command
    monkeypatch.chdir(project)
    monkeypatch.setattr("sys.argv", ["voxaffect", name, "settings.toml", *options, *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed


SETTINGS_PREPARATION = """
[corpora]
emodb = "trees/emodb"
[features]
store = "store"
[logistic]
penalties = [0.01]
[evaluate]
protocols = ["aggregated"]
systems = ["majority", "svm", "logistic", "egemaps-svm", "egemaps-logistic"]
train_shares = [0.5, 1.0]
"""


@pytest.fixture(scope="module")
def project_preparation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus and settings."""
    folder = tmp_path_factory.mktemp("project")
    simulate(folder / "trees", seed=1, scale=0.25, corpora=("emodb",))
    (folder / "settings.toml").write_text(SETTINGS_PREPARATION)
    return folder


def test_a_run_of_baselines_has_a_report(project_preparation: Path, tmp_path: Path) -> None:
    assert evaluate(project_preparation / "settings.toml", tmp_path, jobs=1) == 0
    run = RunFolder(tmp_path).load()
    assert len(run.trainings) == 2 * 5
    tested = pd.concat([run.results, run.thinned]).groupby("settings_digest", observed=True)
    assert len({tuple(own) for _, own in tested["utterance"]}) == 1
    assert run.settings["other_features"]["egemaps"]["set"] == "eGeMAPSv02"
    assert run.settings["train_shares"] == [0.5, 1.0]
    assert run.settings["systems"]["logistic"]["penalties"] == [0.01]
    text = (tmp_path / "report.md").read_text()
    assert "## Learning curve (training set size)" in text
    assert "egemaps-logistic" in text
    assert (tmp_path / "amounts.csv").read_text().count("aggregated@0.5") == 5


def test_predictions_on_request_are_the_table_of_results_without_functionals(
    project_preparation: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, table = project_preparation / "settings.toml", tmp_path / "predictions.csv"
    options: dict[str, Any] = {"systems": "majority,svm", "jobs": 1}
    assert evaluate(settings, tmp_path, **options) == 0
    assert not table.exists()
    assert evaluate(settings, tmp_path, **options, predictions=True) == 0
    assert f"wrote {table}" in capsys.readouterr().out.replace("\n", "")
    found = pd.read_csv(table, keep_default_na=False, na_values=[""])
    stored = pd.read_parquet(tmp_path / "results.parquet").drop(columns="functionals")
    assert set(found["train_share"]) == {0.5, 1.0}
    as_text = {name: stored[name].astype(object) for name in stored}
    pd.testing.assert_frame_equal(found, pd.DataFrame(as_text), check_dtype=False)


def test_only_requested_feature_sets_are_extracted(project_preparation: Path) -> None:
    settings = load_settings(project_preparation / "settings.toml")
    assert settings.feature_sets() == ("egemaps",)
    assert prepare_corpora(settings, n_jobs=1).others == {}
    assert set(prepare_corpora(settings, 1, settings.feature_sets()).others) == {"egemaps"}


def test_a_missing_library_is_named_before_corpora_are_read(
    project_preparation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opensmile", None)
    settings = load_settings(project_preparation / "settings.toml")
    monkeypatch.setattr(
        type(settings), "load_corpora", lambda self: pytest.fail("corpora were read")
    )
    with pytest.raises(FeatureError, match=r"pip install 'voxaffect\[opensmile\]'"):
        prepare_corpora(settings, 1, settings.feature_sets())
