from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.report.test_model_card import HEADER
from voxaffect.artefact import write_artefact
from voxaffect.commands.inspection import inspect
from voxaffect.errors import ArtefactError


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write_artefact(tmp_path, HEADER, {"net.a": np.zeros((3, 4))})
    return tmp_path


def test_tables_or_the_header_as_it_stands(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inspect(model)
    assert "neutral, happy, sad, angry" in capsys.readouterr().out
    inspect(model, as_json=True)
    assert capsys.readouterr().out == (model / "recognizer.json").read_text()


def test_a_changed_recogniser_is_not_shown(model: Path) -> None:
    path = model / "recognizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "voxaffect": "9"}, indent=1) + "\n")
    with pytest.raises(ArtefactError, match="has changed"):
        inspect(model)
