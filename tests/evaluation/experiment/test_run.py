"""Result files: saved and loaded unchanged, and damage is an error."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voxaffect.errors import ArtifactError
from voxaffect.evaluation.experiment.run import ARRAYS, FoldResult, load_result, save_result


def result(test_name: str = "emodb/03") -> FoldResult:
    return FoldResult(
        protocol="within",
        fold=f"within/{test_name}",
        test_name=test_name,
        system="lstm-mtl",
        seed=3,
        settings_digest="0123456789abcdef",
        ids=("emodb/wav/03a01Fa", "emodb/wav/03ä01Nc"),
        y_true=np.array([1, 0]),
        y_pred=np.array([1, 3]),
        probabilities=np.array([[0.1, 0.7, 0.1, 0.1], [0.2, 0.1, 0.1, 0.6]]),
        high_level=np.arange(32, dtype=np.float32).reshape(2, 16),
        seconds=1.5,
        details={"n_train": 300, "leakage": "nothing known", "history": [1.2, 0.9]},
    )


def test_result_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    saved, path = result(), tmp_path / "deep" / "result.npz"
    save_result(saved, path)
    loaded = load_result(path)
    for name in (f.name for f in fields(FoldResult)):
        if name in ARRAYS:
            np.testing.assert_array_equal(getattr(loaded, name), getattr(saved, name))
            assert getattr(loaded, name).dtype == getattr(saved, name).dtype
        else:
            assert getattr(loaded, name) == getattr(saved, name)
    assert [p.name for p in path.parent.iterdir()] == ["result.npz"]


@pytest.mark.parametrize(
    ("test_name", "corpus"),
    [("emodb/03", "emodb"), ("iemocap:natural", "iemocap:natural"), ("aggregated", "aggregated")],
)
def test_corpus_is_the_beginning_of_the_test_name(test_name: str, corpus: str) -> None:
    assert result(test_name).corpus == corpus


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_truncated_file_is_an_error(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "result.npz"
    save_result(result(), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(ArtifactError, match=r"is damaged .*; delete it and run again"):
        load_result(path)


@pytest.mark.parametrize("content", [b"", b"not a result", b"PK\x03\x04"])
def test_other_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "result.npz"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"result\.npz"):
        load_result(path)


def test_missing_file_and_missing_array_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="nowhere"):
        load_result(tmp_path / "nowhere.npz")
    np.savez(tmp_path / "bare.npz", y_true=np.zeros(2))
    with pytest.raises(ArtifactError, match="bare"):
        load_result(tmp_path / "bare.npz")


def test_file_of_another_version_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "result.npz"
    save_result(result(), path)
    with np.load(path) as file:
        arrays = dict(file)
    meta = json.loads(str(arrays["meta"]))
    arrays["meta"] = np.array(json.dumps({**meta, "format": 99}))
    np.savez(path, **arrays)
    with pytest.raises(ArtifactError, match="another version"):
        load_result(path)
