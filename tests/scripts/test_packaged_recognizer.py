"""The script that trains the packaged recognizer, on a small corpus and from an empty store."""

from __future__ import annotations

import csv
import importlib.util
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from voxaffect.recognizer.serialization import read_artifact
from voxaffect.simulation.trees import simulate

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "packaged_recognizer.py"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings of two short epochs on simulated speech, with a store of their own."""
    root = tmp_path_factory.mktemp("small")
    simulate(root, seed=3, scale=0.2, corpora=("emodb",))
    path = root / "small.toml"
    path.write_text(
        f"""
        [corpora]
        emodb = "{root / "emodb"}"
        [evaluate]
        dev = "speakers"
        [training]
        max_epochs = 2
        batches_per_epoch = 4
        [training.dnn]
        batch_size = 64
        """
    )
    return path


@pytest.fixture
def script() -> ModuleType:
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("packaged_recognizer", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def recipe(
    script: ModuleType, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """The recipe of `fast` on that, below a folder of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    own = script.RECIPES["fast"]
    packaged = tmp_path / "packaged"
    shutil.copytree(own.folder, packaged)
    scores = tmp_path / "scores" / "dev_scores.csv"
    small = {"config": config, "folder": packaged, "scores": scores, "seeds": range(2)}
    return replace(own, **small, candidates=("dnn-mean", "mean-logistic"))


def test_it_is_the_same_again_and_of_its_seeds_the_one_that_dev_prefers(
    script: ModuleType, recipe: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("once", "again"):
        (tmp_path / name).mkdir()
    best = script.trained(recipe, tmp_path / "once")
    assert script.dev_ua(best) == max(script.dev_ua(best.parent / str(seed)) for seed in (0, 1))
    with pytest.raises(SystemExit, match="not the same again"):
        script.check(recipe, best)  # what is packaged learned from other speech
    script.renew(recipe, best)
    assert len([*recipe.folder.glob("weights-*")]) == 1
    assert read_artifact(recipe.folder)[0] == read_artifact(best)[0]
    script.check(recipe, script.trained(recipe, tmp_path / "again"))
    assert "the same again" in capsys.readouterr().out


def test_candidates_are_scored_on_speakers_held_out(script: ModuleType, recipe: Any) -> None:
    script.choose(recipe)
    with recipe.scores.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["system"] for row in rows] == ["dnn-mean"] * 3 + ["mean-logistic"] * 3
    assert all(0 <= float(row["UA"]) <= 1 and int(row["dev utterances"]) for row in rows)
