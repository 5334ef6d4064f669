"""The table of results: it is read as written, faults are named, and metrics are group-bys."""

from __future__ import annotations

from pathlib import Path
from statistics import stdev

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.report.runs import result, table_of
from voxaffect.errors import ArtifactError, FoldError
from voxaffect.evaluation.experiment.run import FoldResult
from voxaffect.evaluation.results import (
    FORMAT,
    PROBABILITIES,
    SCHEMA,
    by_system,
    chance,
    check_folds,
    complete,
    confusions,
    display_order,
    metrics_by,
    pick,
    read_table,
    row,
    score_table,
    shares,
    typed,
    write_table,
)


def score(results: list[FoldResult]) -> dict[str, float]:
    (found,) = score_table(table_of(results)).to_dict("records")
    return {str(name): value for name, value in found.items()}


FOLDS = [
    result(f"emodb/{speaker}", system, (2, 3, 4, 5), seed=seed)
    for speaker in ("10", "9", "a")
    for system in ("svm", "dnn-stl")
    for seed in (1, 0)
]


def test_table_is_read_as_it_was_written_and_in_the_order_of_the_report(tmp_path: Path) -> None:
    frame, path = table_of(FOLDS), tmp_path / "deep" / "results.parquet"
    write_table(frame, path, trainings={"a": 1})
    table, stated = read_table(path)
    assert stated == {"format": FORMAT, "trainings": {"a": 1}}
    assert table.schema.names == SCHEMA.names
    pd.testing.assert_frame_equal(typed(table), frame, check_categorical=False)
    assert [p.name for p in path.parent.iterdir()] == ["results.parquet"]
    keys = frame[["fold", "system", "seed"]].drop_duplicates().astype(str).to_numpy().tolist()
    assert keys == [
        [f"within/emodb/{speaker}", system, seed]
        for speaker in ("9", "10", "a")
        for system in ("dnn-stl", "svm")
        for seed in ("0", "1")
    ]


def test_other_programs_read_the_table(tmp_path: Path) -> None:
    write_table(table_of(FOLDS), tmp_path / "results.parquet")
    frame = pd.read_parquet(tmp_path / "results.parquet")
    right = frame["y_true"].astype(str) == frame["y_pred"].astype(str)
    assert right.groupby(frame["system"].astype(str)).mean().tolist() == [0.35, 0.35]
    np.testing.assert_allclose(frame[[*PROBABILITIES]].sum(axis=1), 1)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_table_cut_short_is_an_error(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "results.parquet"
    write_table(table_of(FOLDS[:1]), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(
        ArtifactError, match=r"results\.parquet is damaged or cut short .*delete it"
    ):
        read_table(path)


def test_other_file_and_no_file_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "results.parquet"
    path.write_bytes(b"not a table")
    with pytest.raises(ArtifactError, match=r"results\.parquet is damaged"):
        read_table(path)
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "nowhere.parquet")


def test_table_of_another_version_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results.parquet"
    write_table(table_of(FOLDS[:1]), path, format=7)
    with pytest.raises(ArtifactError, match=f"has format 7, and this version .* reads {FORMAT}"):
        read_table(path)


def test_table_written_by_another_program_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results.parquet"
    table_of(FOLDS[:1]).to_parquet(path)
    with pytest.raises(ArtifactError, match="lacks the metadata of voxaffect, so another program"):
        read_table(path)


@pytest.mark.parametrize("name", ["y_true", "speaker", "p_happy", "fold_digest"])
def test_missing_column_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / "results.parquet"
    write_table(table_of(FOLDS[:1]), path)
    pq.write_table(pq.read_table(path).drop_columns([name]), path)
    with pytest.raises(ArtifactError, match=f"lacks the column {name} of a table of results"):
        read_table(path)


def test_column_of_another_type_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results.parquet"
    write_table(table_of(FOLDS[:1]), path)
    table = pq.read_table(path)
    words = pa.array(["once"] * len(table))
    pq.write_table(table.set_column(table.column_names.index("seed"), "seed", words), path)
    with pytest.raises(ArtifactError, match=r"has a column of another type .*once"):
        read_table(path)


def test_rows_of_runs_with_different_folds_are_an_error() -> None:
    one = table_of(FOLDS[:1])
    check_folds(table_of(FOLDS), "results.parquet")
    other = one.assign(fold_digest="other", system="dnn-mtl")
    with pytest.raises(FoldError, match="2 different folds named within/emodb/10"):
        check_folds(pd.concat([one, other]).astype({"fold_digest": str}), "results.parquet")
    with pytest.raises(
        FoldError, match=r"the utterance emodb/10/0 twice in within/emodb/10 for svm"
    ):
        check_folds(pd.concat([one, one]), "results.parquet")


def test_confusions_are_counts_of_groups() -> None:
    index, matrices = confusions(table_of(FOLDS), ["system", "seed"])
    assert [*index] == [("dnn-stl", 0), ("dnn-stl", 1), ("svm", 0), ("svm", 1)]
    expected = 3 * np.array([[2, 8, 0, 0], [0, 3, 7, 0], [0, 0, 4, 6], [5, 0, 0, 5]])
    for matrix in matrices:
        np.testing.assert_array_equal(matrix, expected)


def test_metrics_leave_out_absent_classes() -> None:
    found = row(metrics_by(table_of([result("aibo", "svm", (5, 10, -1, 0))]), ["system"]), "svm")
    assert (found["n"], found["ua"], found["chance"]) == (30, 0.5, pytest.approx(1 / 3))
    assert np.isnan(found["recall_sad"])


def test_seeds_are_averaged_within_folds_before_folds_are() -> None:
    # Fold a: .2 and .4 by seed, so .3; fold b has one seed, .9. Averaging at once would give .5.
    cell = score(
        [
            result("emodb/a", "svm", (2, 2, 2, 2), seed=0),
            result("emodb/a", "svm", (4, 4, 4, 4), seed=1),
            result("emodb/b", "svm", (9, 9, 9, 9), seed=0),
        ]
    )
    assert cell["ua"] == pytest.approx(0.6)
    assert cell["sd"] == pytest.approx(stdev([0.3, 0.9]))
    assert (cell["n_seeds"], cell["n"], cell["n_folds"]) == (2, 80, 2)


def test_pooled_metrics_join_folds_and_average_seeds_last() -> None:
    # 8 of 40 in fold a and 72 of 80 in fold b: pooled 80 / 120 whereas the folds' mean is .55.
    folds = [result("e/a", "svm", (2,) * 4), result("e/b", "svm", (18,) * 4, of=20)]
    assert score(folds)["ua"] == pytest.approx(0.55)
    assert score(folds)["wa"] == pytest.approx(80 / 120)
    assert score(folds)["pooled_ua"] == pytest.approx(80 / 120)
    twice = [*folds, result("e/a", "svm", (10,) * 4, seed=1)]
    assert score(twice)["wa"] == pytest.approx((80 / 120 + 1) / 2)


def test_one_fold_has_no_deviation_and_chance_depends_on_the_classes_tested() -> None:
    cell = score([result("aibo", "svm", (5, 5, -1, 5), protocol="cross")])
    assert np.isnan(cell["sd"])
    assert cell["chance"] == pytest.approx(1 / 3)
    assert cell["ua"] == pytest.approx(0.5)


def test_only_systems_with_all_folds_are_complete() -> None:
    scores = score_table(
        table_of(
            [
                result("a", "svm", (2,) * 4, protocol="cross"),
                result("b", "svm", (6, 6, -1, 6), protocol="cross"),
                result("a", "dnn-stl", (9,) * 4, protocol="cross"),
            ]
        )
    )
    scores = pick(scores, protocol="cross")
    assert by_system(scores)["svm"].tolist() == pytest.approx([0.2, 0.6])
    assert by_system(scores)["dnn-stl"].isna().tolist() == [False, True]
    assert complete(scores) == ["svm"]
    assert complete(scores, ["a"]) == ["dnn-stl", "svm"]
    assert chance(scores) == pytest.approx((1 / 4 + 1 / 3) / 2)


@given(st.permutations(["dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl", "lstm-gender", "svm"]))
def test_systems_are_in_the_order_of_the_paper(systems: list[str]) -> None:
    expected = ("dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl", "lstm-gender", "svm")
    assert display_order(systems) == expected


def test_shares_sum_to_one_except_where_a_class_is_absent() -> None:
    rows = shares(np.array([[1, 3, 0, 0], [0, 0, 0, 0], [0, 0, 5, 0], [2, 2, 2, 2]]))
    assert np.nansum(rows, axis=1).tolist() == [1, 0, 1, 1]
    assert np.isnan(rows[1]).all()
