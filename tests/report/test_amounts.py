from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evaluation.amounts import at_share, run_of, thinned_run
from tests.report.runs import full_run, row
from voxaffect.evaluation.scores.amounts import by_amount
from voxaffect.evaluation.summary import summarise_run
from voxaffect.report.amounts import FEW, section
from voxaffect.report.figures.draw import draw_all
from voxaffect.report.section import Section
from voxaffect.report.sections import sections
from voxaffect.report.table import ABSENT


def shown() -> Section:
    run = thinned_run()
    found = section(by_amount(run), draw_all(run, summarise_run(run)))
    assert found is not None
    return found


def test_a_run_without_thinned_training_sets_has_no_such_section() -> None:
    assert section(by_amount(full_run()), ()) is None
    keys = [part.key for part in sections(full_run(), summarise_run(full_run()), ())]
    assert "amounts" not in keys


def test_a_row_a_share_with_its_n_and_the_best_system_marked() -> None:
    table, _ = shown().tables
    assert row(table, "10 %") == {
        "Share": "10 %", "Utterances": "22", "Folds": "6", "Seeds": "1",
        "dnn-stl": ".200", "dnn-mtl": ".417",
    }  # fmt: skip
    (whole,) = [cells for cells in table.rows if cells[0].text == "100 %"]
    assert [cell.best for cell in whole[-2:]] == [True, True]


def test_gains_say_where_too_few_folds_differ() -> None:
    _, gains = shown().tables
    cells = [[cell.text for cell in cells] for cells in gains.rows]
    assert cells == [
        ["within", "dnn-mtl over dnn-stl", "10 %", "6", "6", "0", "+.217", ".063"],
        ["within", "dnn-mtl over dnn-stl", "100 %", "6", "1", "1", "+.000", ABSENT],
    ]
    assert FEW in gains.notes


def test_systems_with_other_numbers_of_folds_are_told() -> None:
    run = thinned_run()
    extra = [at_share(s, "emodb/9", "dnn-stl", 4, n_train=900) for s in (0.1, 1.0)]
    found = section(by_amount(run_of([*run.results, *run.thinned, *extra])), ())
    assert found is not None
    assert row(found.tables[0], "100 %")["Folds"] == "6 to 7"
    assert row(found.tables[0], "100 %")["Utterances"] == "202 to 302"


def test_a_share_that_a_system_lacks_is_absent() -> None:
    run = thinned_run()
    other = [at_share(1.0, f"emodb/{n}", "svm", 9, n_train=200) for n in range(6)]
    found = section(by_amount(replace(run, results=(*run.results, *other))), ())
    assert found is not None
    assert row(found.tables[0], "10 %")["svm"] == ABSENT
    assert row(found.tables[0], "100 %")["svm"] == ".900"


def test_its_place_is_behind_the_experiments_with_pictures_of_its_own() -> None:
    run = thinned_run()
    parts = sections(run, summarise_run(run), draw_all(run, summarise_run(run)))
    keys = [part.key for part in parts]
    assert keys.index("aggregated") < keys.index("amounts") < keys.index("making")
    (own,) = [part for part in parts if part.key == "amounts"]
    assert [picture.name for picture in own.pictures] == ["amounts-within"]
    others = [picture.name for part in parts if part.key != "amounts" for picture in part.pictures]
    assert not any(name.startswith("amounts") for name in others)


@pytest.mark.parametrize("sentence", ["dev and test sets stayed", "smaller share is part of"])
def test_the_lead_says_what_was_done(sentence: str) -> None:
    assert sentence in " ".join(shown().lead)
