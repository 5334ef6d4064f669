from __future__ import annotations

import sys
from pathlib import Path

import pytest

from voxaffect.commands import training
from voxaffect.commands.training import train
from voxaffect.errors import ArtefactError, TrainingError


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of a training that must not come as far as reading corpora."""
    path = tmp_path / "settings.toml"
    path.write_text('[corpora]\nemodb = "nowhere"\n')
    monkeypatch.setattr(training, "prepare_corpora", lambda *_: pytest.fail("came too far"))
    return path


def test_training_tries_its_folder_before_anything_else(settings: Path) -> None:
    with pytest.raises(ArtefactError, match=r"settings\.toml: cannot be written"):
        train(settings, settings, system_name="lstm-mtl", seed=0, n_jobs=1)


def test_training_asks_for_tensorboard_before_anything_else(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TrainingError, match=r"voxaffect\[tensorboard\]"):
        train(settings, tmp_path, system_name="lstm-mtl", seed=0, n_jobs=1, tensorboard=True)
