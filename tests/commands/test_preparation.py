"""Feature sets that systems need beside the run's own: from the settings to a report."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from voxaffect.commands.evaluation import evaluate
from voxaffect.commands.preparation import prepare_corpora
from voxaffect.config.file import load_settings
from voxaffect.errors import FeatureError
from voxaffect.evaluation.experiment.run import RunFolder
from voxaffect.simulation.trees import simulate

SETTINGS = """
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
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus and settings."""
    folder = tmp_path_factory.mktemp("project")
    simulate(folder / "trees", seed=1, scale=0.25, corpora=("emodb",))
    (folder / "settings.toml").write_text(SETTINGS)
    return folder


def test_a_run_of_baselines_ends_in_a_report(project: Path, tmp_path: Path) -> None:
    asked = {"protocols": None, "systems": None, "seeds": None}
    assert evaluate(project / "settings.toml", tmp_path, n_jobs=1, **asked) == 0  # type: ignore[arg-type]
    run = RunFolder(tmp_path).load()
    assert len(run.results) == len(run.thinned) == 5
    assert len({r.ids for r in (*run.results, *run.thinned)}) == 1
    assert run.settings["other_features"]["egemaps"]["set"] == "eGeMAPSv02"
    assert run.settings["train_shares"] == [0.5, 1.0]
    assert run.settings["systems"]["logistic"]["penalties"] == [0.01]
    said = (tmp_path / "report.md").read_text()
    assert "## With less training data" in said
    assert "egemaps-logistic" in said
    assert (tmp_path / "amounts.csv").read_text().count("aggregated@0.5") == 5


def test_only_sets_that_are_asked_for_are_extracted(project: Path) -> None:
    settings = load_settings(project / "settings.toml")
    assert settings.feature_sets() == ("egemaps",)
    assert prepare_corpora(settings, n_jobs=1).others == {}
    assert set(prepare_corpora(settings, 1, settings.feature_sets()).others) == {"egemaps"}


def test_without_the_library_a_run_ends_before_anything_is_read(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opensmile", None)
    settings = load_settings(project / "settings.toml")
    monkeypatch.setattr(type(settings), "load_corpora", lambda self: pytest.fail("was read"))
    with pytest.raises(FeatureError, match=r"pip install 'voxaffect\[opensmile\]'"):
        prepare_corpora(settings, 1, settings.feature_sets())
