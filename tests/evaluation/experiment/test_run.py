"""A run on disk: results join to one table, and every fault of a file is named."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.evaluation.data import assert_same
from tests.report.runs import facts_of_one, result, run_of
from voxaffect.errors import ArtifactError, FoldError
from voxaffect.evaluation.experiment.run import FoldResult, Run, RunFolder, result_name
from voxaffect.evaluation.results import FACTS, read_table, write_table

RESULTS = [result(f"emodb/{n}", system, (5,) * 4) for n in (3, 8) for system in ("svm", "dnn-stl")]


def names_of(results: list[FoldResult]) -> list[str]:
    return [result_name(r.protocol, r.system, r.seed, r.settings_digest) for r in results]


def write(folder: RunFolder, results: list[FoldResult]) -> None:
    """Write a run as an experiment does, up to joining."""
    folder.write_header(Run({"seeds": [0]}, (), {}, note="made up"), names_of(results))
    for r in results:
        facts = pd.DataFrame({i: facts_of_one(r, i) for i in r.ids}).T.reindex(columns=[*FACTS])
        folder.write_result(r, facts)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """The folder of a run that is not joined yet."""
    made = RunFolder(tmp_path / "run")
    write(made, RESULTS)
    return made


@pytest.mark.parametrize(
    ("test_name", "test_set"),
    [("emodb/03", "emodb"), ("iemocap:natural", "iemocap:natural"), ("aggregated", "aggregated")],
)
def test_test_set_is_the_beginning_of_the_test_name(test_name: str, test_set: str) -> None:
    assert result(test_name, "svm", (5,) * 4).test_set == test_set


def test_interrupted_run_is_read_from_its_parts_and_joined_from_its_table(
    folder: RunFolder,
) -> None:
    expected = run_of(RESULTS)
    interrupted = folder.load()
    joined = folder.join()
    for part in folder.root.glob("parts/*/*"):
        part.unlink()
    for found in (interrupted, joined, folder.load()):
        assert_same(found.results, expected.results)
        pd.testing.assert_frame_equal(found.trainings, expected.trainings)
        assert found.note == "made up"
    assert folder.stored(names_of(RESULTS)) == set(names_of(RESULTS))


def test_results_of_other_settings_are_kept_and_not_in_the_table(folder: RunFolder) -> None:
    folder.join()
    folder.write_header(Run({"seeds": [0]}, (), {}), names_of(RESULTS[:1]))
    assert set(folder.join().results["system"]) == {"svm"}
    assert len(read_table(folder.root / "results.parquet")[0]) == 40
    assert folder.stored(names_of(RESULTS)) == set(names_of(RESULTS))


def test_rows_of_a_run_have_its_digest(folder: RunFolder) -> None:
    found = folder.join()
    assert set(found.results["run"]) == {found.id}
    assert found.id != Run({"seeds": [1]}, (), {}).id


def test_table_cut_short_is_named_and_its_parts_are_kept(folder: RunFolder) -> None:
    whole = folder.join()
    path = folder.root / "results.parquet"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ArtifactError, match=r"results\.parquet is damaged or cut short"):
        folder.load()
    assert_same(folder.join().results, whole.results)  # as evaluate does
    assert_same(folder.load().results, whole.results)


def test_damaged_part_is_named_and_computed_again(folder: RunFolder) -> None:
    first, *others = names_of(RESULTS)
    folder.part(first).write_bytes(b"not a table")
    with pytest.raises(ArtifactError, match=r"svm-0-.*\.parquet is damaged"):
        folder.load()
    assert folder.stored(names_of(RESULTS)) == set(others)


def test_table_with_results_of_two_runs_is_an_error(folder: RunFolder) -> None:
    folder.join()
    path = folder.root / "results.parquet"
    table, stated = read_table(path)
    frame = table.to_pandas()
    other = frame[frame["system"] == "svm"].assign(fold_digest="other", seed=1)
    write_table(pd.concat([frame, other]).astype({"fold_digest": str}), path, **stated)
    with pytest.raises(FoldError, match=r"results\.parquet has results of 2 different folds named"):
        folder.load()


def test_run_of_another_version_is_named(folder: RunFolder) -> None:
    path = folder.root / "run.json"
    header = json.loads(path.read_text("utf-8"))
    del header["format"]  # as the first version had none
    path.write_text(json.dumps(header), "utf-8")
    with pytest.raises(ArtifactError, match=r"run of another version .* \(format 1, not 2"):
        folder.load()
