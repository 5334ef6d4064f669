from __future__ import annotations

from pathlib import Path

from tests.model.events import read_events
from tests.report.runs import full_run, result
from voxaffect.report.events import write_events


def test_every_training_has_a_folder_and_its_epochs(tmp_path: Path) -> None:
    results = [r for r in full_run().results if r.protocol == "aggregated"]
    folder = write_events(results, tmp_path)
    names = {path.relative_to(folder).as_posix() for path in folder.glob("*/*")}
    systems = ("dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl")
    assert names == {f"aggregated/{system}-{seed}" for system in systems for seed in (0, 1)}
    found = read_events(folder / "aggregated" / "dnn-stl-1")
    assert [event[:2] for event in found["loss/train"]] == [(1, 0.5), (2, 0.25), (3, 0.125)]


def test_names_of_speakers_lead_nowhere_else(tmp_path: Path) -> None:
    names = ("mine/..", "mine/.", "mine/?", "a:b/c d")
    folder = write_events([result(name, "dnn-stl", (5,) * 4) for name in names], tmp_path / "out")
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]
    found = {path.parent.relative_to(folder).as_posix() for path in folder.rglob("dnn-stl-0")}
    parts = {"mine/%2E%2E", "mine/%2E", "mine/%3F", "a%3Ab/c d"}
    assert found == {f"within/{part}" for part in parts}
