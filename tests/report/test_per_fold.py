from __future__ import annotations

from dataclasses import replace

from tests.report.runs import full_run, result
from voxaffect.evaluation.experiment.run import Run
from voxaffect.report.per_fold import per_fold
from voxaffect.report.table import ABSENT


def test_a_row_has_every_seed_their_mean_and_what_chose_the_epochs() -> None:
    one = result("emodb/a", "dnn-stl", (5,) * 4)
    two = result("emodb/a", "dnn-stl", (6,) * 4, seed=1)
    results = tuple(replace(r, details={**r.details, "n_dev": 64}) for r in (one, two))
    section = per_fold(Run({}, (), {}, results))
    assert section is not None
    (table,) = section.more
    assert table.columns == ("Fold", "System", "n", "Seed 0", "Seed 1", "Mean", "Dev", "Epochs")
    texts = [cell.text for cell in table.rows[0]]
    assert texts == ["emodb/a", "dnn-stl", "40", ".500", ".600", ".550", "64", "2/4, 2/3"]


def test_one_seed_has_no_mean_and_what_is_missing_is_absent() -> None:
    section = per_fold(Run({}, (), {}, (result("emodb/a", "svm", (5,) * 4),)))
    assert section is not None
    assert [cell.text for cell in section.more[0].rows[0]] == [
        *("emodb/a", "svm", "40", ".500", ABSENT, ABSENT)
    ]
    gap = (result("emodb/a", "svm", (5,) * 4), result("emodb/b", "svm", (5,) * 4, seed=1))
    section = per_fold(Run({}, (), {}, gap))
    assert section is not None
    shown = [[cell.text for cell in row[3:6]] for row in section.more[0].rows]
    assert shown == [[".500", ABSENT, ".500"], [ABSENT, ".500", ".500"]]


def test_every_protocol_has_a_table_and_no_results_no_section() -> None:
    section = per_fold(full_run())
    assert section is not None
    assert [len(table.rows) for table in section.more] == [45, 20, 5]
    assert per_fold(Run({}, (), {}, ())) is None
