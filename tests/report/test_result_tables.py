from __future__ import annotations

import re
from dataclasses import replace

from tests.report.runs import full_results, full_run, result, row, run_of, table_of
from voxaffect.evaluation.comparisons import Comparison
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.intervals import Estimate
from voxaffect.evaluation.summary import Summary
from voxaffect.report import result_tables
from voxaffect.report.findings import significance
from voxaffect.report.result_tables import per_fold
from voxaffect.report.table import Table
from voxaffect.report.text import ABSENT


def compared(protocol: str = "within", test: str | None = "emodb") -> tuple[Comparison, ...]:
    return Summary(full_run()).compared(protocol, test)


def test_comparison_has_pairs_gain_effect_size_and_significance() -> None:
    found = row(result_tables.comparisons(compared()[:1]), "dnn-mtl")
    assert found["Baseline"] == "dnn-stl"
    assert (found["Pairs"], found["UA gain"]) == ("8 speakers", "+.100")
    assert (found["Wins/losses"], found["Effect size"]) == ("8 : 0", "+1.000")
    assert (found["p"], found["p (Holm)"], found["Result"]) == (".008", ".047", "significant")
    assert found["Pooled gain [95 % CI]"].startswith("+.100 [+.0")


def test_too_few_pairs_are_not_tested() -> None:
    table = result_tables.comparisons(compared("cross", None))
    assert {cells[-1].text for cells in table.rows} == {"too few corpora (3) for a test"}
    assert {cells[-2].text for cells in table.rows} == {ABSENT}
    assert result_tables.NO_INTERVAL in table.notes
    assert result_tables.POOLED not in table.notes


def test_too_few_different_pairs_and_equal_pairs_are_distinguished() -> None:
    few = replace(compared()[0], n_better=2, n_worse=1, reachable=False)
    none = replace(few, n_better=0, n_worse=0)
    assert significance(few) == "too few speakers differ (3 of 8)"
    assert significance(none) == "equal on 8 speakers"
    assert significance(replace(compared()[0], p_holm=0.2)) == "not significant"


def test_notes_have_the_holm_family_and_lost_classes() -> None:
    one, *_ = compared()
    lost = replace(one, n_family=9, pooled=Estimate(0.1, 0.0, 0.2, 8, 0.0213))
    notes = result_tables.notes([one, lost])
    assert "Holm correction: 6 to 9 comparisons with the same test set" in " ".join(notes)
    assert "Up to 2.1 % of the resamples lack a class" in " ".join(notes)
    assert result_tables.NO_INTERVAL not in notes
    assert not any("lack a class" in note for note in result_tables.notes([one]))


def test_fold_row_has_seeds_mean_dev_and_epochs() -> None:
    one = result("emodb/a", "dnn-stl", (5,) * 4)
    two = result("emodb/a", "dnn-stl", (6,) * 4, seed=1)
    results = tuple(replace(r, details={**r.details, "n_dev": 64}) for r in (one, two))
    section = per_fold(run_of(results))
    assert section is not None
    (table,) = section.more
    assert table.columns == ("Fold", "System", "n", "Seed 0", "Seed 1", "Mean", "Dev", "Epochs")
    texts = [cell.text for cell in table.rows[0]]
    assert texts == ["emodb/a", "dnn-stl", "40", ".500", ".600", ".550", "64", "2/4, 2/3"]


def test_one_seed_has_no_mean_and_missing_values_are_absent() -> None:
    section = per_fold(run_of([result("emodb/a", "svm", (5,) * 4)]))
    assert section is not None
    assert [cell.text for cell in section.more[0].rows[0]] == [
        *("emodb/a", "svm", "40", ".500", ABSENT, ABSENT)
    ]
    gap = (result("emodb/a", "svm", (5,) * 4), result("emodb/b", "svm", (5,) * 4, seed=1))
    section = per_fold(run_of(gap))
    assert section is not None
    shown = [[cell.text for cell in row[3:6]] for row in section.more[0].rows]
    assert shown == [[".500", ABSENT, ".500"], [ABSENT, ".500", ".500"]]


def test_per_fold_has_a_table_per_protocol() -> None:
    section = per_fold(full_run())
    assert section is not None
    assert [len(table.rows) for table in section.more] == [45, 20, 5]
    assert per_fold(Run({}, (), {})) is None


def accuracy(run: Run, protocol: str) -> Table:
    return result_tables.unweighted_accuracy(Summary(run), protocol)


def pooled(run: Run, protocol: str) -> Table:
    return result_tables.pooled_accuracy(Summary(run), protocol)


def test_within_shows_mean_and_deviation_and_marks_best_and_significant() -> None:
    table = accuracy(full_run(), "within")
    emodb = row(table, "emodb")
    assert emodb["dnn-stl"] == ".472 ± .035"
    assert emodb["dnn-mtl"].endswith("*")
    assert row(table, "urdu")["Chance"] == ".333"
    assert row(table, "mean")["dnn-stl"] == ".436"
    assert [cell.best for cell in table.rows[0]] == [False] * 6 + [True]
    assert result_tables.SIGNIFICANT in table.notes


def test_cross_has_means_of_natural_acted_and_all() -> None:
    table = accuracy(full_run(), "cross")
    assert [cells[0].text for cells in table.foot] == ["mean of natural", "mean of acted", "mean"]
    assert row(table, "mean of natural")["dnn-stl"] == ".363"
    assert row(table, "mean")["dnn-stl"] == ".350"


def test_missing_results_are_absent_and_not_ranked() -> None:
    lacking = {"within/urdu/?", "within/emodb/a"}
    kept = [r for r in full_results() if not (r.system == "svm" and r.fold in lacking)]
    table = accuracy(full_run(results=kept), "within")
    assert row(table, "urdu")["svm"] == ABSENT
    assert row(table, "mean")["svm"] == ABSENT
    assert "(7 of 8 folds)" in row(table, "emodb")["svm"]
    assert not any(cell.best for cells in table.body for cell in cells[-1:])
    assert any("missing folds are not ranked" in note for note in table.notes)


def test_confusions_are_shares_of_the_true_class_and_counts() -> None:
    one = result("aggregated", "svm", (8, 5, -1, 10), protocol="aggregated")
    (table,) = result_tables.confusion_tables(table_of([one]), "aggregated")
    assert table.title == "Table 4. Confusion matrix of svm: UA .767"
    shown = [*row(table, "neutral").values()]
    assert shown == ["neutral", ".800 (8)", ".200 (2)", ".000 (0)", ".000 (0)", "10"]
    assert set(list(row(table, "sad").values())[1:]) == {ABSENT}


def test_every_system_and_test_set_has_a_confusion_matrix() -> None:
    results = full_run().results
    cross = results[results["protocol"] == "cross"]
    titles = [table.title for table in result_tables.confusion_tables(cross, "cross")]
    assert len(titles) == 4 * 5
    assert "Confusion matrix of svm on iemocap:natural: UA .438" in titles


def test_single_pair_is_noted_as_not_tested() -> None:
    assert any("one pair cannot reach" in note for note in accuracy(full_run(), "aggregated").notes)


def test_pooled_accuracy_has_intervals_for_enough_known_speakers() -> None:
    table = pooled(full_run(), "within")
    assert re.fullmatch(r"\.472 \[\.4\d\d, \.[45]\d\d\]", row(table, "emodb")["dnn-stl"])
    assert row(table, "urdu")["dnn-stl"] == ".400"
    assert row(table, "mean")["dnn-stl"] == ".436"
    assert [cell.best for cell in table.rows[0]] == [False] * 5 + [True]
    assert table.notes == (result_tables.INTERVAL, result_tables.NO_INTERVAL)


def test_pooled_accuracy_with_missing_folds_and_test_sets() -> None:
    lost = {("svm", "within/emodb/a"), ("dnn-stl", "within/urdu/?")}
    kept = [r for r in full_results() if (r.system, r.fold) not in lost]
    table = pooled(full_run(results=kept), "within")
    assert row(table, "emodb")["svm"].startswith(".6")
    assert row(table, "urdu")["dnn-stl"] == row(table, "mean")["dnn-stl"] == ABSENT
